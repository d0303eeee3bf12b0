package io.reactivemq.examples;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.reactivemq.Headers;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.ApiVersionsRequestData;
import io.reactivemq.kafka.common.message.FetchRequestData;
import io.reactivemq.kafka.common.message.InitProducerIdRequestData;
import io.reactivemq.kafka.common.message.MetadataRequestData;
import io.reactivemq.kafka.common.message.ProduceRequestData;
import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.kafka.common.record.internal.MemoryRecords;
import io.reactivemq.netty.protocol.BadRequestException;
import io.reactivemq.netty.protocol.KafkaCodec;
import io.reactivemq.netty.protocol.RequestHeader;
import io.reactivemq.record.RecordBatchBuilder;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Runs {@code rmq serve} until a first record has come and gone, and ends. The script {@code rmq} has the JVM write down what was loaded meanwhile, and
 * servers start from that (class data sharing).
 *
 * <p>Argument: a directory for the server's data, which stays behind.
 */
final class ServeOnce {

    private static final String TOPIC = "first";

    private static final int PATIENCE_MS = 60_000;

    private static final int PAUSE_MS = 10;

    private final Socket socket;
    private final DataInputStream in;
    private int requests;

    private ServeOnce(Socket socket) throws IOException {
        this.socket = socket;
        this.in = new DataInputStream(socket.getInputStream());
    }

    public static void main(String[] args) throws Exception {
        int port = freePort();
        String[] serve = {"serve", "--data", args[0], "--durability", "os-buffered", "--port", String.valueOf(port)};
        Thread server = new Thread(() -> System.exit(Rmq.commandLine(serve).execute(serve)), "serve");
        server.setDaemon(true);
        server.start();
        try (Socket socket = connected(port)) {
            new ServeOnce(socket).sendAndFetch();
        }
        // the server ends as at a signal
        System.exit(0);
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static Socket connected(int port) throws IOException, InterruptedException {
        for (int waited = 0; ; waited += PAUSE_MS) {
            try {
                return new Socket(InetAddress.getLoopbackAddress(), port);
            } catch (IOException e) {
                if (waited > PATIENCE_MS) {
                    throw e;
                }
                Thread.sleep(PAUSE_MS);
            }
        }
    }

    private void sendAndFetch() throws IOException, BadRequestException {
        ask(
                ApiMessageType.API_VERSIONS,
                4,
                new ApiVersionsRequestData().setClientSoftwareName("rmq").setClientSoftwareVersion("1"));
        MetadataRequestData metadata = new MetadataRequestData().setAllowAutoTopicCreation(true);
        metadata.topics().add(new MetadataRequestData.MetadataRequestTopic().setName(TOPIC));
        ask(ApiMessageType.METADATA, 12, metadata);
        ask(ApiMessageType.INIT_PRODUCER_ID, 5, new InitProducerIdRequestData().setTransactionalId(null));

        RecordBatchBuilder batch = new RecordBatchBuilder(100, 1_000);
        batch.tryAppend(System.currentTimeMillis(), null, TOPIC.getBytes(StandardCharsets.UTF_8), Headers.empty());
        ProduceRequestData produce =
                new ProduceRequestData().setAcks((short) -1).setTimeoutMs(PATIENCE_MS);
        produce.topicData()
                .add(new ProduceRequestData.TopicProduceData()
                        .setName(TOPIC)
                        .setPartitionData(List.of(new ProduceRequestData.PartitionProduceData()
                                .setRecords(MemoryRecords.readableRecords(batch.build())))));
        ask(ApiMessageType.PRODUCE, 12, produce);

        FetchRequestData fetch = new FetchRequestData();
        fetch.topics()
                .add(new FetchRequestData.FetchTopic()
                        .setTopic(TOPIC)
                        .setPartitions(List.of(new FetchRequestData.FetchPartition().setPartitionMaxBytes(1 << 20))));
        ask(ApiMessageType.FETCH, 12, fetch);
    }

    private void ask(ApiMessageType api, int version, ApiMessage body) throws IOException, BadRequestException {
        RequestHeader header = new RequestHeader(api, (short) version, ++requests, "rmq");
        ByteBuf frame = KafkaCodec.writeRequest(UnpooledByteBufAllocator.DEFAULT, header, body);
        frame.getBytes(0, socket.getOutputStream(), frame.readableBytes());
        frame.release();
        byte[] answer = new byte[in.readInt()];
        in.readFully(answer);
        KafkaCodec.readResponse(ByteBuffer.wrap(answer), header);
    }
}
