package io.reactivemq.test.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.test.ChildJvm;
import io.reactivemq.test.Seeds;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Children that produce are killed with SIGKILL, one after the other on the same directory; after each its files are opened
 * and read. The points are counts of acknowledgements chosen by the seed, so that no clock decides. {@code
 * -Dreactivemq.kills=1000} kills more often, {@code -Dreactivemq.seed} chooses other points.
 */
@DisplayName("a producing process that is killed")
class KillTest {

    private static final int KILLS = Integer.getInteger("reactivemq.kills", 10);
    private static final int ACKNOWLEDGEMENTS_MAX = 4000;
    private static final Duration DEADLINE = Duration.ofMinutes(10);
    private static final Caller CALLER = Caller.embedded("kill test");

    @TempDir
    Path temporary;

    static Stream<Arguments> levelsAndSeeds() {
        return Seeds.upTo(1)
                .boxed()
                .flatMap(seed ->
                        Stream.of(Durability.FSYNC, Durability.OS_BUFFERED).map(level -> Arguments.of(level, seed)));
    }

    @ParameterizedTest(name = "[{0}, seed {1}]")
    @MethodSource("levelsAndSeeds")
    @Timeout(value = 30, unit = TimeUnit.MINUTES)
    @DisplayName("loses no acknowledged record and leaves none that was not sent")
    void nothing_acknowledged_is_lost(Durability durability, long seed) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        Path directory = temporary.resolve("data");
        Ledger ledger = new Ledger(new Load(seed));
        for (int kill = 1; kill <= KILLS; kill++) {
            int point = random.nextInt(ACKNOWLEDGEMENTS_MAX);
            String context = "seed " + seed + ", " + durability.configName() + ", kill " + kill + " after " + point
                    + " acknowledgements";
            ledger.startsChild();
            if (random.nextInt(3) == 0) {
                // one that dies while it opens what the one before has left
                runAndKill(directory, durability, seed, -1, ledger, ProducingChild.OPENING, 0, context);
            }
            runAndKill(directory, durability, seed, ledger.nextNumber(), ledger, ProducingChild.OPEN, point, context);
            ledger.check(readAll(directory, durability), context);
        }
        ledger.check(readAll(directory, durability), "seed " + seed + ": opened once more after a clean close");
    }

    /** Starts a child, kills it when it has printed the word and so many acknowledgements, and notes all that it printed. */
    private void runAndKill(
            Path directory,
            Durability durability,
            long seed,
            long first,
            Ledger ledger,
            String word,
            int point,
            String context)
            throws IOException, InterruptedException {
        Path errors = temporary.resolve("child.err");
        Process child = ChildJvm.of(
                        ProducingChild.class,
                        List.of(
                                directory.toString(),
                                durability.configName(),
                                Long.toString(seed),
                                Long.toString(first)))
                .redirectError(errors.toFile())
                .start();
        try (BufferedReader out =
                new BufferedReader(new InputStreamReader(child.getInputStream(), StandardCharsets.US_ASCII))) {
            boolean wordSeen = false;
            int acknowledgements = 0;
            // what was written before the kill is still in the pipe behind it; the last line may be torn
            for (String line = wholeLine(out); line != null; line = wholeLine(out)) {
                wordSeen |= line.equals(word);
                if (Character.isDigit(line.charAt(0))) {
                    ledger.acknowledged(line);
                    acknowledgements++;
                }
                if (wordSeen && acknowledgements >= point) {
                    // through the handle: Process.destroyForcibly would also close the pipe
                    child.toHandle().destroyForcibly();
                }
            }
            boolean ended = child.waitFor(DEADLINE.toSeconds(), TimeUnit.SECONDS);
            assertThat(ended).as("%s: the child has ended", context).isTrue();
            assertThat(wordSeen && acknowledgements >= point)
                    .as(
                            "%s: the child came to that point; it printed to its error output: %s",
                            context, Files.readString(errors))
                    .isTrue();
            assertThat(child.exitValue())
                    .as("%s: exit status of a process killed by SIGKILL", context)
                    .isEqualTo(137);
        } finally {
            child.destroyForcibly();
        }
    }

    /** The next line that ends with a line break; null at the end. */
    private static @Nullable String wholeLine(BufferedReader in) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c = in.read(); c >= 0; c = in.read()) {
            if (c == '\n') {
                return line.toString();
            }
            line.append((char) c);
        }
        return null;
    }

    private static List<List<ReceiverRecord<String, String>>> readAll(Path directory, Durability durability) {
        List<List<ReceiverRecord<String, String>>> found = new ArrayList<>();
        EmbeddedBroker broker = EmbeddedBroker.openNow(directory, DEADLINE, o -> o.durability(durability));
        try {
            long total = 0;
            for (int partition = 0; partition < Load.PARTITIONS; partition++) {
                found.add(new ArrayList<>());
                total += endOf(broker, partition);
            }
            if (total > 0) {
                Receiver<String, String> receiver = Receiver.on(
                        broker, ReceiverOptions.of(Serdes.string(), Serdes.string(), o -> o.topics(Load.TOPIC)));
                List<ReceiverRecord<String, String>> all = Objects.requireNonNull(
                        receiver.receiveAutoAck().take(total).collectList().block(DEADLINE));
                all.forEach(record -> found.get(record.partition()).add(record));
            }
            return found;
        } finally {
            broker.closeGracefully(DEADLINE).block(DEADLINE);
        }
    }

    /** The end of a partition; 0 where a child was killed before it had made the topic. */
    private static long endOf(EmbeddedBroker broker, int partition) {
        try {
            return Objects.requireNonNull(
                    broker.listOffset(CALLER, new TopicPartition(Load.TOPIC, partition), OffsetSpec.latest())
                            .block(DEADLINE));
        } catch (MqException e) {
            if (e.errorCode() == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
                return 0;
            }
            throw e;
        }
    }

    /** What the children said, and what was found. */
    private static final class Ledger {
        private final Load load;
        /** By partition, in the order of offsets: the numbers that were found there. */
        private final List<List<Long>> found = new ArrayList<>();
        /** By partition: the acknowledged numbers of the children since the last check, each {offset, number}. */
        private final List<List<long[]>> acknowledged = new ArrayList<>();

        private long first;

        Ledger(Load load) {
            this.load = load;
            for (int partition = 0; partition < Load.PARTITIONS; partition++) {
                found.add(new ArrayList<>());
                acknowledged.add(new ArrayList<>());
            }
        }

        void startsChild() {
            first = nextNumber();
            acknowledged.forEach(List::clear);
        }

        /** One above everything found so far; what was sent and not stored is not sent again. */
        long nextNumber() {
            return found.stream()
                    .flatMap(List::stream)
                    .mapToLong(number -> number + 1)
                    .max()
                    .orElse(0);
        }

        void acknowledged(String line) {
            String[] fields = line.split(" ", 3);
            acknowledged
                    .get(Integer.parseInt(fields[0]))
                    .add(new long[] {Long.parseLong(fields[1]), Long.parseLong(fields[2])});
        }

        void check(List<List<ReceiverRecord<String, String>>> read, String context) {
            for (int partition = 0; partition < Load.PARTITIONS; partition++) {
                check(
                        partition,
                        read.get(partition),
                        String.format(Locale.ROOT, "%s: partition %d", context, partition));
            }
        }

        private void check(int partition, List<ReceiverRecord<String, String>> records, String context) {
            List<Long> numbers = new ArrayList<>();
            for (ReceiverRecord<String, String> record : records) {
                String value = String.valueOf(record.value());
                long number = Load.numberOf(value);
                assertThat(record.offset())
                        .as("%s: consecutive offsets", context)
                        .isEqualTo(numbers.size());
                assertThat(value)
                        .as("%s: value at %d", context, record.offset())
                        .isEqualTo(load.value(number));
                assertThat(record.key())
                        .as("%s: key at %d", context, record.offset())
                        .isEqualTo(load.key(number));
                numbers.add(number);
            }
            List<Long> before = found.get(partition);
            assertThat(numbers)
                    .as("%s: nothing found before is lost", context)
                    .hasSizeGreaterThanOrEqualTo(before.size());
            List<Long> expected = new ArrayList<>(before);
            for (long number = first; expected.size() < numbers.size(); number++) {
                if (load.partition(number) == partition) {
                    expected.add(number);
                }
            }
            assertThat(numbers)
                    .as("%s: what was sent, in its order, without a hole", context)
                    .isEqualTo(expected);
            for (long[] offsetAndNumber : acknowledged.get(partition)) {
                int offset = (int) offsetAndNumber[0];
                assertThat(offset)
                        .as("%s: an acknowledged record is there", context)
                        .isLessThan(numbers.size());
                assertThat(numbers.get(offset))
                        .as("%s: acknowledged at %d", context, offset)
                        .isEqualTo(offsetAndNumber[1]);
            }
            found.set(partition, numbers);
        }
    }
}
