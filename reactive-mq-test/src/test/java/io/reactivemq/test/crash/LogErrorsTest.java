package io.reactivemq.test.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.storage.StorageException.Operation;
import io.reactivemq.test.simulation.CrashStates;
import io.reactivemq.test.simulation.DiskImage;
import io.reactivemq.test.simulation.RecordingStore;
import io.reactivemq.test.simulation.StorageFaults;
import io.reactivemq.test.simulation.StorageFaults.Errno;
import io.reactivemq.test.simulation.StorageFaults.Fault;
import java.nio.file.Path;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("When a call to a file fails,")
class LogErrorsTest {

    private static final int SEED = 11;

    /** Lives, one for each call that fails; and what came of them. */
    private int lives;

    private int refusals;
    private int fences;
    private int crashes;

    @Test
    @DisplayName(
            "whichever it is and with whatever error, once: refused or fenced, nothing acknowledged that a loss of power takes, reads go on")
    void once() {
        int calls = new Life(-1, Errno.EIO, false).live();
        for (Errno errno : Errno.values()) {
            for (int call = 0; call < calls; call++) {
                live(call, errno, false);
            }
        }
        assertThat(calls).isGreaterThan(300);
        report("once", calls);
    }

    @Test
    @DisplayName(
            "and those like it, until there is room or the disk is whole again: the same, and without a fence appends go on")
    void forAWhile() {
        int calls = new Life(-1, Errno.EIO, true).live();
        for (Errno errno : Errno.values()) {
            for (int call = 0; call < calls; call++) {
                live(call, errno, true);
            }
        }
        report("for a while", calls);
    }

    private void live(int call, Errno errno, boolean forAWhile) {
        try {
            new Life(call, errno, forAWhile).live();
        } catch (RuntimeException | AssertionError e) {
            throw new AssertionError("call " + call + ", " + errno + (forAWhile ? " for a while: " : ": ") + e, e);
        }
    }

    private void report(String how, int calls) {
        System.out.printf(
                "Errors of the disk under the log, %s: %d calls x %d errors, %d lives, %d refusals, %d fences, %d crashes after them%n",
                how, calls, Errno.values().length, lives, refusals, fences, crashes);
    }

    /** Always the same work, one call of which fails, or every one of its kind from there on for three steps. */
    private final class Life {

        private final int failingCall;
        private final Errno errno;
        private final boolean forAWhile;
        private final RecordingStore store = new RecordingStore(DiskImage.empty());
        private final LogLife life;
        private final Ledger ledger = new Ledger();
        private final Random random = new Random(SEED);
        private int calls;
        private boolean healed;
        private boolean open;
        private int stepsBroken;

        Life(int failingCall, Errno errno, boolean forAWhile) {
            this.failingCall = failingCall;
            this.errno = errno;
            this.forAWhile = forAWhile;
            this.life = new LogLife(store, ledger, new PlantedBug(), LogLife.config(random), random);
        }

        private @Nullable Fault fault(Operation operation, Path path) {
            int call = calls++;
            if (failingCall < 0 || healed || call < failingCall) {
                return null;
            }
            boolean fails = call == failingCall || (forAWhile && isAffected(operation, path));
            return fails ? new Fault(errno, failingCall % 60) : null;
        }

        private boolean isAffected(Operation operation, Path path) {
            boolean writes = switch (operation) {
                case WRITE, CREATE_DIRECTORY, RENAME -> true;
                case OPEN -> !store.exists(path);
                default -> false;
            };
            return switch (errno) {
                case ENOSPC -> writes;
                case EROFS -> writes || operation == Operation.TRUNCATE || operation == Operation.DELETE;
                case EMFILE -> operation == Operation.OPEN || operation == Operation.LIST;
                case EIO -> operation != Operation.READ;
            };
        }

        /** Returns how many calls there were. */
        int live() {
            lives++;
            life.files().createForcedDirectories(LogLife.DATA);
            store.failWith(this::fault);
            for (int step = 0; step < 28; step++) {
                reopen();
                int now = step;
                survive(() -> step(now));
                afterStep();
            }
            int made = calls;
            heal();
            reopen();
            life.append();
            life.force();
            life.checkRecords();
            crash();
            return made;
        }

        private void step(int step) {
            switch (step) {
                case 7, 15 -> life.roll();
                case 11, 19 -> life.delete();
                case 13, 23 -> {
                    open = false;
                    life.close();
                }
                default -> {
                    if (step % 3 == 2) {
                        life.force();
                    } else {
                        life.append();
                    }
                }
            }
        }

        /** Fails only with the error of a disk; a log that still takes writes is where it was. */
        private void survive(Runnable action) {
            boolean wasOpen = open;
            long end = wasOpen ? life.log().logEndOffset() : 0;
            try {
                action.run();
            } catch (MqException e) {
                LogLife.check(e.errorCode() == ErrorCode.KAFKA_STORAGE_ERROR, () -> "failed with " + e);
                refusals++;
                if (open) {
                    LogLife.check(life.log().logEndOffset() == end, "what failed has moved the end");
                    life.refused();
                }
            }
        }

        private void afterStep() {
            if (!forAWhile) {
                healed |= calls > failingCall && failingCall >= 0;
            } else if (calls > failingCall && ++stepsBroken == 3) {
                heal();
            }
            if (!open) {
                return;
            }
            // Reads go on; a disk that can't be read, or no file be opened on, they need not survive.
            boolean readable = errno == Errno.ENOSPC || errno == Errno.EROFS;
            store.failWith(stepsBroken > 0 && readable ? this::fault : StorageFaults.NONE);
            life.checkRecords();
            store.failWith(this::fault);
            if (life.log().isFenced()) {
                fences++;
                assertRefused(life::append);
                assertRefused(life::force);
                open = false;
            } else if (healed && failingCall >= 0) {
                life.append();
                life.force();
            }
        }

        private void assertRefused(Runnable writing) {
            int before = store.changeCount();
            try {
                writing.run();
            } catch (MqException e) {
                LogLife.check(e.errorCode() == ErrorCode.KAFKA_STORAGE_ERROR, () -> "fenced with " + e);
                LogLife.check(store.changeCount() == before, "a fenced log has written");
                return;
            }
            throw new AssertionError("a fenced log took a write");
        }

        /** As often as it takes: while the disk is broken a log may not open, and is then healed. */
        private void reopen() {
            while (!open) {
                try {
                    Ledger.Promise before = ledger.last();
                    life.open();
                    life.checkOpened(before);
                    open = true;
                } catch (MqException e) {
                    LogLife.check(e.errorCode() == ErrorCode.KAFKA_STORAGE_ERROR, () -> "not opened: " + e);
                    LogLife.check(!healed, () -> "not opened on a disk that is whole: " + e);
                    refusals++;
                    heal();
                }
            }
        }

        private void heal() {
            healed = true;
        }

        /** What was acknowledged survives the power, whatever failed before. */
        private void crash() {
            new CrashStates(store, random, 64).forEach(store.changeCount() - 1, state -> {
                crashes++;
                Ledger promised = new Ledger(ledger, state.changesDone());
                Ledger.Promise before = promised.last();
                LogLife after = new LogLife(
                        new RecordingStore(state.image()), promised, new PlantedBug(), life.config(), random);
                after.open();
                after.checkOpened(before);
            });
        }
    }

    @Test
    @DisplayName(
            "a full disk for as long as it takes: every append is refused, each record is read, and with room appends go on without a reopening")
    void fullDisk() {
        Random random = new Random(SEED);
        RecordingStore store = new RecordingStore(DiskImage.empty());
        Ledger ledger = new Ledger();
        LogLife life = new LogLife(store, ledger, new PlantedBug(), LogLife.config(random), random);
        life.files().createForcedDirectories(LogLife.DATA);
        life.open();
        for (int round = 0; round < 50; round++) {
            life.append();
            life.force();
            int bytes = round;
            StorageFaults full = (operation, path) ->
                    operation == Operation.WRITE || (operation == Operation.OPEN && !store.exists(path))
                            ? new Fault(Errno.ENOSPC, bytes)
                            : null;
            store.failWith(full);
            long end = life.log().logEndOffset();
            for (int i = 0; i < 3; i++) {
                try {
                    life.append();
                    throw new AssertionError("appended to a full disk");
                } catch (MqException e) {
                    assertThat(e.errorCode()).isEqualTo(ErrorCode.KAFKA_STORAGE_ERROR);
                    assertThat(e).hasStackTraceContaining(Errno.ENOSPC.words());
                    life.refused();
                }
                assertThat(life.log().logEndOffset()).isEqualTo(end);
                life.checkRecords();
            }
            store.failWith(StorageFaults.NONE);
            assertThat(life.log().isFenced()).isFalse();
        }
        life.goOn();
    }
}
