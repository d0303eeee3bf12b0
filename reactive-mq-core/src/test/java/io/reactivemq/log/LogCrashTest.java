package io.reactivemq.log;

import static io.reactivemq.log.Batches.batch;
import static io.reactivemq.log.Batches.decode;
import static io.reactivemq.log.Batches.marker;
import static io.reactivemq.log.Batches.produced;
import static io.reactivemq.log.Batches.readAll;
import static io.reactivemq.log.Batches.transactional;
import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.record.TransactionMarker.Outcome;
import io.reactivemq.storage.CrashFileStore;
import io.reactivemq.storage.CrashFileStore.Loss;
import io.reactivemq.storage.FaultyFileStore;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StorageException.Operation;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("After a loss of power")
class LogCrashTest {

    private static final TopicPartition T0 = new TopicPartition("t", 0);
    private static final Path FOLDER = Path.of("/data/t-0");

    /** Thousands of short lives, each from a seed; {@code -Dseed=} runs one of them again, {@code -Dlives=} more of them. */
    private static final int LIVES = Integer.getInteger("lives", 1_500);

    @Test
    @DisplayName(
            "every record that was forced or served is there, none appears that was not written, what is known of producers is what is there, and the log goes on")
    void latestLost() {
        int refused = run(Loss.LATEST);
        assertThat(refused).isZero();
    }

    @Test
    @DisplayName("that has mixed up what was not forced, the same holds, or the log is refused")
    void anyLost() {
        int refused = run(Loss.ANY);
        assertThat(refused).isBetween(1, LIVES / 2);
    }

    private static int run(Loss loss) {
        int refused = 0;
        Long replay = Long.getLong("seed");
        for (long seed = replay == null ? 0 : replay; seed < (replay == null ? LIVES : replay + 1); seed++) {
            Life life = new Life(seed, loss);
            try {
                refused += life.live() ? 0 : 1;
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("seed " + seed + ", " + loss + ": " + life.story, e);
            }
        }
        return refused;
    }

    /** A log, several crashes, and a list of what was appended. */
    private static final class Life {

        private final Random random;
        private final Loss loss;
        private final List<String> story = new ArrayList<>();
        private final List<String> appended = new ArrayList<>();
        private final List<Numbered> numbered = new ArrayList<>();
        private CrashFileStore disk = new CrashFileStore();
        private FaultyFileStore store = new FaultyFileStore(disk);
        private long promisedEnd;
        private long promisedStart;
        private boolean closed;
        private long promisedAtOpening;
        private boolean mustBump;
        private boolean powerStaysOn;
        private long writtenEnd;
        private int epoch;

        Life(long seed, Loss loss) {
            this.random = new Random(seed);
            this.loss = loss;
            disk.createForcedDirectories(FileStore.parentOf(FOLDER));
        }

        /** False where the log was refused as damaged, which only a crash that mixes things up may lead to. */
        boolean live() {
            for (int crash = 0; crash < 4; crash++) {
                PartitionLog log;
                try {
                    log = open();
                } catch (MqException e) {
                    if (loss == Loss.ANY && e.errorCode() == ErrorCode.CORRUPT_MESSAGE) {
                        return false;
                    }
                    throw e;
                }
                check(log);
                work(log);
                mustBump = !closed && log.logEndOffset() > promisedAtOpening;
                epoch = log.leaderEpoch();
                writtenEnd = log.logEndOffset();
                powerStaysOn = true;
                loseThePower(2);
            }
            return true;
        }

        /** Else the process is only killed, and what it wrote is there. */
        private void loseThePower(int timesOfThree) {
            if (random.nextInt(3) < timesOfThree) {
                story.add("loss of power with " + disk.unforced() + " changes to lose");
                disk = disk.crash(random, loss);
                powerStaysOn = false;
            } else {
                story.add("kill");
            }
        }

        /** Sometimes a recovery ends half way, once or twice. */
        private PartitionLog open() {
            LogConfig config = LogConfig.defaults()
                    .withSegmentBytes(200 + random.nextInt(2_000))
                    .withIndexIntervalBytes(random.nextInt(300))
                    .withRecoveryPointBytes(1 + random.nextInt(1_000));
            for (int attempt = 0; attempt < 2 && random.nextInt(3) == 0; attempt++) {
                int callsLeft = random.nextInt(40);
                AtomicInteger calls = new AtomicInteger();
                FaultyFileStore faulty = new FaultyFileStore(disk);
                faulty.writeBeforeFailure(random.nextInt(50));
                faulty.failIf((operation, path) -> calls.getAndIncrement() >= callsLeft);
                try {
                    PartitionLog.open(faulty, FOLDER, T0, config);
                } catch (StorageException e) {
                    story.add("call " + callsLeft + " of the recovery failed");
                }
                loseThePower(1);
            }
            if (powerStaysOn) {
                promisedEnd = writtenEnd;
            }
            store = new FaultyFileStore(disk);
            PartitionLog log = PartitionLog.open(store, FOLDER, T0, config);
            story.add("opened: " + log);
            return log;
        }

        private void check(PartitionLog log) {
            assertThat(log.logStartOffset()).isGreaterThanOrEqualTo(promisedStart);
            assertThat(log.logEndOffset()).isBetween(promisedEnd, (long) appended.size());
            appended.subList((int) log.logEndOffset(), appended.size()).clear();
            assertThat(readAll(log)).isEqualTo(appended.subList((int) log.logStartOffset(), appended.size()));
            log.verify();
            checkProducers(log);
            promisedEnd = log.logEndOffset(); // it was served
            promisedStart = log.logStartOffset();
            promisedAtOpening = promisedEnd;
            assertThat(log.leaderEpoch())
                    .as("epoch, once something was appended and perhaps lost")
                    .isGreaterThanOrEqualTo(mustBump ? epoch + 1 : epoch);
        }

        /** Now and then the disk is full for a while. */
        private void work(PartitionLog log) {
            int steps = random.nextInt(30);
            boolean full = false;
            closed = false;
            for (int i = 0; i < steps; i++) {
                long end = log.logEndOffset();
                try {
                    if (!step(log, random.nextInt(24))) {
                        return;
                    }
                } catch (StorageException e) {
                    story.add(e.operation() + " failed");
                    assertThat(full).isTrue();
                    assertThat(log.logEndOffset()).isEqualTo(end);
                    if (closed) {
                        return;
                    }
                }
                if (random.nextInt(12) == 0) {
                    full = !full;
                    story.add(full ? "full" : "room again");
                    store.writeBeforeFailure(random.nextInt(50));
                    boolean fails = full;
                    store.failIf((operation, path) -> fails && operation == Operation.WRITE);
                }
            }
        }

        private boolean step(PartitionLog log, int what) {
            if (what < 8) {
                append(log, batch(value()));
            } else if (what < 13) {
                appendNumbered(log, 1 + random.nextInt(4));
            } else if (what < 17) {
                log.force();
                promisedEnd = log.forcedOffset();
                story.add("force to " + promisedEnd);
            } else if (what == 17) {
                if (random.nextBoolean()) {
                    log.deleteSegmentsBefore(promisedStart + random.nextInt(10));
                } else {
                    log.deleteRecordsBefore(Math.min(log.logEndOffset(), promisedStart + random.nextInt(10)));
                }
                promisedStart = log.logStartOffset();
                promisedEnd = Math.max(promisedEnd, promisedStart);
                story.add("delete to " + promisedStart);
            } else if (what == 18 && random.nextInt(3) == 0) {
                closed = true;
                log.close();
                promisedEnd = log.logEndOffset();
                story.add("close at " + promisedEnd);
                return false;
            } else if (what == 19) {
                repeat(log);
            }
            return true;
        }

        private String value() {
            return "v".repeat(random.nextInt(random.nextInt(10) == 0 ? 1_500 : 60)) + random.nextInt(1_000);
        }

        private void append(PartitionLog log, ByteBuffer batch) {
            long offset = log.append(batch, 0).baseOffset();
            assertThat(offset).isEqualTo(appended.size());
            appended.addAll(decode(batch));
            story.add("append " + offset);
        }

        /** Producer 1 is only idempotent, the others have transactions. */
        private void appendNumbered(PartitionLog log, long id) {
            long offset = log.logEndOffset();
            boolean open = transactions().open.containsKey(id);
            ByteBuffer batch;
            if (open && random.nextInt(3) == 0) {
                Outcome outcome = random.nextBoolean() ? Outcome.ABORT : Outcome.COMMIT;
                batch = marker(id, 0, outcome);
                assertThat(log.appendMarker(batch, 0).baseOffset()).isEqualTo(offset);
                numbered.add(new Numbered(offset, id, -1, outcome, null));
            } else {
                int sequence = nextSequence(id);
                String value = value();
                batch = id == 1 ? produced(id, 0, sequence, value) : transactional(id, 0, sequence, value);
                assertThat(log.append(batch, 0)).isEqualTo(new AppendInfo(offset, offset + 1, -1));
                numbered.add(new Numbered(offset, id, sequence, null, value));
            }
            appended.addAll(decode(batch));
            story.add("append " + numbered.get(numbered.size() - 1));
        }

        private int nextSequence(long id) {
            return (int) numbered.stream()
                    .filter(each -> each.id == id && each.outcome == null)
                    .count();
        }

        /** The last batch of one of them is sent again. */
        private void repeat(PartitionLog log) {
            long id = 1L + random.nextInt(4);
            Numbered last = null;
            for (Numbered each : numbered) {
                last = each.id == id && each.outcome == null ? each : last;
            }
            if (last != null) {
                String value = Objects.requireNonNull(last.value);
                ByteBuffer again =
                        id == 1 ? produced(id, 0, last.sequence, value) : transactional(id, 0, last.sequence, value);
                assertThat(log.append(again, 0))
                        .as("repeated %s", last)
                        .isEqualTo(new AppendInfo(last.offset, last.offset + 1, -1, true));
            }
        }

        /** What the log knows of producers and transactions is what its records say. */
        private void checkProducers(PartitionLog log) {
            numbered.removeIf(each -> each.offset >= log.logEndOffset());
            Transactions expected = transactions();
            long start = log.logStartOffset();
            long unstable = expected.open.values().stream().min(Long::compare).orElse(Long.MAX_VALUE);
            assertThat(log.firstUnstableOffset()).isEqualTo(Math.max(unstable, start));
            long end = Math.min(log.logEndOffset(), Math.max(unstable, start));
            assertThat(log.abortedTransactions(start, end))
                    .isEqualTo(expected.aborted.stream()
                            .filter(each -> each.lastOffset() >= start && each.firstOffset() < end)
                            .toList());
            repeat(log);
        }

        private Transactions transactions() {
            Map<Long, Long> open = new TreeMap<>();
            List<AbortedTransaction> aborted = new ArrayList<>();
            for (Numbered each : numbered) {
                if (each.outcome != null) {
                    long first = Objects.requireNonNull(open.remove(each.id));
                    if (each.outcome == Outcome.ABORT) {
                        long stable = open.values().stream().min(Long::compare).orElse(each.offset + 1);
                        aborted.add(new AbortedTransaction(each.id, first, each.offset, stable));
                    }
                } else if (each.id != 1) {
                    open.putIfAbsent(each.id, each.offset);
                }
            }
            return new Transactions(open, aborted);
        }
    }

    /**
     * A batch of a producer with an id.
     *
     * @param outcome the end of a transaction; null: it is data
     */
    private record Numbered(
            long offset,
            long id,
            int sequence,
            @Nullable Outcome outcome,
            @Nullable String value) {}

    /** By first offset, and in the order of their ends. */
    private record Transactions(Map<Long, Long> open, List<AbortedTransaction> aborted) {}
}
