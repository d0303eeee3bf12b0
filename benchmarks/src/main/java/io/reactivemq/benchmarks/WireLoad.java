package io.reactivemq.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
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

    private static void require(String what, long expected, long actual) {
        if (expected != actual) {
            throw new IllegalStateException(what + ": expected " + expected + ", were " + actual);
        }
    }

    private static String figure(double figure) {
        return String.format(Locale.ROOT, "%.6f", figure);
    }
}
