package io.reactivemq.topic;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.RecordsToDelete;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.log.AppendInfo;
import io.reactivemq.log.LogConfig;
import io.reactivemq.log.PartitionLog;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.storage.FaultyFileStore;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StorageException.Operation;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;

/** Appends against what ends or shortens a log, and reads against rolls and deletions. */
public final class PartitionStress {

    private static final TopicPartition ID = new TopicPartition("t", 0);

    private PartitionStress() {}

    private static PartitionLog log() {
        return PartitionLog.open(FileStore.memory(), Path.of("/t-0"), ID, LogConfig.defaults());
    }

    private static ByteBuffer batch() {
        RecordBatchBuilder builder = new RecordBatchBuilder(128, 1_024);
        builder.tryAppend(0, null, new byte[] {1}, Headers.empty());
        return builder.build();
    }

    /** A partition in memory, whose drain loop runs on whichever thread comes first. */
    private static final class Written implements AppendListener {

        final PartitionLog log = log();
        final Partition partition = new Partition(
                ID, log, new TopicConfig(Durability.MEMORY, LogConfig.defaults()), new ManualRuntime(), Admission.OPEN);
        final AtomicInteger appended = new AtomicInteger();
        final AtomicInteger failed = new AtomicInteger();

        void append() {
            partition.append(batch(), this);
        }

        @Override
        public void onAppended(AppendInfo info) {
            appended.incrementAndGet();
        }

        @Override
        public void onFailed(MqException error) {
            failed.incrementAndGet();
        }
    }

    /** An append is answered once, and is in the log where the answer is good. */
    @JCStressTest
    @Outcome(id = "1, 0, 1", expect = Expect.ACCEPTABLE, desc = "written before the end")
    @Outcome(id = "0, 1, 0", expect = Expect.ACCEPTABLE, desc = "closed first: refused")
    @State
    public static class AppendAgainstClose {

        private final Written written = new Written();

        @Actor
        public void producer() {
            written.append();
        }

        @Actor
        public void owner() {
            written.partition.close().subscribe();
        }

        @Arbiter
        public void arbiter(III_Result result) {
            result.r1 = written.appended.get();
            result.r2 = written.failed.get();
            result.r3 = (int) written.log.logEndOffset();
        }
    }

    /** All that readers see is deleted as another record comes: it is there or gone with the rest, and the log starts where it should. */
    @JCStressTest
    @Outcome(id = "1, 1, 2", expect = Expect.ACCEPTABLE, desc = "deleted, then appended")
    @Outcome(id = "1, 2, 2", expect = Expect.ACCEPTABLE, desc = "appended, then deleted")
    @State
    public static class AppendAgainstDeleteRecords {

        private final Written written = new Written();
        private final AtomicInteger start = new AtomicInteger(-1);

        public AppendAgainstDeleteRecords() {
            written.append();
        }

        @Actor
        public void producer() {
            written.append();
        }

        @Actor
        public void administrator() {
            written.partition
                    .deleteRecords(RecordsToDelete.before(RecordsToDelete.HIGH_WATERMARK))
                    .subscribe(offset -> start.set(offset.intValue()));
        }

        @Arbiter
        public void arbiter(III_Result result) {
            result.r1 = written.appended.get() - 1;
            result.r2 = start.get() == written.partition.logStartOffset() ? start.get() : -1;
            result.r3 = (int) written.log.logEndOffset();
        }
    }

    /** The segment is rolled under a reader, who finds its record all the same; the one before goes, and its record is there or out of range. */
    @JCStressTest
    @Outcome(id = "1, 0", expect = Expect.ACCEPTABLE, desc = "both are there")
    @Outcome(id = "1, -1", expect = Expect.ACCEPTABLE, desc = "the first is deleted")
    @State
    public static class ReadAgainstRollAndDeletion {

        private final PartitionLog log = log();

        public ReadAgainstRollAndDeletion() {
            log.append(batch(), 0);
            log.roll();
            log.append(batch(), 0);
        }

        @Actor
        public void writer() {
            log.roll();
            log.deleteSegmentsBefore(1);
        }

        @Actor
        public void reader(II_Result result) {
            result.r1 = offsetOf(1);
            result.r2 = offsetOf(0);
        }

        private int offsetOf(long offset) {
            try {
                return (int) RecordBatch.at(log.read(offset, 1, 2), 0).baseOffset();
            } catch (MqException e) {
                return e.errorCode() == ErrorCode.OFFSET_OUT_OF_RANGE ? -1 : -2;
            }
        }
    }

    /** A write ends half way and is cut off again, and another one takes its place: a reader finds all of that one, or the end before it. */
    @JCStressTest
    @Outcome(id = "1, 1", expect = Expect.ACCEPTABLE, desc = "read when it was there")
    @Outcome(id = "-1, 1", expect = Expect.ACCEPTABLE, desc = "read before")
    @State
    public static class ReadAgainstCut {

        private final AtomicInteger failures = new AtomicInteger(1);
        private final PartitionLog log;

        public ReadAgainstCut() {
            FaultyFileStore store = new FaultyFileStore(FileStore.memory());
            log = PartitionLog.open(store, Path.of("/t-0"), ID, LogConfig.defaults());
            log.append(batch(), 0);
            store.writeBeforeFailure(RecordBatch.HEADER_BYTES);
            store.failIf((operation, path) -> operation == Operation.WRITE && failures.getAndDecrement() > 0);
        }

        @Actor
        public void writer() {
            try {
                log.append(batch(), 0);
            } catch (MqException half) {
                log.append(batch(), 0);
            }
        }

        @Actor
        public void reader(II_Result result) {
            result.r1 = second();
        }

        @Arbiter
        public void arbiter(II_Result result) {
            result.r2 = second();
        }

        private int second() {
            ByteBuffer bytes = log.read(1, 1, 1_024);
            if (!bytes.hasRemaining()) {
                return -1;
            }
            RecordBatch batch = RecordBatch.at(bytes, 0);
            return batch.computeCrc() == batch.crc() ? (int) batch.baseOffset() : -2;
        }
    }
}
