package io.reactivemq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.apache.kafka.common.serialization.ByteBufferSerializer;
import org.apache.kafka.common.serialization.DoubleSerializer;
import org.apache.kafka.common.serialization.FloatSerializer;
import org.apache.kafka.common.serialization.IntegerSerializer;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.ShortSerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.serialization.UUIDSerializer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("serdes")
class SerdesTest {

    static Stream<Arguments> pairs() {
        return Stream.of(
                Arguments.of(
                        Serdes.shortNumber(), new ShortSerializer(), List.of((short) 0, Short.MIN_VALUE, (short) 258)),
                Arguments.of(Serdes.integer(), new IntegerSerializer(), List.of(0, Integer.MIN_VALUE, 16_909_060)),
                Arguments.of(Serdes.longNumber(), new LongSerializer(), List.of(0L, Long.MIN_VALUE, 1L << 40)),
                Arguments.of(Serdes.floatNumber(), new FloatSerializer(), List.of(0f, -1.5f, Float.NaN)),
                Arguments.of(Serdes.doubleNumber(), new DoubleSerializer(), List.of(0d, -1.5d, Double.MAX_VALUE)),
                Arguments.of(Serdes.uuid(), new UUIDSerializer(), List.of(new UUID(1, 2))),
                Arguments.of(Serdes.string(), new StringSerializer(), List.of("", "grün")),
                Arguments.of(
                        Serdes.byteBuffer(), new ByteBufferSerializer(), List.of(ByteBuffer.wrap(new byte[] {1, 2, 3
                        }))));
    }

    @ParameterizedTest
    @MethodSource("pairs")
    <T> void bytesAreThoseOfKafkaAndComeBack(Serde<T> serde, Serializer<T> kafkas, List<T> values) {
        for (T value : values) {
            byte[] bytes = serde.serialize(value);
            assertThat(bytes).isEqualTo(kafkas.serialize("t", value));
            assertThat(serde.deserialize(ByteBuffer.wrap(bytes).asReadOnlyBuffer()))
                    .isEqualTo(value);
        }
    }

    @Test
    void aNumberOfAnotherLengthIsAnError() {
        assertThatThrownBy(() -> Serdes.longNumber().deserialize(ByteBuffer.wrap(new byte[4])))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("a long has 8 bytes, and here are 4");
    }

    record Order(String customer, int count) {}

    @Test
    void jsonByJackson() {
        Serde<Order> serde = Serdes.json(Order.class);
        byte[] bytes = serde.serialize(new Order("Ada", 3));
        assertThat(new String(bytes, StandardCharsets.UTF_8)).contains("\"customer\":\"Ada\"", "\"count\":3");
        assertThat(serde.deserialize(ByteBuffer.wrap(bytes))).isEqualTo(new Order("Ada", 3));
        assertThatThrownBy(() -> serde.deserialize(ByteBuffer.wrap(new byte[] {'{'})))
                .isInstanceOf(RuntimeException.class);
        assertThatThrownBy(() -> serde.deserialize(ByteBuffer.wrap("null".getBytes(StandardCharsets.UTF_8))))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void withoutJacksonTheErrorNamesTheArtifact() throws Exception {
        Class<?> serdes = new WithoutJackson().loadClass("io.reactivemq.Serdes");
        assertThatThrownBy(() -> serdes.getMethod("json", Class.class).invoke(null, Order.class))
                .isInstanceOf(InvocationTargetException.class)
                .cause()
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("tools.jackson.core:jackson-databind");
    }

    /** Loads the Serdes anew, and knows no Jackson. */
    private static final class WithoutJackson extends ClassLoader {

        WithoutJackson() {
            super(SerdesTest.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (name.startsWith("tools.jackson.")) {
                throw new ClassNotFoundException(name);
            }
            if (!name.startsWith("io.reactivemq.Serde") && !name.equals("io.reactivemq.JacksonSerde")) {
                return super.loadClass(name, resolve);
            }
            Class<?> loaded = findLoadedClass(name);
            if (loaded != null) {
                return loaded;
            }
            try (InputStream in = getResourceAsStream(name.replace('.', '/') + ".class")) {
                if (in == null) {
                    throw new ClassNotFoundException(name);
                }
                byte[] bytes = in.readAllBytes();
                return defineClass(name, bytes, 0, bytes.length);
            } catch (IOException e) {
                throw new ClassNotFoundException(name, e);
            }
        }
    }
}
