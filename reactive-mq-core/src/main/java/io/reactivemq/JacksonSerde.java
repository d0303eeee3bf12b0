package io.reactivemq;

import java.nio.ByteBuffer;
import tools.jackson.databind.ObjectReader;
import tools.jackson.databind.ObjectWriter;
import tools.jackson.databind.json.JsonMapper;

/** JSON by Jackson 3, which is an optional dependency: this class is loaded only by who asks for it. */
final class JacksonSerde<T> implements Serde<T> {

    private final ObjectWriter writer;
    private final ObjectReader reader;

    private JacksonSerde(ObjectWriter writer, ObjectReader reader) {
        this.writer = writer;
        this.reader = reader;
    }

    static <T> Serde<T> of(Class<T> type) {
        JsonMapper mapper = JsonMapper.shared();
        return new JacksonSerde<>(mapper.writerFor(type), mapper.readerFor(type));
    }

    @Override
    public byte[] serialize(T value) {
        return writer.writeValueAsBytes(value);
    }

    @Override
    public T deserialize(ByteBuffer data) {
        byte[] bytes = Serdes.bytes().deserialize(data);
        T value = reader.readValue(bytes);
        if (value == null) {
            throw new IllegalArgumentException("the JSON null is no value; a record without one has none");
        }
        return value;
    }
}
