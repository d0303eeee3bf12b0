package io.reactivemq.netty.server;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.Counter;
import io.reactivemq.MqRuntime;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.FetchRequestData;
import io.reactivemq.kafka.common.message.FetchResponseData;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.scheduler.Scheduler;

@DisplayName("Kafka's consumer, whose fetches have sessions,")
class FetchSessionClientsTest {

    private static final int PARTITIONS = 60;

    private final List<String> read = new ArrayList<>();
    private final List<String> sent = new ArrayList<>();

    private static List<TopicPartition> partitions(String... topics) {
        return Stream.of(topics)
                .flatMap(topic -> IntStream.range(0, PARTITIONS).mapToObj(i -> new TopicPartition(topic, i)))
                .toList();
    }

    private static void create(Broker broker, String... topics) {
        for (String topic : topics) {
            broker.createTopic(NewTopic.of(topic, PARTITIONS)).block(RunningServer.PATIENCE);
        }
    }

    private static KafkaConsumer<String, String> consumer(RunningServer server, String... topics) {
        KafkaConsumer<String, String> consumer =
                server.consumer(Map.of("fetch.max.wait.ms", 50, "retry.backoff.ms", 20));
        consumer.assign(partitions(topics));
        return consumer;
    }

    private static KafkaProducer<String, String> producer(RunningServer server) {
        return server.producer(Map.of("retry.backoff.ms", 20));
    }

    /** Some records for some partitions; each value once. */
    private void send(KafkaProducer<String, String> producer, String topic, int count) throws Exception {
        List<Future<RecordMetadata>> results = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            String value = topic + " " + sent.size();
            sent.add(value);
            results.add(producer.send(new ProducerRecord<>(topic, sent.size() * 7 % PARTITIONS, null, value)));
        }
        for (Future<RecordMetadata> result : results) {
            result.get(120, SECONDS);
        }
    }

    private void poll(KafkaConsumer<String, String> consumer) {
        consumer.poll(Duration.ofMillis(20)).forEach(record -> read.add(record.value()));
    }

    private void pollUntil(KafkaConsumer<String, String> consumer, String what, BooleanSupplier done) {
        long deadline = System.nanoTime() + RunningServer.PATIENCE.toNanos();
        while (!done.getAsBoolean()) {
            assertThat(System.nanoTime())
                    .as("%s; %d of %d read", what, read.size(), sent.size())
                    .isLessThan(deadline);
            poll(consumer);
        }
    }

    private void readAll(KafkaConsumer<String, String> consumer) {
        pollUntil(consumer, "all that was sent", () -> read.size() >= sent.size());
    }

    private static double used(RunningServer server) {
        return server.meters()
                .get("reactivemq.server.fetch.sessions.used")
                .counter()
                .count();
    }

    private static double open(RunningServer server) {
        return server.meters().get("reactivemq.server.fetch.sessions").gauge().value();
    }

    private static double notFound(RunningServer server) {
        Counter counter = server.meters()
                .find("reactivemq.server.errors")
                .tag("error", "FETCH_SESSION_ID_NOT_FOUND")
                .counter();
        return counter == null ? 0 : counter.count();
    }

    @Test
    @DisplayName("reads many partitions of several topics, paused and resumed, each record once, and ends its session")
    void manyPartitions() throws Exception {
        try (RunningServer server = RunningServer.inMemory()) {
            create(server.broker(), "orders", "returns");
            try (KafkaProducer<String, String> producer = producer(server);
                    KafkaConsumer<String, String> consumer = consumer(server, "orders", "returns")) {
                for (int round = 0; round < 8; round++) {
                    List<TopicPartition> some = partitions("returns").subList(round * 7, PARTITIONS);
                    consumer.pause(some);
                    send(producer, "orders", 50);
                    send(producer, "returns", 50);
                    poll(consumer);
                    poll(consumer);
                    consumer.resume(some);
                    if (round % 3 == 0) {
                        readAll(consumer);
                    }
                }
                readAll(consumer);
                double before = used(server);
                pollUntil(consumer, "fetches of a session", () -> used(server) >= before + 3);
                assertThat(open(server)).isEqualTo(1);
                assertThat(notFound(server)).isZero();
            }
            assertThat(read).containsExactlyInAnyOrderElementsOf(sent);
            long deadline = System.nanoTime() + RunningServer.PATIENCE.toNanos();
            while (open(server) > 0) {
                assertThat(System.nanoTime()).as("the session is ended").isLessThan(deadline);
                Thread.onSpinWait();
            }
        }
    }

    @Test
    @DisplayName("goes on without one when its session had to go, with a new one when there is room, and loses nothing")
    void evicted() throws Exception {
        ShiftedRuntime runtime = new ShiftedRuntime();
        EmbeddedBroker broker = EmbeddedBroker.inMemory(64 << 20, o -> o.runtime(runtime));
        create(broker, "orders");
        try (RunningServer server = RunningServer.over(broker, o -> o.fetchSessionsMax(1));
                KafkaProducer<String, String> producer = producer(server);
                KafkaConsumer<String, String> consumer = consumer(server, "orders");
                RawClient other = new RawClient(server.port())) {
            send(producer, "orders", 100);
            readAll(consumer);
            pollUntil(consumer, "fetches of a session", () -> used(server) >= 3);

            // in use or not: it is old by now, and the other is as large
            runtime.shiftNanos.addAndGet(Duration.ofMinutes(3).toNanos());
            int others = openSession(other);
            assertThat(others).isPositive();
            assertThat(server.meters()
                            .get("reactivemq.server.fetch.sessions.evicted")
                            .counter()
                            .count())
                    .isEqualTo(1);
            double then = used(server);
            pollUntil(consumer, "the end of the session is told", () -> notFound(server) >= 1);
            send(producer, "orders", 100);
            readAll(consumer);
            assertThat(used(server)).as("fetches without a session").isLessThanOrEqualTo(then + 1);

            closeSession(other, others);
            pollUntil(consumer, "a new session", () -> used(server) >= then + 3);
            send(producer, "orders", 100);
            readAll(consumer);
            assertThat(read).containsExactlyInAnyOrderElementsOf(sent);
        }
    }

    private static int openSession(RawClient client) throws Exception {
        FetchRequestData.FetchTopic topic = new FetchRequestData.FetchTopic().setTopic("orders");
        for (int i = 0; i < PARTITIONS; i++) {
            topic.partitions().add(new FetchRequestData.FetchPartition().setPartition(i));
        }
        FetchRequestData body =
                new FetchRequestData().setMaxBytes(1_000).setSessionEpoch(0).setTopics(List.of(topic));
        return ((FetchResponseData) client.receive(client.send(ApiMessageType.FETCH, 12, body))).sessionId();
    }

    private static void closeSession(RawClient client, int id) throws Exception {
        FetchRequestData body = new FetchRequestData().setSessionId(id).setSessionEpoch(-1);
        client.receive(client.send(ApiMessageType.FETCH, 12, body));
    }

    @Test
    @DisplayName("goes on where it was when the server has been started anew, which knows no session")
    void restarted() throws Exception {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(64 << 20);
        create(broker, "orders");
        RunningServer first = RunningServer.over(broker, o -> o);
        int port = first.port();
        try (KafkaProducer<String, String> producer = producer(first);
                KafkaConsumer<String, String> consumer = consumer(first, "orders")) {
            send(producer, "orders", 100);
            readAll(consumer);
            pollUntil(consumer, "fetches of a session", () -> used(first) >= 3);
            first.server().disposeNow(RunningServer.PATIENCE);
            assertThat(open(first)).isZero();
            poll(consumer);
            try (RunningServer second = RunningServer.over(broker, o -> o.port(port))) {
                send(producer, "orders", 100);
                readAll(consumer);
                pollUntil(consumer, "fetches of a new session", () -> used(second) >= 3);
                assertThat(read).containsExactlyInAnyOrderElementsOf(sent);
            }
        }
    }

    @Test
    @DisplayName("reads a topic that was made anew from its begin, and meanwhile all of the others")
    void madeAnew() throws Exception {
        try (RunningServer server = RunningServer.inMemory()) {
            create(server.broker(), "orders", "returns");
            try (KafkaProducer<String, String> producer = producer(server);
                    KafkaConsumer<String, String> consumer = consumer(server, "orders", "returns")) {
                send(producer, "orders", 3 * PARTITIONS);
                send(producer, "returns", 2 * PARTITIONS); // so that the new one ends before the consumer's positions
                readAll(consumer);
                server.broker().deleteTopic("returns").block(RunningServer.PATIENCE);
                create(server.broker(), "returns");
                send(producer, "orders", PARTITIONS);
                try (KafkaProducer<String, String> anew = producer(server)) {
                    send(anew, "returns", 1);
                }
                pollUntil(consumer, "all, of the topic that was made anew too", () -> read.containsAll(sent));
                double before = used(server);
                pollUntil(consumer, "fetches of a session", () -> used(server) >= before + 3);
            }
        }
    }

    /** The real one, whose clock a test moves on. */
    private static final class ShiftedRuntime implements MqRuntime {

        private final MqRuntime real = MqRuntime.system();
        private final AtomicLong shiftNanos = new AtomicLong();

        @Override
        public long currentTimeMillis() {
            return real.currentTimeMillis();
        }

        @Override
        public long nanoTime() {
            return real.nanoTime() + shiftNanos.get();
        }

        @Override
        public Scheduler timers() {
            return real.timers();
        }

        @Override
        public Scheduler io() {
            return real.io();
        }

        @Override
        public Scheduler workers() {
            return real.workers();
        }

        @Override
        public RandomGenerator random() {
            return real.random();
        }
    }
}
