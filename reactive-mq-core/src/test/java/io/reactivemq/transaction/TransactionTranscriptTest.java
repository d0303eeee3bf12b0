package io.reactivemq.transaction;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.EndTransaction;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionDescription;
import io.reactivemq.broker.TransactionResult;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.coordinator.CoordinatorRecord;
import io.reactivemq.coordinator.CoordinatorResult;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Conversations with the coordinator of transactions, compared as text. A transcript is a file of requests, each followed by what is
 * expected: the records, indented, and the response. What is not expected any more is seen as a difference of that file.
 *
 * <pre>
 *   init ID TIMEOUT_MS [PRODUCER/EPOCH]      add ID PRODUCER/EPOCH V1|V2 PARTITION...      verify ID PRODUCER/EPOCH PARTITION
 *   end ID PRODUCER/EPOCH V1|V2 COMMIT|ABORT      told ID      check      after MS      restart
 * </pre>
 *
 * <p>A restart replays the records into a new machine. Fresh producer ids count from 1000.
 */
class TransactionTranscriptTest {

    private final StringBuilder transcript = new StringBuilder();
    private final java.util.List<CoordinatorRecord> log = new java.util.ArrayList<>();
    private TransactionShard machine = new TransactionShard(TransactionConfig.DEFAULT);
    private long nowMs = 10_000;
    private long freshProducerId = 1000;

    @ParameterizedTest
    @ValueSource(strings = {"commit", "fencing", "epochs", "timeouts", "restarts", "version-one", "refusals"})
    void transcript(String name) throws IOException {
        String expected;
        try (InputStream file = TransactionTranscriptTest.class.getResourceAsStream(name + ".txt")) {
            assertThat(file).as("%s.txt", name).isNotNull();
            expected = new String(file.readAllBytes(), StandardCharsets.UTF_8);
        }
        expected.lines().forEach(line -> {
            if (line.startsWith("#") || line.isBlank()) {
                transcript.append(line).append('\n');
            } else if (!line.startsWith(" ")) {
                transcript.append(line).append('\n');
                request(line.split(" ", -1));
            }
        });
        assertThat(transcript.toString()).isEqualTo(expected);
    }

    private void request(String[] words) {
        switch (words[0]) {
            case "init" ->
                handle(() -> machine.init(
                        new InitProducerId(
                                words[1],
                                Duration.ofMillis(Long.parseLong(words[2])),
                                words.length > 3 ? producer(words[3]) : ProducerIdAndEpoch.NONE),
                        freshProducerId++,
                        nowMs));
            case "add" -> {
                Set<TopicPartition> partitions = new TreeSet<>();
                for (int i = 4; i < words.length; i++) {
                    partitions.add(partition(words[i]));
                }
                handle(() -> machine.add(
                        words[1], producer(words[2]), partitions, TransactionVersion.valueOf(words[3]), nowMs));
            }
            case "verify" ->
                handle(() -> CoordinatorResult.of(machine.verify(words[1], producer(words[2]), partition(words[3]))));
            case "end" -> {
                EndTransaction end = new EndTransaction(
                        words[1],
                        producer(words[2]),
                        TransactionVersion.valueOf(words[3]),
                        TransactionResult.valueOf(words[4]));
                TransactionShard.EndPlan plan = machine.plan(end);
                handle(() -> machine.end(end, plan.toForce(), plan.needsProducerId() ? freshProducerId++ : -1, nowMs));
            }
            case "told" ->
                handle(() -> machine.complete(
                        words[1],
                        machine.prepared(words[1])
                                .map(TransactionMetadata::producer)
                                .orElse(ProducerIdAndEpoch.NONE),
                        nowMs));
            case "check" -> handle(() -> machine.check(nowMs));
            case "after" -> nowMs += Long.parseLong(words[1]);
            case "restart" -> {
                machine = new TransactionShard(TransactionConfig.DEFAULT);
                log.forEach(this::replay);
            }
            default -> throw new IllegalArgumentException("unknown request " + words[0]);
        }
    }

    private <R> void handle(Supplier<CoordinatorResult<R>> request) {
        CoordinatorResult<R> result;
        try {
            result = request.get();
        } catch (MqException e) {
            transcript.append("  -> ").append(e.errorCode()).append('\n');
            return;
        }
        for (CoordinatorRecord written : result.records()) {
            log.add(written);
            replay(written);
            String id = String.valueOf(TransactionRecords.readKey(ByteBuffer.wrap(written.key())));
            transcript
                    .append("  ")
                    .append(id)
                    .append(": ")
                    .append(text(id, written))
                    .append('\n');
        }
        transcript.append("  -> ").append(result.response()).append('\n');
    }

    private String text(String id, CoordinatorRecord written) {
        if (written.value() == null) {
            return "forgotten";
        }
        TransactionDescription now = machine.describe(id);
        return now.state().text() + " " + now.producer()
                + (now.partitions().isEmpty() ? "" : " " + new TreeSet<>(now.partitions()))
                + (now.startTimeMs() < 0 ? "" : " since " + now.startTimeMs());
    }

    private void replay(CoordinatorRecord written) {
        byte[] value = written.value();
        machine.replay(ByteBuffer.wrap(written.key()), value == null ? null : ByteBuffer.wrap(value));
    }

    private static ProducerIdAndEpoch producer(String text) {
        String[] parts = text.split("/", -1);
        return new ProducerIdAndEpoch(Long.parseLong(parts[0]), Short.parseShort(parts[1]));
    }

    private static TopicPartition partition(String text) {
        int dash = text.lastIndexOf('-');
        return new TopicPartition(text.substring(0, dash), Integer.parseInt(text.substring(dash + 1)));
    }
}
