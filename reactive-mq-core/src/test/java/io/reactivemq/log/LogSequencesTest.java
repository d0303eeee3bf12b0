package io.reactivemq.log;

import static io.reactivemq.log.Batches.batch;
import static io.reactivemq.log.Batches.marker;
import static io.reactivemq.log.Batches.produced;
import static io.reactivemq.log.Batches.readAll;
import static io.reactivemq.log.Batches.transactional;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.record.TransactionMarker.Outcome;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.Folders;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Random short sequences of all that a log is told, against plain lists. {@code -Dreactivemq.seed=S -Dreactivemq.sequences=1} repeats the one of a failure.
 */
class LogSequencesTest {

    private static final TopicPartition T0 = new TopicPartition("t", 0);
    private static final Path FOLDER = Path.of("/data/t-0");
    private static final int STEPS = 14;
    private static final int PRODUCERS = 3;

    @Test
    @DisplayName(
            "K04 K06 K10 K11 K23 random sequences: what was appended is there, once, in order, and found; what is trimmed is not; a restart changes nothing")
    void sequences() {
        long first = Long.getLong("reactivemq.seed", 1);
        int count = Integer.getInteger("reactivemq.sequences", 100_000);
        for (long seed = first; seed < first + count; seed++) {
            Sequence sequence = new Sequence(seed);
            try {
                sequence.run();
            } catch (AssertionError | RuntimeException e) {
                throw new AssertionError("seed " + seed + ": " + e.getMessage() + "\n" + sequence.trace, e);
            }
        }
    }

    /** What was appended: null values are markers. */
    private record Sent(
            long offset, long timestampMs, @Nullable String value) {}

    /** A transaction that was ended. */
    private record Ended(long producerId, long firstOffset, long lastOffset, Outcome outcome) {}

    private static final class Producer {
        private final long id;
        private int sequence;

        /** The last batch, to be sent again. */
        private @Nullable ByteBuffer last;

        private long lastBase = Long.MAX_VALUE;

        /** Where its open transaction began; -1: none. */
        private long openedAt = -1;

        Producer(long id) {
            this.id = id;
        }
    }

    private static final class Sequence {

        private final SplittableRandom random;
        private final StringBuilder trace = new StringBuilder();
        private final FileStore store = FileStore.memory();
        private final List<Sent> sent = new ArrayList<>();
        private final List<Ended> ended = new ArrayList<>();
        private final List<Producer> producers = new ArrayList<>();
        private PartitionLog log;
        private long start;
        private long nowMs = 1_000;

        Sequence(long seed) {
            random = new SplittableRandom(seed);
            store.createDirectories(FileStore.parentOf(FOLDER));
            log = PartitionLog.open(store, FOLDER, T0, randomConfig());
            for (int i = 0; i < PRODUCERS; i++) {
                producers.add(new Producer(i));
            }
        }

        private LogConfig randomConfig() {
            return LogConfig.defaults()
                    .withSegmentBytes(150 + random.nextInt(1_500))
                    .withIndexIntervalBytes(random.nextInt(400))
                    .withRecoveryPointBytes(1 + random.nextInt(1_000));
        }

        void run() {
            for (int i = 0; i < STEPS; i++) {
                step(random.nextInt(24));
                assertThat(log.logEndOffset()).as("log end offset").isEqualTo(sent.size());
                assertThat(log.logStartOffset()).as("log start offset").isEqualTo(start);
                assertThat(log.firstUnstableOffset())
                        .as("first unstable offset")
                        .isEqualTo(firstUnstable());
            }
            look();
            log.verify();
            log.close();
        }

        private void step(int what) {
            switch (what) {
                case 0, 1, 2, 3, 4, 5 -> append();
                case 6, 7, 8, 9 -> appendNumbered();
                case 10, 11 -> appendInTransaction();
                case 12, 13 -> end();
                case 14 -> again();
                case 15 -> gap();
                case 16 -> trim();
                case 17 -> {
                    trace.append("roll\n");
                    log.roll();
                }
                case 18 -> {
                    trace.append("delete segments\n");
                    log.deleteSegmentsBefore(Math.min(start + random.nextInt(sent.size() + 1), firstUnstable()));
                    assertThat(log.logStartOffset()).isBetween(start, (long) sent.size());
                    start = log.logStartOffset();
                }
                case 19 -> {
                    log.force();
                    assertThat(log.forcedOffset()).isEqualTo(sent.size());
                }
                case 20 -> log.configure(randomConfig());
                case 21 -> reopen();
                default -> look();
            }
        }

        private Producer one() {
            return producers.get(random.nextInt(PRODUCERS));
        }

        private String[] values() {
            String[] values = new String[1 + random.nextInt(3)];
            for (int i = 0; i < values.length; i++) {
                values[i] = "v".repeat(random.nextInt(random.nextInt(12) == 0 ? 400 : 30)) + (sent.size() + i);
            }
            return values;
        }

        private void appended(AppendInfo info, long timestampMs, String... values) {
            assertThat(info.baseOffset()).isEqualTo(sent.size());
            for (String value : values) {
                sent.add(new Sent(sent.size(), timestampMs, value));
            }
        }

        private void append() {
            nowMs += random.nextInt(20);
            long timestampMs = random.nextInt(4) == 0 ? nowMs - random.nextInt(100) : nowMs;
            String[] values = values();
            trace.append("append ")
                    .append(sent.size())
                    .append(" at ")
                    .append(timestampMs)
                    .append('\n');
            appended(log.append(batch(timestampMs, values), nowMs), timestampMs, values);
        }

        private void appendNumbered() {
            Producer producer = one();
            if (producer.openedAt >= 0) {
                return; // it is in a transaction
            }
            String[] values = values();
            trace.append("append " + sent.size() + " of " + producer.id + "\n");
            appendOf(producer, produced(producer.id, 0, producer.sequence, values), values);
        }

        private void appendInTransaction() {
            Producer producer = one();
            if (producer.openedAt < 0) {
                producer.openedAt = sent.size();
            }
            String[] values = values();
            trace.append("append " + sent.size() + " in a transaction of " + producer.id + "\n");
            appendOf(producer, transactional(producer.id, 0, producer.sequence, values), values);
        }

        private void appendOf(Producer producer, ByteBuffer batch, String... values) {
            ByteBuffer copy = ByteBuffer.allocate(batch.remaining())
                    .put(batch.duplicate())
                    .flip();
            long base = sent.size();
            appended(log.append(batch, nowMs), 1_000, values);
            producer.sequence += values.length;
            producer.last = copy;
            producer.lastBase = base;
        }

        private void end() {
            Producer producer = one();
            if (producer.openedAt < 0) {
                return;
            }
            Outcome outcome = random.nextBoolean() ? Outcome.COMMIT : Outcome.ABORT;
            trace.append(outcome)
                    .append(' ')
                    .append(producer.id)
                    .append(" at ")
                    .append(sent.size())
                    .append('\n');
            assertThat(log.appendMarker(marker(producer.id, 0, outcome), nowMs).baseOffset())
                    .isEqualTo(sent.size());
            ended.add(new Ended(producer.id, producer.openedAt, sent.size(), outcome));
            sent.add(new Sent(sent.size(), 1_000, null));
            producer.openedAt = -1;
        }

        private void again() {
            Producer producer = one();
            ByteBuffer last = producer.last;
            if (last != null && producer.lastBase >= start) {
                trace.append("the last batch of ").append(producer.id).append(" again\n");
                ByteBuffer copy = ByteBuffer.allocate(last.remaining())
                        .put(last.duplicate())
                        .flip();
                assertThat(log.append(copy, nowMs).baseOffset())
                        .as("the offset that the first one got")
                        .isEqualTo(producer.lastBase);
            }
        }

        private void gap() {
            Producer producer = one();
            if (producer.last != null && producer.lastBase >= start && producer.openedAt < 0) {
                trace.append("a gap of ").append(producer.id).append('\n');
                MqException refused = catchThrowableOfType(
                        MqException.class,
                        () -> log.append(produced(producer.id, 0, producer.sequence + 5, "gap"), nowMs));
                assertThat(refused).as("a batch behind a gap").isNotNull();
                assertThat(refused.errorCode()).isEqualTo(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
            }
        }

        private void trim() {
            long to = start + random.nextInt((int) (Math.min(sent.size(), firstUnstable()) - start) + 1);
            trace.append("trim to ").append(to).append('\n');
            assertThat(log.deleteRecordsBefore(to)).isEqualTo(to);
            start = to;
        }

        /** After a close or a kill with all bytes there; what is not data may be lost. */
        private void reopen() {
            boolean clean = random.nextBoolean();
            trace.append(clean ? "closed\n" : "killed\n");
            log.force();
            Map<String, byte[]> files = Folders.read(store, FOLDER);
            log.close();
            if (!clean) {
                files.keySet()
                        .removeIf(name -> !name.endsWith(".log")
                                && !name.equals(LogCheckpoint.FILE_NAME)
                                && random.nextInt(3) == 0);
                Folders.write(store, FOLDER, files);
                // who is known by what is left alone, perhaps a marker, may be refused, as with Kafka: it begins anew
                producers.replaceAll(
                        producer -> producer.lastBase < start ? new Producer(producer.id + PRODUCERS) : producer);
            }
            log = PartitionLog.open(store, FOLDER, T0, randomConfig());
            assertThat(log.recovery().cutBytes()).isZero();
        }

        private long firstUnstable() {
            return producers.stream()
                    .mapToLong(producer -> producer.openedAt)
                    .filter(openedAt -> openedAt >= 0)
                    .min()
                    .orElse(Long.MAX_VALUE);
        }

        private void look() {
            List<Sent> all = sent.subList((int) start, sent.size());
            List<String> there = readAll(log, start);
            assertThat(there).hasSameSizeAs(all);
            for (int i = 0; i < all.size(); i++) {
                Sent one = all.get(i);
                if (one.value != null) {
                    assertThat(there.get(i)).isEqualTo(one.offset + ":" + one.value);
                }
            }
            if (start < sent.size()) {
                lookFrom(start + random.nextInt((int) (sent.size() - start)));
            }
            long timestampMs = nowMs - random.nextInt(100);
            assertThat(log.offsetForTimestamp(timestampMs, sent.size()))
                    .as("first record at or after %d", timestampMs)
                    .isEqualTo(sent.subList((int) start, sent.size()).stream()
                            .filter(one -> one.timestampMs >= timestampMs)
                            .mapToLong(Sent::offset)
                            .findFirst()
                            .orElse(-1));
        }

        private void lookFrom(long offset) {
            int maxBytes = 1 + random.nextInt(2_000);
            long end = offset + 1 + random.nextInt((int) (sent.size() - offset));
            CommittedRead read = log.readCommitted(offset, maxBytes, end);
            ByteBuffer bytes = read.records();
            long nextOffset = nextOffset(bytes);
            assertThat(nextOffset).isLessThanOrEqualTo(end);
            if (nextOffset > offset) {
                Set<AbortedTransaction> told = told(read.aborted());
                assertThat(told).as("aborted from %d to %d", offset, nextOffset).isEqualTo(aborted(offset, nextOffset));
            }
            CommittedRegion lent = log.committedRegion(offset, maxBytes, end);
            try (LogRegion region = lent.region()) {
                ByteArrayOutputStream all = new ByteArrayOutputStream();
                assertThat(region.transferTo(0, Channels.newChannel(all))).isEqualTo(region.count());
                ByteBuffer taken = ByteBuffer.wrap(all.toByteArray());
                // a read stops where its window of the file does; a region does not
                assertThat(region.count()).isGreaterThanOrEqualTo(bytes.remaining());
                assertThat(taken.slice(0, bytes.remaining())).isEqualTo(bytes);
                if (region.count() > 0) {
                    assertThat(region.nextOffset()).isEqualTo(nextOffset(taken)).isLessThanOrEqualTo(end);
                    assertThat(told(lent.aborted())).isEqualTo(aborted(offset, region.nextOffset()));
                }
            }
        }

        private static long nextOffset(ByteBuffer batches) {
            long next = -1;
            for (RecordBatch batch : RecordBatches.of(batches.duplicate())) {
                next = batch.nextOffset();
            }
            return next;
        }

        /** By whom, and from where to where; of those whose beginning was trimmed nobody has to know that. */
        private Set<AbortedTransaction> told(List<AbortedTransaction> transactions) {
            return transactions.stream()
                    .filter(one -> one.firstOffset() >= start)
                    .map(one -> new AbortedTransaction(one.producerId(), one.firstOffset(), one.lastOffset(), 0))
                    .collect(Collectors.toSet());
        }

        private Set<AbortedTransaction> aborted(long from, long to) {
            return ended.stream()
                    .filter(one -> one.outcome == Outcome.ABORT && one.lastOffset >= from)
                    .filter(one -> one.firstOffset >= start && one.firstOffset < to)
                    .map(one -> new AbortedTransaction(one.producerId, one.firstOffset, one.lastOffset, 0))
                    .collect(Collectors.toSet());
        }
    }
}
