package io.reactivemq.netty.foreign;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A word count of Kafka Streams, with a state store and exactly_once_v2, which is killed half way and started again. */
public abstract class StreamsContract {

    private static final Duration LIMIT = Duration.ofMinutes(5);
    private static final Path PROGRAM = Path.of("..", "reactive-mq-netty", "src", "test", "streams", "WordCount.java");
    private static final List<String> WORDS = List.of("ask", "broker", "commit", "drain", "epoch");

    @TempDir
    private Path temp;

    private final Map<String, List<Integer>> counts = new HashMap<>();

    /** A server with nothing in it, that the caller closes. */
    protected abstract Target target() throws Exception;

    @Test
    @DisplayName(
            "K04 K09 K12 M07 counts words with exactly_once_v2; each count is seen once, though it is killed half way and started again")
    void wordCount() throws Exception {
        try (Target server = target();
                KafkaProducer<String, String> producer = server.producer(Map.of());
                KafkaConsumer<String, String> consumer =
                        server.consumer(Map.of("group.id", "reader", "isolation.level", "read_committed"))) {
            server.create("lines", 2);
            server.create("counts", 2);
            consumer.subscribe(List.of("counts"));
            int lines = 200;
            try (ForeignProgram first = wordCount(server)) {
                send(producer, 0, lines);
                awaitCounts(consumer, lines, first); // a part of them
            } // killed
            send(producer, lines, 2 * lines);
            try (ForeignProgram second = wordCount(server)) {
                awaitCounts(consumer, 2 * lines * WORDS.size(), second);
            }
            List<Integer> oneByOne = IntStream.rangeClosed(1, 2 * lines).boxed().toList();
            assertThat(counts).containsOnlyKeys(WORDS);
            counts.forEach((word, seen) -> assertThat(seen).as(word).isEqualTo(oneByOne));
        }
    }

    private ForeignProgram wordCount(Target server) throws Exception {
        return ForeignProgram.start(
                temp,
                "",
                KafkaPeer.java(
                        PROGRAM.toString(),
                        server.bootstrap(),
                        temp.resolve("state").toString()));
    }

    private static void send(KafkaProducer<String, String> producer, int from, int to) {
        for (int i = from; i < to; i++) {
            assertThat(producer.send(new ProducerRecord<>("lines", "" + i, String.join(" ", WORDS))))
                    .isNotNull();
        }
        producer.flush();
    }

    private void awaitCounts(KafkaConsumer<String, String> consumer, int atLeast, ForeignProgram program)
            throws Exception {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (counts.values().stream().mapToInt(List::size).sum() < atLeast) {
            for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
                counts.computeIfAbsent(record.key(), word -> new ArrayList<>()).add(Integer.valueOf(record.value()));
            }
            assertThat(program.isRunning())
                    .as("Kafka Streams runs: %s", program.errors())
                    .isTrue();
            assertThat(System.nanoTime())
                    .as("%s counts are there, of %s: %s", atLeast, counts, program.errors())
                    .isLessThan(deadline);
        }
    }
}
