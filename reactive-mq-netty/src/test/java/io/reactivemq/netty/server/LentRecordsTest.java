package io.reactivemq.netty.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Durability;
import io.reactivemq.Headers;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.FetchLease;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.ForwardingBroker;
import io.reactivemq.broker.LentRecords;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.FetchRequestData;
import io.reactivemq.kafka.common.message.FetchResponseData;
import io.reactivemq.kafka.common.record.internal.MemoryRecords;
import io.reactivemq.netty.protocol.RequestHeader;
import io.reactivemq.netty.security.ServerTls;
import io.reactivemq.record.RecordBatchBuilder;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import reactor.core.publisher.Mono;

@DisplayName("What a fetch reads from files")
class LentRecordsTest {

    private static final TopicPartition P0 = new TopicPartition("orders", 0);
    private static final TopicPartition P1 = new TopicPartition("orders", 1);
    private static final int VALUE_BYTES = 60_000;
    private static final int BATCHES = 30;

    @TempDir
    private Path directory;

    private final List<byte[]> values = new ArrayList<>();

    private Watched broker() {
        EmbeddedBroker files = EmbeddedBroker.openNow(
                directory.resolve("data"), RunningServer.PATIENCE, o -> o.durability(Durability.OS_BUFFERED));
        files.createTopic(NewTopic.of("orders", 2)).block(RunningServer.PATIENCE);
        Random random = new Random(17);
        for (int i = 0; i < BATCHES; i++) {
            byte[] value = new byte[VALUE_BYTES];
            random.nextBytes(value);
            values.add(value);
            append(files, P0, value);
        }
        append(files, P1, new byte[10]);
        return new Watched(files);
    }

    private static void append(Broker broker, TopicPartition partition, byte[] value) {
        RecordBatchBuilder batch = new RecordBatchBuilder(VALUE_BYTES + 200, VALUE_BYTES + 200);
        batch.tryAppend(1_000, null, value, Headers.empty());
        broker.append(Caller.embedded("test"), partition, batch.build(), Acks.ALL)
                .block(RunningServer.PATIENCE);
    }

    @Test
    @DisplayName(
            "comes over the wire byte for byte, small parts copied and large ones lent, and goes back when it is sent")
    void bytes() throws Exception {
        Watched broker = broker();
        try (RunningServer server = RunningServer.over(broker, options -> options);
                RawClient client = new RawClient(server.port())) {
            for (int maxBytes : new int[] {1, 100_000, 1 << 20, 50 << 20}) {
                FetchResponseData found =
                        (FetchResponseData) client.receive(client.send(ApiMessageType.FETCH, 12, fetch(0, maxBytes)));
                FetchResult copied = Objects.requireNonNull(broker.inner
                        .fetch(
                                Caller.embedded("test"),
                                new FetchRequest(
                                        List.of(new FetchRequest.Partition(P0, 0, maxBytes)),
                                        0,
                                        maxBytes,
                                        Duration.ZERO))
                        .block(RunningServer.PATIENCE));
                assertThat(recordsOf(found, 0))
                        .isEqualTo(copied.partitions().get(0).records());
                assertThat(recordsOf(found, 1).remaining()).isBetween(1, 200);
                awaitTrue(() -> broker.open.get() == 0);
            }
            assertThat(broker.lent.get()).as("partitions that were lent").isEqualTo(4);
        }
    }

    @Test
    @DisplayName("is not lent under TLS, and comes to Kafka's consumer as it was sent")
    void underTls() throws Exception {
        Path serverPem = Certificates.server(directory);
        Watched broker = broker();
        try (RunningServer server = RunningServer.over(broker, o -> o.tls(ServerTls.ofPem(serverPem, serverPem)));
                KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(
                        Map.of(
                                "bootstrap.servers",
                                server.bootstrap(),
                                "security.protocol",
                                "SSL",
                                "ssl.truststore.type",
                                "PEM",
                                "ssl.truststore.location",
                                serverPem.toString(),
                                "ssl.endpoint.identification.algorithm",
                                ""),
                        new ByteArrayDeserializer(),
                        new ByteArrayDeserializer())) {
            org.apache.kafka.common.TopicPartition first = new org.apache.kafka.common.TopicPartition("orders", 0);
            consumer.assign(List.of(first));
            consumer.seekToBeginning(List.of(first));
            List<byte[]> got = new ArrayList<>();
            long deadline = System.nanoTime() + RunningServer.PATIENCE.toNanos();
            while (got.size() < BATCHES && System.nanoTime() < deadline) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                    got.add(record.value());
                }
            }
            assertThat(got).hasSameSizeAs(values);
            for (int i = 0; i < BATCHES; i++) {
                assertThat(Arrays.equals(got.get(i), values.get(i)))
                        .as("value %d", i)
                        .isTrue();
            }
            assertThat(broker.lent.get()).isZero();
        }
    }

    @Test
    @DisplayName(
            "is not lent for more than one answer to a client that asks and does not read, and goes back when the client goes")
    void slowClient() throws Exception {
        Watched broker = broker();
        try (RunningServer server = RunningServer.over(broker, options -> options)) {
            try (RawClient client = new RawClient(server.port())) {
                RequestHeader first = client.send(ApiMessageType.FETCH, 12, fetch(0, 50 << 20));
                for (int i = 0; i < 200; i++) {
                    client.send(ApiMessageType.FETCH, 12, fetch(0, 50 << 20));
                }
                client.receive(first);
                client.receive(new RequestHeader(ApiMessageType.FETCH, (short) 12, 2, "raw"));
                awaitTrue(() -> broker.open.get() > 0);
            }
            awaitTrue(() -> broker.open.get() == 0);
            // the answer that is being written, and the one that was begun when that had almost gone
            assertThat(broker.openMax.get()).as("lent at a time").isBetween(1, 2);
        }
    }

    @Test
    @DisplayName("goes back at once when it is found after the client has gone")
    void lateAnswer() {
        FetchLease lease = new FetchLease();
        AtomicInteger back = new AtomicInteger();
        lease.lend(new Probe(back));
        assertThat(back).hasValue(0);
        lease.close();
        lease.close();
        assertThat(back).hasValue(1);
        lease.lend(new Probe(back));
        assertThat(back).hasValue(2);
    }

    private static FetchRequestData fetch(long offset, int maxBytes) {
        FetchRequestData.FetchTopic topic = new FetchRequestData.FetchTopic().setTopic("orders");
        for (int partition = 0; partition < 2; partition++) {
            topic.partitions()
                    .add(new FetchRequestData.FetchPartition()
                            .setPartition(partition)
                            .setFetchOffset(offset)
                            .setPartitionMaxBytes(maxBytes));
        }
        return new FetchRequestData()
                .setMaxWaitMs(0)
                .setMinBytes(0)
                .setMaxBytes(55 << 20)
                .setTopics(List.of(topic));
    }

    private static ByteBuffer recordsOf(FetchResponseData found, int partition) {
        return ((MemoryRecords)
                        found.responses().get(0).partitions().get(partition).records())
                .buffer();
    }

    private static void awaitTrue(BooleanSupplier condition) {
        long deadline = System.nanoTime() + RunningServer.PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    /** Counts what is lent and comes back. */
    private static final class Watched extends ForwardingBroker {

        private final Broker inner;
        private final AtomicInteger lent = new AtomicInteger();
        private final AtomicInteger open = new AtomicInteger();
        private final AtomicInteger openMax = new AtomicInteger();

        Watched(Broker inner) {
            super(inner);
            this.inner = inner;
        }

        @Override
        protected <T> Mono<T> forward(Mono<T> request) {
            return request;
        }

        @Override
        public Mono<FetchResult> fetch(Caller caller, FetchRequest request) {
            return super.fetch(caller, request).doOnNext(result -> {
                for (FetchResult.Partition part : result.partitions()) {
                    FetchLease lease = request.lease();
                    if (part.lent() != null && lease != null) {
                        lent.incrementAndGet();
                        openMax.accumulateAndGet(open.incrementAndGet(), Math::max);
                        lease.lend(new Probe(open, -1));
                    }
                }
            });
        }
    }

    /** Tells when it comes back. */
    private record Probe(AtomicInteger count, int change) implements LentRecords {

        Probe(AtomicInteger back) {
            this(back, 1);
        }

        @Override
        public FileChannel channel() {
            throw new UnsupportedOperationException();
        }

        @Override
        public long position() {
            return 0;
        }

        @Override
        public int size() {
            return 1;
        }

        @Override
        public void close() {
            count.addAndGet(change);
        }
    }
}
