package io.reactivemq.test.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.netty.server.KafkaServer;
import io.reactivemq.server.ServeCommand;
import io.reactivemq.test.ChildJvm;
import io.reactivemq.test.history.Anomaly;
import io.reactivemq.test.history.ConsumerHistory;
import io.reactivemq.test.history.Guarantee;
import io.reactivemq.test.history.History;
import io.reactivemq.test.history.ProducerHistory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import reactor.netty.DisposableServer;

/** Kafka's clients, with a bad network between them and a server that ends and comes again on the same directory. {@code reactivemq.chaos.seed} says how bad. */
@DisplayName("Through a bad network, to a server that ends under load and comes again,")
@Tag("wire")
class ChaosTest {

    private static final long SEED = Long.getLong("reactivemq.chaos.seed", 20_262);
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final int PARTITIONS = 2;
    private static final String ORDERS = "orders";
    private static final String LEDGER = "ledger";
    private static final int RESTARTS = 2;

    /** Acknowledged between one restart and the next. */
    private static final int RECORDS_EACH = 400;

    private static final int COMMITS_EACH = 8;
    private static final int RECORDS_OF_TRANSACTION = 4;

    private final History history = new History(System::currentTimeMillis);
    private final AtomicInteger acknowledged = new AtomicInteger();
    private final AtomicInteger committed = new AtomicInteger();
    private final Set<String> sent = ConcurrentHashMap.newKeySet();
    private final Set<String> seenByGroup = ConcurrentHashMap.newKeySet();
    private volatile boolean writing = true;
    private volatile boolean reading = true;

    @Test
    @EnabledIfSystemProperty(
            named = "reactivemq.chaos",
            matches = "true",
            disabledReason = "it runs in real time, and up to a minute: with the soak profile")
    @DisplayName(
            "K04 K06 K12 no acknowledged record of Kafka's producers is lost or there twice, no transaction is torn, and a group sees all, where it cuts its connections and closes its broker")
    void closed(@TempDir Path directory) throws Exception {
        clean(new InThisJvm(directory));
    }

    @Test
    @DisplayName(
            "K04 K06 K12 no acknowledged record of Kafka's producers is lost or there twice, no transaction is torn, and a group sees all, where rmq serve is killed")
    void killed(@TempDir Path directory) throws Exception {
        clean(new KilledProcess(directory));
    }

    private void clean(ServerUnderTest server) throws Exception {
        ExecutorService threads = Executors.newCachedThreadPool();
        try (ChaosProxy proxy = new ChaosProxy(SEED, server::port)) {
            server.advertise(proxy.port());
            server.start();
            String bootstrap = "127.0.0.1:" + proxy.port();
            createTopics(bootstrap);
            List<Future<?>> writers =
                    List.of(threads.submit(() -> writeOrders(bootstrap)), threads.submit(() -> writeLedger(bootstrap)));
            List<Future<?>> readers =
                    List.of(threads.submit(() -> read(bootstrap, "a")), threads.submit(() -> read(bootstrap, "b")));
            for (int i = 1; i <= RESTARTS; i++) {
                int records = i * RECORDS_EACH;
                int commits = i * COMMITS_EACH;
                await("acknowledgements", () -> acknowledged.get() >= records && committed.get() >= commits, writers);
                server.stop();
                history.note("server", "restart " + i);
                server.start();
            }
            int records = acknowledged.get() + RECORDS_EACH;
            await("acknowledgements behind the last restart", () -> acknowledged.get() >= records, writers);
            writing = false;
            proxy.calm();
            for (Future<?> writer : writers) {
                writer.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            }
            await("the group to see all", () -> seenByGroup.containsAll(sent), readers);
            reading = false;
            for (Future<?> reader : readers) {
                reader.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            }
            drain(bootstrap, IsolationLevel.READ_UNCOMMITTED);
            drain(bootstrap, IsolationLevel.READ_COMMITTED);
            System.out.println("chaos of seed " + SEED + ": " + proxy.fates() + ", " + acknowledged + " records and "
                    + committed + " transactions acknowledged");
        } finally {
            writing = false;
            reading = false;
            server.stop();
            threads.shutdownNow();
        }
        List<Anomaly> anomalies = history.check();
        assertThat(anomalies)
                .as("seed %d%n%s", SEED, anomalies.isEmpty() ? "" : history)
                .isEmpty();
    }

    private static void await(String what, BooleanSupplier condition, List<Future<?>> workers) throws Exception {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            for (Future<?> worker : workers) {
                if (worker.isDone()) {
                    worker.get(); // it has failed, since it ends when it is told to
                }
            }
            assertThat(System.nanoTime())
                    .as("waited %s for %s, seed %d", PATIENCE, what, SEED)
                    .isLessThan(deadline);
            pause(20);
        }
    }

    /** An idempotent producer with five requests under way, as Kafka's default is. What it is not told the end of may be there or not. */
    private void writeOrders(String bootstrap) {
        ProducerHistory writer = history.producer("orders", Guarantee.IDEMPOTENT);
        try (KafkaProducer<String, String> producer =
                producer(bootstrap, Map.of("max.in.flight.requests.per.connection", 5))) {
            for (int i = 0; writing; i++) {
                String value = "o" + i;
                writer.sending(ORDERS, value);
                Future<?> unused = producer.send(
                        new ProducerRecord<>(ORDERS, i % PARTITIONS, null, value), (metadata, failure) -> {
                            if (failure == null) {
                                writer.sent(value, new TopicPartition(ORDERS, metadata.partition()), metadata.offset());
                                sent.add(value);
                                acknowledged.incrementAndGet();
                            } else {
                                writer.unknown(value);
                            }
                        });
                pause(2);
            }
        }
    }

    /** A transactional producer: after an error that it can't abort, another takes its place under its id. */
    private void writeLedger(String bootstrap) {
        ProducerHistory writer = history.producer("ledger", Guarantee.TRANSACTIONAL);
        KafkaProducer<String, String> producer = null;
        try {
            for (int i = 0; writing; i++) {
                if (producer == null) {
                    producer = begin(bootstrap);
                    continue;
                }
                if (!transaction(writer, producer, "t" + i)) {
                    producer.close(Duration.ZERO);
                    producer = null;
                }
                pause(5);
            }
        } finally {
            if (producer != null) {
                producer.close(Duration.ZERO);
            }
        }
        // what is open is aborted
        for (KafkaProducer<String, String> last = null; last == null; ) {
            last = begin(bootstrap);
            if (last != null) {
                last.close();
            }
        }
    }

    private static @Nullable KafkaProducer<String, String> begin(String bootstrap) {
        KafkaProducer<String, String> producer = producer(bootstrap, Map.of("transactional.id", "ledger"));
        try {
            producer.initTransactions();
            return producer;
        } catch (KafkaException e) {
            producer.close(Duration.ZERO);
            return null;
        }
    }

    /** Whether the producer can go on. */
    private boolean transaction(ProducerHistory writer, KafkaProducer<String, String> producer, String name) {
        boolean committing = false;
        try {
            producer.beginTransaction();
            for (int i = 0; i < RECORDS_OF_TRANSACTION; i++) {
                String value = name + "-" + i;
                writer.sending(LEDGER, value, name);
                Future<?> unused = producer.send(
                        new ProducerRecord<>(LEDGER, i % PARTITIONS, null, value), (metadata, failure) -> {
                            if (failure == null) {
                                writer.sent(value, new TopicPartition(LEDGER, metadata.partition()), metadata.offset());
                            } else {
                                writer.unknown(value);
                            }
                        });
            }
            producer.flush();
            writer.committing(name);
            committing = true;
            producer.commitTransaction();
            writer.committed(name);
            for (int i = 0; i < RECORDS_OF_TRANSACTION; i++) {
                sent.add(name + "-" + i);
            }
            committed.incrementAndGet();
            return true;
        } catch (KafkaException e) {
            if (committing) {
                writer.unknownEnd(name);
            } else {
                writer.aborted(name);
            }
            return false;
        }
    }

    /** A member of a group, which commits what it has read. */
    private void read(String bootstrap, String name) {
        ConsumerHistory reader = history.consumer(name, null, IsolationLevel.READ_COMMITTED);
        try (KafkaConsumer<String, String> consumer = consumer(
                bootstrap, Map.of("group.id", "billing", "isolation.level", "read_committed", "client.id", name))) {
            consumer.subscribe(List.of(ORDERS, LEDGER), new ConsumerRebalanceListener() {
                @Override
                public void onPartitionsRevoked(Collection<org.apache.kafka.common.TopicPartition> partitions) {
                    // what was read and not committed comes to somebody again
                }

                @Override
                public void onPartitionsAssigned(Collection<org.apache.kafka.common.TopicPartition> partitions) {
                    partitions.forEach(one -> reader.assigned(new TopicPartition(one.topic(), one.partition())));
                }
            });
            while (reading) {
                try {
                    for (ConsumerRecord<String, String> got : consumer.poll(Duration.ofMillis(100))) {
                        reader.polled(new TopicPartition(got.topic(), got.partition()), got.offset(), got.value());
                        seenByGroup.add(got.value());
                    }
                    consumer.commitSync(Duration.ofSeconds(5));
                } catch (KafkaException e) {
                    history.note(name, "goes on after " + e);
                }
            }
        }
    }

    /** Reads all there is, alone. */
    private void drain(String bootstrap, IsolationLevel isolation) {
        String name = "drain-" + isolation;
        ConsumerHistory reader = history.consumer(name, null, isolation);
        List<org.apache.kafka.common.TopicPartition> all = new ArrayList<>();
        for (String topic : List.of(ORDERS, LEDGER)) {
            for (int i = 0; i < PARTITIONS; i++) {
                all.add(new org.apache.kafka.common.TopicPartition(topic, i));
                reader.assigned(new TopicPartition(topic, i));
            }
        }
        String level = isolation == IsolationLevel.READ_COMMITTED ? "read_committed" : "read_uncommitted";
        try (KafkaConsumer<String, String> consumer = consumer(bootstrap, Map.of("isolation.level", level))) {
            consumer.assign(all);
            consumer.seekToBeginning(all);
            Map<org.apache.kafka.common.TopicPartition, Long> ends = consumer.endOffsets(all);
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (all.stream().anyMatch(one -> consumer.position(one) < ends.getOrDefault(one, 0L))) {
                for (ConsumerRecord<String, String> got : consumer.poll(Duration.ofMillis(100))) {
                    reader.polled(new TopicPartition(got.topic(), got.partition()), got.offset(), got.value());
                }
                assertThat(System.nanoTime())
                        .as("%s comes to the ends %s", name, ends)
                        .isLessThan(deadline);
            }
            all.forEach(one -> reader.drained(new TopicPartition(one.topic(), one.partition())));
        }
    }

    private static KafkaProducer<String, String> producer(String bootstrap, Map<String, Object> more) {
        return new KafkaProducer<>(
                configs(bootstrap, Map.of("max.block.ms", 60_000, "delivery.timeout.ms", 60_000, "linger.ms", 0), more),
                new StringSerializer(),
                new StringSerializer());
    }

    private static KafkaConsumer<String, String> consumer(String bootstrap, Map<String, Object> more) {
        return new KafkaConsumer<>(
                configs(
                        bootstrap,
                        Map.of(
                                "auto.offset.reset",
                                "earliest",
                                "enable.auto.commit",
                                false,
                                "default.api.timeout.ms",
                                60_000,
                                "fetch.max.wait.ms",
                                100),
                        more),
                new StringDeserializer(),
                new StringDeserializer());
    }

    /** Clients notice early that an answer does not come, and try again soon. */
    private static Map<String, Object> configs(String bootstrap, Map<String, Object> some, Map<String, Object> more) {
        Map<String, Object> all = new HashMap<>(Map.of(
                "bootstrap.servers", bootstrap,
                "request.timeout.ms", 2_000,
                "reconnect.backoff.max.ms", 200,
                "retry.backoff.max.ms", 200));
        all.putAll(some);
        all.putAll(more);
        return all;
    }

    private static void pause(long ms) {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(ms));
    }

    private static void createTopics(String bootstrap) throws Exception {
        try (Admin admin = Admin.create(configs(bootstrap, Map.of("default.api.timeout.ms", 60_000), Map.of()))) {
            for (String topic : List.of(ORDERS, LEDGER)) {
                try {
                    admin.createTopics(List.of(new NewTopic(topic, PARTITIONS, (short) 1)))
                            .all()
                            .get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
                } catch (ExecutionException e) {
                    if (!(e.getCause() instanceof TopicExistsException)) { // made, and the answer lost
                        throw e;
                    }
                }
            }
        }
    }

    /** A server on a directory that it has again when it comes again. */
    private interface ServerUnderTest {

        /** Where clients are told to go. */
        void advertise(int port);

        void start() throws Exception;

        /** Whatever is under way. */
        void stop();

        /** 1, where nobody listens, while it is down. */
        int port();
    }

    /** Cuts all connections; its broker is closed in good order. */
    private static final class InThisJvm implements ServerUnderTest {

        private final Path directory;
        private int advertised;
        private volatile int port = 1;
        private @Nullable EmbeddedBroker broker;
        private @Nullable DisposableServer server;

        InThisJvm(Path directory) {
            this.directory = directory;
        }

        @Override
        public int port() {
            return port;
        }

        @Override
        public void advertise(int proxy) {
            advertised = proxy;
        }

        @Override
        public void start() {
            broker = EmbeddedBroker.openNow(directory, PATIENCE, options -> {});
            server = KafkaServer.over(broker)
                    .port(0)
                    .advertised("127.0.0.1", advertised)
                    .drainTimeout(Duration.ofMillis(1))
                    .meterRegistry(new SimpleMeterRegistry())
                    .bindNow();
            port = server.port();
        }

        @Override
        public void stop() {
            port = 1;
            if (server != null) {
                server.disposeNow(PATIENCE);
                server = null;
            }
            if (broker != null) {
                broker.closeGracefully(PATIENCE).block(PATIENCE);
                broker = null;
            }
        }
    }

    /** {@code rmq serve} in a process of its own, killed (SIGKILL), and started on the same directory and port. */
    private static final class KilledProcess implements ServerUnderTest {

        private static final Pattern READY = Pattern.compile("rmq: ready at 127\\.0\\.0\\.1:(\\d+) .*");

        private final Path data;
        private final Path config;
        private volatile int port;
        private @Nullable Process process;

        KilledProcess(Path directory) {
            this.data = directory.resolve("data");
            this.config = directory.resolve("rmq.properties");
        }

        @Override
        public int port() {
            return port == 0 ? 1 : port;
        }

        @Override
        public void advertise(int proxy) {
            try {
                Files.writeString(config, "advertised.listeners=PLAINTEXT://127.0.0.1:" + proxy + "\n");
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void start() throws IOException {
            Process started = ChildJvm.of(
                            ServeMain.class,
                            List.of(
                                    "--port",
                                    Integer.toString(port),
                                    "--data",
                                    data.toString(),
                                    "--config",
                                    config.toString()))
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            process = started;
            String line = started.inputReader(UTF_8).readLine();
            Matcher ready = READY.matcher(String.valueOf(line));
            assertThat(ready.matches()).as("it said: %s", line).isTrue();
            port = Integer.parseInt(ready.group(1));
        }

        @Override
        public void stop() {
            if (process != null) {
                process.destroyForcibly().onExit().join();
                process = null;
            }
        }
    }

    /** What runs in that process. */
    static final class ServeMain {
        private ServeMain() {}

        public static void main(String[] arguments) {
            System.exit(new CommandLine(new ServeCommand()).execute(arguments));
        }
    }
}
