package io.reactivemq.netty.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.netty.protocol.KafkaCodec;
import io.reactivemq.netty.protocol.RequestHeader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HexFormat;
import java.util.function.UnaryOperator;

/** A conversation with a server, over a socket, as it is written down. What a broker makes up (ids, times) is the same each time. */
final class WireTranscript implements AutoCloseable {

    private final RunningServer server;
    private final StringBuilder text = new StringBuilder();
    private RawClient client;
    private int correlationId;

    WireTranscript(String about, UnaryOperator<KafkaServer> options) throws IOException {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(
                16 << 20, o -> o.runtime(new FixedRuntime()).groupInitialRebalanceDelay(Duration.ZERO));
        server = RunningServer.over(
                broker, kafka -> options.apply(kafka.clusterId("transcripts").advertised("broker.example", 9092)));
        client = new RawClient(server.port());
        text.append("# ").append(about.replace("\n", "\n# ")).append("\n");
    }

    /** A new connection; the one before stays as it is. */
    void connect() throws IOException {
        client.close();
        client = new RawClient(server.port());
        text.append("\nclient connects anew\n");
    }

    /** A topic of one partition, which nobody speaks of. */
    void createTopic(String name) {
        server.broker().createTopic(NewTopic.of(name, 1)).block(RunningServer.PATIENCE);
    }

    void remark(String remark) {
        text.append("\n# ").append(remark).append('\n');
    }

    /** Sends a request and writes down both it and its answer, which is returned. */
    <A extends ApiMessage> A ask(ApiMessageType api, int version, ApiMessage body, Class<A> answer) throws Exception {
        RequestHeader header = send(api, version, body);
        ByteBuffer content = client.receiveFrame();
        told(api, version, content);
        return answer.cast(KafkaCodec.readResponse(content, header));
    }

    RequestHeader send(ApiMessageType api, int version, ApiMessage body) throws IOException {
        RequestHeader header = new RequestHeader(api, (short) version, ++correlationId, "transcript");
        ByteBuf buffer = KafkaCodec.writeRequest(UnpooledByteBufAllocator.DEFAULT, header, body);
        byte[] frame = new byte[buffer.readableBytes()];
        buffer.readBytes(frame).release();
        text.append("\nclient: ").append(api.name).append(" v").append(version).append('\n');
        text.append(FrameText.request(frame));
        client.sendBytes(frame);
        return header;
    }

    /** Sends bytes that are no request as the codec would write one. */
    void sendBytes(String what, String hex) throws IOException {
        byte[] bytes = HexFormat.of().parseHex(hex.replace(" ", ""));
        text.append("\nclient: ").append(what).append('\n').append(FrameText.bytes(bytes));
        client.sendBytes(bytes);
    }

    /** Writes down the next answer, as one to that API at that version. */
    void answered(ApiMessageType api, int version) throws IOException {
        told(api, version, client.receiveFrame());
    }

    private void told(ApiMessageType api, int version, ByteBuffer content) {
        byte[] frame = ByteBuffer.allocate(KafkaCodec.LENGTH_BYTES + content.remaining())
                .putInt(content.remaining())
                .put(content.duplicate())
                .array();
        text.append("server: ").append(api.name).append(" v").append(version).append('\n');
        text.append(FrameText.response(api.apiKey(), version, frame));
    }

    void closed() throws IOException {
        assertThat(client.isClosedByServer()).isTrue();
        text.append("server closes the connection\n");
    }

    @Override
    public String toString() {
        return text.toString();
    }

    @Override
    public void close() throws IOException {
        client.close();
        server.close();
    }
}
