package io.reactivemq.log;

import static io.reactivemq.log.Batches.batch;
import static io.reactivemq.log.Batches.concat;
import static io.reactivemq.log.Batches.readAll;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.RecoveryReport.Origin;
import io.reactivemq.storage.FaultyFileStore;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.Folders;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StorageException.Operation;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiPredicate;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("When a call to a file fails,")
class LogFaultTest {

    private static final TopicPartition T0 = new TopicPartition("t", 0);
    private static final Path FOLDER = Path.of("/data/t-0");
    private static final String LOG = "00000000000000000000.log";
    private static final LogConfig CONFIG = LogConfig.defaults().withIndexIntervalBytes(100);

    private final FaultyFileStore store = new FaultyFileStore(FileStore.memory());
    private PartitionLog log = open();

    @BeforeEach
    void twoForcedAppends() {
        log.append(batch("a"), 0);
        log.append(batch("b"), 0);
        log.force();
    }

    @AfterEach
    void close() {
        store.heal();
        log.close();
    }

    private PartitionLog open() {
        return PartitionLog.open(store, FOLDER, T0, CONFIG);
    }

    private void reopen() {
        store.heal();
        log.close();
        log = open();
    }

    private static BiPredicate<Operation, Path> on(Operation operation, String nameEnd) {
        return (called, path) -> called == operation && path.toString().endsWith(nameEnd);
    }

    private static void assertStorageError(ThrowingCallable call, String... words) {
        assertThatThrownBy(call).isInstanceOfSatisfying(MqException.class, e -> {
            assertThat(e.errorCode()).isEqualTo(ErrorCode.KAFKA_STORAGE_ERROR);
            for (String word : words) {
                assertThat(e).hasMessageContaining(word);
            }
        });
    }

    private void assertFenced() {
        store.heal();
        assertThat(log.isFenced()).isTrue();
        assertStorageError(() -> log.append(batch("x"), 0), "t-0", FOLDER.toString());
        assertStorageError(log::force, "t-0", FOLDER.toString());
        assertStorageError(() -> log.deleteSegmentsBefore(1), FOLDER.toString());
    }

    @Test
    @DisplayName(
            "a force: nothing more is written and no force is tried again, reads go on, and only opening anew helps")
    void failedForce() {
        log.append(batch("c"), 0);
        AtomicInteger forces = new AtomicInteger();
        store.failIf((operation, path) -> operation == Operation.FORCE && forces.incrementAndGet() == 1);
        assertStorageError(log::force, LOG);
        assertThat(log.forcedOffset()).isEqualTo(2);
        assertThat(log.logEndOffset()).isEqualTo(3);
        assertStorageError(log::force, LOG);
        assertStorageError(() -> log.append(batch("d"), 0), LOG);
        assertThat(forces).hasValue(1);
        assertThat(readAll(log)).containsExactly("0:a", "1:b", "2:c");
        assertFenced();
        reopen();
        assertThat(log.recovery().origin()).isEqualTo(Origin.UNCLEAN);
        assertThat(log.forcedOffset()).isEqualTo(3);
        assertThat(readAll(log)).containsExactly("0:a", "1:b", "2:c");
        log.append(batch("d"), 0);
        log.force();
    }

    @Test
    @DisplayName("a force while a roll wants to force the same file: the roll waits, and fails too")
    void failedForceBesideRoll() throws Exception {
        log.append(batch("c"), 0);
        log.configure(CONFIG.withSegmentBytes(1));
        AtomicReference<@Nullable MqException> failure = new AtomicReference<>();
        Thread roller = new Thread(() -> {
            try {
                log.append(batch("d"), 0);
            } catch (MqException e) {
                failure.set(e);
            }
        });
        AtomicInteger forces = new AtomicInteger();
        store.failIf((operation, path) -> {
            if (operation != Operation.FORCE || forces.getAndIncrement() > 0) {
                return false; // the system tells only one of two
            }
            roller.start();
            while (roller.getState() != Thread.State.BLOCKED && roller.getState() != Thread.State.TERMINATED) {
                Thread.onSpinWait();
            }
            return true;
        });
        assertStorageError(log::force, LOG);
        roller.join();
        assertThat(failure.get()).isNotNull();
        assertThat(log.forcedOffset()).isEqualTo(2);
        assertThat(log.logEndOffset()).isEqualTo(3);
        assertThat(forces).hasValue(1);
    }

    @Test
    @DisplayName("the tail that the next opening finds is written once more before it is forced")
    void tailIsRewritten() {
        log.append(batch("c"), 0);
        store.failIf(on(Operation.FORCE, LOG));
        assertStorageError(log::force);
        store.heal();
        log.close();
        List<String> calls = new ArrayList<>();
        store.failIf((operation, path) -> {
            if (path.toString().endsWith(LOG)) {
                calls.add(operation.toString());
            }
            return false;
        });
        log = open();
        assertThat(calls).containsSubsequence("READ", "WRITE", "FORCE");
        assertThat(readAll(log)).containsExactly("0:a", "1:b", "2:c");
    }

    @Test
    @DisplayName(
            "a write, after any number of bytes: they are cut back, the append fails, and the next one goes on in a new epoch")
    void failedWrite() {
        int size = batch("c", "d").remaining();
        for (int bytes = 0; bytes <= size; bytes++) {
            long end = log.logEndOffset();
            long length = log.sizeInBytes();
            int epoch = log.leaderEpoch();
            store.writeBeforeFailure(bytes);
            store.failIf(on(Operation.WRITE, LOG));
            ByteBuffer append = batch("c", "d");
            assertStorageError(() -> log.append(append, 0), LOG, "No space left");
            store.heal();
            assertThat(log.isFenced()).isFalse();
            assertThat(log.logEndOffset()).isEqualTo(end);
            assertThat(store.size(FOLDER.resolve(LOG))).isEqualTo(length);
            assertThat(log.append(append, 0).baseOffset()).isEqualTo(end);
            assertThat(log.leaderEpoch()).isEqualTo(epoch + 1);
        }
        log.verify();
        List<String> all = readAll(log);
        assertThat(all).hasSize(2 + 2 * (size + 1));
        reopen();
        assertThat(log.recovery().origin()).isEqualTo(Origin.CLEAN);
        assertThat(readAll(log)).isEqualTo(all);
    }

    @Test
    @DisplayName("a write with log append time: the batch can be appended again")
    void failedWriteWithAppendTime() {
        log.configure(CONFIG.withTimestampType(TimestampType.LOG_APPEND_TIME));
        ByteBuffer append = concat(batch(5, "c"), batch(6, "d", "e"));
        store.failIf(on(Operation.WRITE, LOG));
        assertStorageError(() -> log.append(append, 5_000), LOG);
        store.heal();
        assertThat(log.append(append, 6_000)).isEqualTo(new AppendInfo(2, 5, 6_000));
        assertThat(readAll(log)).containsExactly("0:a", "1:b", "2:c", "3:d", "4:e");
        assertThat(log.offsetForTimestamp(5_001, 5)).isEqualTo(2);
        assertThat(log.offsetForTimestamp(6_001, 5)).isEqualTo(-1);
    }

    @Test
    @DisplayName("the cut after a failed write, or its force: fenced, and the next opening cuts")
    void failedCut() {
        for (Operation cut : List.of(Operation.TRUNCATE, Operation.FORCE)) {
            store.writeBeforeFailure(30);
            store.failIf((operation, path) -> (operation == Operation.WRITE || operation == cut)
                    && path.toString().endsWith(LOG));
            assertStorageError(() -> log.append(batch("c"), 0), LOG);
            assertFenced();
            assertThat(readAll(log)).containsExactly("0:a", "1:b");
            reopen();
            assertThat(readAll(log)).containsExactly("0:a", "1:b");
            assertThat(log.recovery().cutBytes()).isEqualTo(cut == Operation.TRUNCATE ? 30 : 0);
        }
        log.append(batch("c"), 0);
    }

    @Test
    @DisplayName("a full disk fails every append, reads go on, and with room again so do appends")
    void diskFull() {
        reopen();
        store.failIf((operation, path) -> operation == Operation.WRITE);
        for (int i = 0; i < 5; i++) {
            assertStorageError(() -> log.append(batch("c"), 0), "No space left");
            assertThat(readAll(log)).containsExactly("0:a", "1:b");
        }
        store.heal();
        log.append(batch("c"), 0);
        store.writeBeforeFailure(7);
        store.failIf((operation, path) -> operation == Operation.WRITE);
        for (int i = 0; i < 5; i++) {
            assertStorageError(() -> log.append(batch("d"), 0), "No space left");
        }
        log.force();
        assertThat(log.forcedOffset()).isEqualTo(3);
        store.heal();
        log.append(batch("d"), 0);
        assertThat(readAll(log)).containsExactly("0:a", "1:b", "2:c", "3:d");
        log.verify();
    }

    @Test
    @DisplayName("a roll: nothing has happened, and the next append rolls; but a force in it is final")
    void failedRoll() {
        log.configure(CONFIG.withSegmentBytes(1));
        for (BiPredicate<Operation, Path> fault :
                List.of(on(Operation.OPEN, "2.log"), on(Operation.RENAME, ".tmp"), on(Operation.WRITE, ".tmp"))) {
            long end = log.logEndOffset();
            store.failIf(fault);
            assertStorageError(() -> log.append(batch("c"), 0));
            assertThat(log.logEndOffset()).isEqualTo(end);
            store.heal();
            assertThat(log.isFenced()).isFalse();
            log.append(batch("c"), 0);
            assertThat(readAll(log)).hasSize((int) end + 1);
        }
        reopen();
        assertThat(readAll(log)).containsExactly("0:a", "1:b", "2:c", "3:c", "4:c");
        log.configure(CONFIG.withSegmentBytes(1));
        store.failIf((operation, path) -> operation == Operation.FORCE_DIRECTORY);
        assertStorageError(() -> log.append(batch("d"), 0));
        assertFenced();
        reopen();
        log.configure(CONFIG.withSegmentBytes(1));
        log.append(batch("d"), 0);
        log.force();
        store.failIf(on(Operation.FORCE, "5.log"));
        assertStorageError(() -> log.append(batch("e"), 0));
        assertFenced();
        reopen();
        assertThat(readAll(log)).containsExactly("0:a", "1:b", "2:c", "3:c", "4:c", "5:d");
    }

    @Test
    @DisplayName("writing an index: the log does not care, and the index is made again when it is opened")
    void failedIndex() {
        log.configure(CONFIG.withSegmentBytes(400));
        store.failIf((operation, path) ->
                operation == Operation.WRITE && path.toString().endsWith("index"));
        for (int i = 0; i < 30; i++) {
            log.append(batch(2_000 + i, "value " + i), 0);
        }
        List<String> all = readAll(log);
        assertThat(all).hasSize(32);
        assertThat(log.offsetForTimestamp(2_017, 32)).isEqualTo(19);
        log.close();
        reopen();
        assertThat(log.recovery().origin()).isEqualTo(Origin.CLEAN);
        assertThat(log.recovery().rebuiltIndexes()).isPositive();
        assertThat(readAll(log)).isEqualTo(all);
        assertThat(log.offsetForTimestamp(2_017, 32)).isEqualTo(19);
        reopen();
        assertThat(log.recovery().rebuiltIndexes()).isZero();
    }

    @Test
    @DisplayName("recording the recovery point: the force has been made all the same")
    void failedCheckpoint() {
        log.configure(CONFIG.withRecoveryPointBytes(1));
        log.append(batch("c"), 0);
        store.failIf(on(Operation.WRITE, ".tmp"));
        log.force();
        assertThat(log.forcedOffset()).isEqualTo(3);
        store.heal();
        log.append(batch("d"), 0);
        store.failIf(on(Operation.FORCE, ".tmp"));
        assertStorageError(log::force);
        assertFenced();
        reopen();
        assertThat(readAll(log)).hasSize(4);
    }

    @Test
    @DisplayName("closing: the error is thrown, the log is closed all the same, and scanned when it is opened")
    void failedClose() {
        log.append(batch("c"), 0);
        store.failIf(on(Operation.FORCE, LOG));
        assertStorageError(log::close, LOG);
        assertStorageError(() -> log.read(0, 1, 1), "closed");
        reopen();
        assertThat(log.recovery().origin()).isEqualTo(Origin.UNCLEAN);
        assertThat(readAll(log)).hasSize(3);
    }

    @Test
    @DisplayName("deleting a segment's files, after the log start has moved: they are gone after the next opening")
    void failedDelete() {
        log.configure(CONFIG.withSegmentBytes(1));
        log.append(batch("c"), 0);
        store.failIf((operation, path) -> operation == Operation.DELETE);
        assertThat(log.deleteSegmentsBefore(2)).isOne();
        assertThat(log.logStartOffset()).isEqualTo(2);
        assertThat(readAll(log)).containsExactly("2:c");
        assertThat(store.exists(FOLDER.resolve(LOG))).isTrue();
        reopen();
        assertThat(store.exists(FOLDER.resolve(LOG))).isFalse();
        assertThat(readAll(log)).containsExactly("2:c");
        log.configure(CONFIG.withSegmentBytes(1));
        log.append(batch("d"), 0);
        store.failIf(on(Operation.WRITE, ".tmp"));
        assertStorageError(() -> log.deleteSegmentsBefore(3));
        assertThat(log.logStartOffset()).isEqualTo(2);
        assertThat(readAll(log)).hasSize(2);
    }

    /**
     * A life of a log: two openings, appends, rolls, forces, a deletion, a closing. Every failure is survived, by opening anew where the
     * log is fenced or was not opened.
     */
    private static final class Life {

        private final FaultyFileStore store;
        private final AtomicInteger calls = new AtomicInteger();
        private final List<String> appended = new ArrayList<>();
        private long start;
        private PartitionLog log;

        Life(int failingCall, int bytesBeforeFailure) {
            store = new FaultyFileStore(FileStore.memory());
            store.writeBeforeFailure(bytesBeforeFailure);
            store.failIf((operation, path) -> calls.getAndIncrement() == failingCall);
            log = open();
        }

        private PartitionLog open() {
            LogConfig config = CONFIG.withSegmentBytes(500).withRecoveryPointBytes(200);
            try {
                return PartitionLog.open(store, FOLDER, T0, config);
            } catch (StorageException e) {
                // a crash while it was recovering
                return PartitionLog.open(store, FOLDER, T0, config);
            }
        }

        void live() {
            for (int i = 0; i < 2; i++) {
                for (int n = 0; n < 12; n++) {
                    append("value " + i + "/" + n);
                    if (n % 3 == 0) {
                        survive(() -> {
                            log.force();
                            assertThat(log.forcedOffset()).isEqualTo(log.logEndOffset());
                        });
                    }
                }
                survive(() -> log.deleteSegmentsBefore(8));
                start = Math.max(start, log.logStartOffset());
                survive(() -> log.close());
                log.close();
                log = open();
                check();
            }
        }

        private void append(String value) {
            survive(() -> {
                long offset = log.append(batch(value), 0).baseOffset();
                appended.add(offset + ":" + value);
            });
        }

        private void survive(Runnable action) {
            try {
                action.run();
            } catch (StorageException e) {
                assertThat(e.operation().isForce()).as("a failed force fences").isFalse();
            } catch (MqException e) {
                assertThat(e.errorCode()).isEqualTo(ErrorCode.KAFKA_STORAGE_ERROR);
                assertThat(log.isFenced()).isTrue();
            }
            if (log.isFenced()) {
                log.close();
                log = open();
            }
            check();
        }

        private void check() {
            assertThat(log.logEndOffset()).isEqualTo(appended.size());
        }

        void checkAtTheEnd() {
            store.heal();
            assertThat(log.logStartOffset()).isEqualTo(start);
            assertThat(readAll(log)).isEqualTo(appended.subList((int) start, appended.size()));
            log.verify();
            log.close();
            log = open();
            assertThat(log.recovery().origin()).isEqualTo(Origin.CLEAN);
            assertThat(readAll(log)).isEqualTo(appended.subList((int) start, appended.size()));
            assertThat(Folders.read(store, FOLDER).keySet()).noneMatch(name -> name.startsWith("00000000000000000000"));
            log.close();
        }
    }

    @Test
    @DisplayName("whichever it is, no append that succeeded is lost and none that failed appears")
    void everyCall() {
        Life whole = new Life(-1, 0);
        whole.live();
        int calls = whole.calls.get();
        whole.checkAtTheEnd();
        assertThat(calls).isGreaterThan(200);
        for (int call = 0; call < calls; call++) {
            try {
                Life life = new Life(call, call % 60);
                life.live();
                life.checkAtTheEnd();
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("with call " + call + " of " + calls + " failing", e);
            }
        }
    }
}
