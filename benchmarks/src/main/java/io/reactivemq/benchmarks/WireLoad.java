package io.reactivemq.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The load, in a JVM of its own that has nothing but Kafka's client on its class path and stays warm over all runs, whichever broker they are of. It
 * takes a command a line, whose first word is what to do and whose second is the broker, and answers with a line of figures.
 */
final class WireLoad {

    private static final int BATCH_BYTES = 65_536;
    private static final int LINGER_MS = 5;
    private static final Duration POLL = Duration.ofMillis(500);
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    private final Map<String, Follower> followers = new HashMap<>();
    private final IdleConnections connections = new IdleConnections();
    private int groups;

    private WireLoad() {}

    public static void main(String[] arguments) throws Exception {
        WireLoad load = new WireLoad();
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            System.out.println(load.answer(line.split(" ", -1)));
        }
    }

    private String answer(String... words) throws Exception {
        String broker = words[1];
        switch (words[0]) {
            case "await" -> await(broker);
            case "create" -> create(broker, words[2], Integer.parseInt(words[3]));
            case "delete" -> delete(broker, words[2]);
            case "produce" -> {
                return produce(broker, words[2], Integer.parseInt(words[3]), Integer.parseInt(words[4]));
            }
            case "consume" -> {
                return consume(broker, words[2], Integer.parseInt(words[3]));
            }
            case "latency" -> {
                return latency(broker, words[2], Integer.parseInt(words[3]), Integer.parseInt(words[4]));
            }
            case "first" -> first(broker, words[2]);
            case "group" -> {
                return groupStart(broker, words[2], words[3]);
            }
            case "fill" -> fill(broker, words[2], Integer.parseInt(words[3]));
            case "follow" -> followers.put(broker, new Follower(consumer(broker), words[2]));
            case "unfollow" -> requireNonNull(followers.remove(broker)).close();
            case "connect" -> connections.open(broker, Integer.parseInt(words[2]));
            case "disconnect" -> connections.close();
            default -> throw new IllegalArgumentException("no command " + words[0]);
        }
        return "done";
    }

    /** Until it answers. */
    private static void await(String broker) throws Exception {
        try (Admin admin = Admin.create(Map.of(
                "bootstrap.servers",
                broker,
                "default.api.timeout.ms",
                (int) PATIENCE.toMillis(),
                "reconnect.backoff.ms",
                10,
                "reconnect.backoff.max.ms",
                20,
                "retries",
                100_000))) {
            admin.describeCluster().nodes().get();
        }
    }

    private static Admin admin(String broker) {
        return Admin.create(Map.of("bootstrap.servers", broker));
    }

    private static void create(String broker, String topic, int partitions) throws Exception {
        try (Admin admin = admin(broker)) {
            admin.createTopics(List.of(new NewTopic(topic, Optional.of(partitions), Optional.empty())))
                    .all()
                    .get();
        }
    }

    private static void delete(String broker, String topic) throws Exception {
        try (Admin admin = admin(broker)) {
            admin.deleteTopics(List.of(topic)).all().get();
        }
    }

    private static Map<String, Object> producer(String broker, int lingerMs) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", broker);
        settings.put("key.serializer", ByteArraySerializer.class);
        settings.put("value.serializer", ByteArraySerializer.class);
        settings.put("acks", "all");
        settings.put("batch.size", BATCH_BYTES);
        settings.put("linger.ms", lingerMs);
        return settings;
    }

    private Map<String, Object> consumer(String broker) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", broker);
        settings.put("key.deserializer", ByteArrayDeserializer.class);
        settings.put("value.deserializer", ByteArrayDeserializer.class);
        settings.put("group.id", "load-" + groups++);
        settings.put("auto.offset.reset", "earliest");
        return settings;
    }

    private static byte[] value(int bytes) {
        byte[] value = new byte[bytes];
        Arrays.fill(value, (byte) 'x');
        return value;
    }

    /** Idempotent, as its default is. Seconds until the last is acknowledged. */
    private static String produce(String broker, String topic, int messages, int bytes) {
        byte[] value = value(bytes);
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(producer(broker, LINGER_MS))) {
            producer.partitionsFor(topic);
            AtomicLong acknowledged = new AtomicLong();
            long start = System.nanoTime();
            for (int i = 0; i < messages; i++) {
                var unused = producer.send(new ProducerRecord<>(topic, value), (metadata, failure) -> {
                    if (failure == null) {
                        acknowledged.incrementAndGet();
                    }
                });
            }
            producer.flush();
            long nanos = System.nanoTime() - start;
            require("acknowledged", messages, acknowledged.get());
            return figure(nanos / 1e9);
        }
    }

    /** Seconds from the first records on, so that joining the group is left out. */
    private String consume(String broker, String topic, int messages) {
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(consumer(broker))) {
            consumer.subscribe(List.of(topic));
            long began = System.nanoTime();
            long start = 0;
            long last = began;
            int got = 0;
            long bytes = 0;
            while (got < messages) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(POLL);
                if (!records.isEmpty()) {
                    last = System.nanoTime();
                    if (start == 0) {
                        start = last;
                    }
                } else if (System.nanoTime() - last > PATIENCE.toNanos()) {
                    require("received", messages, got);
                }
                for (ConsumerRecord<byte[], byte[]> record : records) {
                    bytes += record.value().length;
                    got++;
                }
            }
            if (bytes == 0) {
                throw new IllegalStateException("the records are empty");
            }
            return figure((System.nanoTime() - start) / 1e9);
        }
    }

    /** Half and nearly all of the times to the acknowledgement and to the consumer, in microseconds; one record at a time. */
    private String latency(String broker, String topic, int records, int bytes) throws Exception {
        byte[] value = value(bytes);
        TopicPartition partition = new TopicPartition(topic, 0);
        long[] acknowledged = new long[records];
        long[] received = new long[records];
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(producer(broker, 0));
                KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(consumer(broker))) {
            consumer.assign(List.of(partition));
            consumer.seekToEnd(List.of(partition));
            consumer.position(partition);
            for (int i = 0; i < records; i++) {
                long start = System.nanoTime();
                producer.send(new ProducerRecord<>(topic, value)).get();
                acknowledged[i] = System.nanoTime() - start;
                while (consumer.poll(POLL).isEmpty()) {
                    if (System.nanoTime() - start > PATIENCE.toNanos()) {
                        require("received", records, i);
                    }
                }
                received[i] = System.nanoTime() - start;
            }
        }
        return percentiles(acknowledged) + " " + percentiles(received);
    }

    private static String percentiles(long[] nanos) {
        Arrays.sort(nanos);
        return figure(nanos[nanos.length / 2] / 1e3) + " " + figure(nanos[nanos.length * 99 / 100] / 1e3);
    }

    /** Milliseconds from a consumer of a new group that is there to its first record, which is there before it. */
    private String groupStart(String broker, String topic, String protocol) {
        Map<String, Object> settings = consumer(broker);
        settings.put("group.protocol", protocol);
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
            consumer.partitionsFor(topic); // it knows the broker, as our own figure's receiver knows its own
            long start = System.nanoTime();
            consumer.subscribe(List.of(topic));
            while (consumer.poll(POLL).isEmpty()) {
                if (System.nanoTime() - start > PATIENCE.toNanos()) {
                    require("received", 1, 0);
                }
            }
            return figure((System.nanoTime() - start) / 1e6);
        }
    }

    /** Says that it waits, before the broker is there; answers when it has acknowledged a record. */
    private static void first(String broker, String topic) throws Exception {
        Map<String, Object> settings = producer(broker, 0);
        settings.put("enable.idempotence", false);
        settings.put("reconnect.backoff.ms", 10);
        settings.put("reconnect.backoff.max.ms", 20);
        settings.put("retry.backoff.ms", 10);
        settings.put("retry.backoff.max.ms", 20);
        settings.put("max.block.ms", PATIENCE.toMillis());
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings)) {
            System.out.println("waiting");
            producer.send(new ProducerRecord<>(topic, value(100))).get();
        }
    }

    /** A record to each partition. */
    private static void fill(String broker, String topic, int partitions) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(producer(broker, LINGER_MS))) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = 0; i < partitions; i++) {
                sent.add(producer.send(new ProducerRecord<>(topic, i, null, value(100))));
            }
            for (Future<RecordMetadata> each : sent) {
                each.get();
            }
        }
    }

    private static void require(String what, long expected, long actual) {
        if (expected != actual) {
            throw new IllegalStateException(what + ": expected " + expected + ", were " + actual);
        }
    }

    private static String figure(double figure) {
        return String.format(Locale.ROOT, "%.6f", figure);
    }

    /** A consumer to which no record comes. */
    private static final class Follower implements AutoCloseable {

        private final Thread thread;
        private volatile boolean closed;

        Follower(Map<String, Object> settings, String topic) {
            thread = new Thread(
                    () -> {
                        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
                            consumer.subscribe(List.of(topic));
                            while (!closed) {
                                consumer.poll(POLL);
                            }
                        }
                    },
                    "follower");
            thread.setDaemon(true);
            thread.start();
        }

        @Override
        public void close() {
            closed = true;
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Connections that have asked once which requests the broker knows, as every client does first. */
    private static final class IdleConnections implements AutoCloseable {

        /** Size, ApiVersions, version 0, correlation id 1, no client id. */
        private static final byte[] REQUEST = {0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, -1, -1};

        private final List<Socket> sockets = new ArrayList<>();

        void open(String broker, int count) throws IOException {
            int port = Integer.parseInt(broker.substring(broker.indexOf(':') + 1));
            for (int i = 0; i < count; i++) {
                Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
                sockets.add(socket);
                socket.getOutputStream().write(REQUEST);
                DataInputStream in = new DataInputStream(socket.getInputStream());
                in.readFully(new byte[in.readInt()]);
            }
        }

        @Override
        public void close() throws IOException {
            for (Socket socket : sockets) {
                socket.close();
            }
            sockets.clear();
        }
    }
}
