package io.reactivemq.operator.spill;

import static io.reactivemq.operator.spill.Numbers.DIRECTORY;
import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.storage.CrashFileStore;
import io.reactivemq.storage.CrashFileStore.Loss;
import io.reactivemq.storage.FaultyFileStore;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.Folders;
import io.reactivemq.storage.StorageException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Spill files after")
class SpillCrashTest {

    /** Each from a seed; {@code -Dreactivemq.seed=} runs one of them again, {@code -Dreactivemq.lives=} more of them. */
    private static final int LIVES = Integer.getInteger("reactivemq.lives", 3_000);

    @Test
    @DisplayName(
            "M11 a loss of power or a kill: what was forced and not delivered is there, in order, and nothing else")
    void latestLost() {
        assertThat(run(Loss.LATEST)).as("refused").isZero();
    }

    @Test
    @DisplayName("M11 a loss of power that has mixed up what was not forced: the same, or the directory is refused")
    void anyLost() {
        assertThat(run(Loss.ANY)).as("refused").isLessThan(LIVES / 2);
    }

    private static int run(Loss loss) {
        int refused = 0;
        Long replay = Long.getLong("reactivemq.seed");
        for (long seed = replay == null ? 0 : replay; seed < (replay == null ? LIVES : replay + 1); seed++) {
            Life life = new Life(seed, loss);
            try {
                refused += life.live() ? 0 : 1;
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("-Dreactivemq.seed=" + seed + ", " + loss + ": " + life.story, e);
            }
        }
        return refused;
    }

    /** A queue, several crashes. Elements are numbers from 0 on. */
    private static final class Life {

        private final Random random;
        private final Loss loss;
        private final List<String> story = new ArrayList<>();
        private CrashFileStore disk = new CrashFileStore();

        /** Appended so far, forced or not; the number of the next. */
        private long appended;

        private long forced;

        /** Less than what is promised after a kill, which leaves what was not forced. */
        private long survivesLossOfPower;

        private long delivered;
        private boolean closedEmpty;

        Life(long seed, Loss loss) {
            this.random = new Random(seed);
            this.loss = loss;
            disk.createForcedDirectories(FileStore.parentOf(DIRECTORY));
        }

        /** False where it was refused as damaged, which only a crash that mixes things up may lead to. */
        boolean live() {
            for (int crash = 0; crash < 4; crash++) {
                SpillQueue queue;
                try {
                    queue = open();
                } catch (MqException e) {
                    if (loss == Loss.ANY && e.errorCode() == ErrorCode.CORRUPT_MESSAGE) {
                        return false;
                    }
                    throw e;
                }
                check(queue);
                work(queue);
                if (random.nextInt(3) > 0) {
                    story.add("loss of power with " + disk.unforced() + " changes to lose");
                    disk = disk.crash(random, loss);
                    survivesLossOfPower = forced;
                } else {
                    story.add("kill");
                    survivesLossOfPower = forced;
                    forced = appended;
                }
            }
            return true;
        }

        /** Sometimes an opening ends half way, once or twice. */
        private SpillQueue open() {
            SpillQueue.Config config = Numbers.config(true, true);
            for (int attempt = 0; attempt < 2 && random.nextInt(3) == 0; attempt++) {
                int callsLeft = random.nextInt(12);
                AtomicInteger calls = new AtomicInteger();
                FaultyFileStore faulty = new FaultyFileStore(disk);
                faulty.failIf((operation, path) -> calls.getAndIncrement() >= callsLeft);
                try {
                    Numbers.open(faulty, config);
                } catch (StorageException e) {
                    story.add("call " + callsLeft + " of the opening failed");
                }
                if (random.nextBoolean()) {
                    story.add("loss of power");
                    disk = disk.crash(random, loss);
                    forced = survivesLossOfPower;
                }
            }
            return Numbers.open(disk, config);
        }

        private void check(SpillQueue queue) {
            long first = queue.readSequence();
            long end = first + queue.unread();
            story.add("opened with " + first + " to " + end);
            if (closedEmpty) {
                assertThat(end).as("all had been delivered").isZero();
                delivered = 0;
                forced = 0;
                appended = 0;
                survivesLossOfPower = 0;
            }
            assertThat(first).as("first").isLessThanOrEqualTo(Math.max(delivered, forced));
            if (delivered < forced) {
                assertThat(first).as("nothing is skipped").isLessThanOrEqualTo(delivered);
                assertThat(end).as("end").isBetween(forced, appended);
            }
            assertThat(end).as("end").isLessThanOrEqualTo(appended);
            // whether it is all there and right is seen by reading it, in a second look
            FileStore copied = FileStore.memory();
            Folders.write(copied, DIRECTORY, Folders.read(disk, DIRECTORY));
            SpillQueue copy = SpillQueue.open(copied, DIRECTORY, Numbers.config(true, true));
            assertThat(copy.readSequence()).isEqualTo(first);
            assertThat(Numbers.readAll(copy)).hasSize((int) (end - first));
            delivered = first;
            forced = end;
            appended = end;
        }

        private void work(SpillQueue queue) {
            closedEmpty = false;
            int steps = random.nextInt(60);
            for (int i = 0; i < steps; i++) {
                switch (random.nextInt(12)) {
                    case 0, 1, 2, 3, 4 -> {
                        int count = 1 + random.nextInt(4);
                        Numbers.append(queue, appended, count);
                        appended += count;
                    }
                    case 5, 6, 7 -> {
                        queue.force();
                        forced = appended;
                        story.add("forced to " + forced);
                    }
                    case 8, 9, 10 -> {
                        for (int n = random.nextInt(30); n > 0; n--) {
                            Numbers.next(queue);
                        }
                        // what is delivered counts, told of or not
                        delivered = queue.readSequence();
                    }
                    default -> {
                        queue.consumed(delivered);
                        story.add("delivered to " + delivered);
                    }
                }
            }
            if (random.nextInt(4) == 0) {
                queue.force();
                forced = appended;
                queue.consumed(delivered);
                queue.close(false);
                closedEmpty = delivered == appended;
                story.add("closed");
            }
        }
    }

    @Test
    @DisplayName("M11 any one storage call has failed: nothing is lost, nothing comes twice, the order is kept")
    void everyCall() {
        for (boolean forced : new boolean[] {true, false}) {
            Scripted whole = new Scripted(forced, -1, 0);
            whole.live();
            int calls = whole.calls.get();
            assertThat(calls).isGreaterThan(100);
            for (int call = 0; call < calls; call++) {
                try {
                    new Scripted(forced, call, call % 60).live();
                } catch (RuntimeException | AssertionError e) {
                    throw new AssertionError("with call " + call + " of " + calls + " failing, forced " + forced, e);
                }
            }
        }
    }

    /** The same life again and again, in which one call fails. */
    private static final class Scripted {

        final AtomicInteger calls = new AtomicInteger();
        private final FileStore disk = FileStore.memory();
        private final FaultyFileStore store = new FaultyFileStore(disk);
        private final SpillQueue.Config config;
        private final List<Long> received = new ArrayList<>();
        private SpillQueue queue;
        private boolean positionLost;

        Scripted(boolean forced, int failingCall, int bytesWritten) {
            config = Numbers.config(true, forced);
            store.writeBeforeFailure(bytesWritten);
            store.failIf((operation, path) -> {
                boolean fails = calls.getAndIncrement() == failingCall;
                positionLost |= fails && path.endsWith(SpillFormat.POSITION_FILE);
                return fails;
            });
            queue = opened();
        }

        private SpillQueue opened() {
            try {
                return Numbers.open(store, config);
            } catch (StorageException e) {
                return Numbers.open(store, config);
            }
        }

        void live() {
            long next = 0;
            for (int round = 0; round < 3; round++) {
                for (int i = 0; i < 25; i++) {
                    next = append(next, 1 + i % 4);
                    if (i % 3 == 0) {
                        next = force(next);
                    }
                    if (i % 2 == 1) {
                        read(3);
                    }
                    if (i % 5 == 4) {
                        consumed();
                    }
                    if (queue.isFenced()) {
                        next = reopen();
                    }
                }
                next = force(next);
                next = reopen();
            }
            while (queue.unread() > 0) {
                read(10);
            }
            consumed();
            for (int i = 0; i < received.size(); i++) {
                assertThat(received.get(i)).isEqualTo(i);
            }
            assertThat((long) received.size()).isEqualTo(next);
        }

        private long append(long next, int count) {
            try {
                Numbers.append(queue, next, count);
                return next + count;
            } catch (MqException e) {
                return queue.isFenced() ? queue.readSequence() + queue.unread() : next;
            }
        }

        /** What was not forced is the caller's again: here it appends other ones in its place. */
        private long force(long next) {
            try {
                queue.force();
                return next;
            } catch (MqException e) {
                assertThat(queue.isFenced()).isTrue();
                return queue.readSequence() + queue.unread();
            }
        }

        private void read(int count) {
            for (int i = 0; i < count; i++) {
                try {
                    Long number = Numbers.next(queue);
                    if (number != null) {
                        received.add(number);
                    }
                } catch (StorageException e) {
                    i--; // it can be tried again
                }
            }
        }

        private void consumed() {
            try {
                queue.consumed(queue.readSequence());
            } catch (StorageException e) {
                assertThat(queue.isFenced()).isTrue();
            }
        }

        private long reopen() {
            try {
                queue.force();
            } catch (MqException e) {
                assertThat(queue.isFenced()).isTrue();
            }
            consumed();
            try {
                queue.close(false);
            } catch (StorageException e) {
                assertThat(queue.isFenced() || e.operation() == StorageException.Operation.DELETE)
                        .isTrue();
            }
            queue = opened();
            if (positionLost) {
                // so some come twice, in order
                while (!received.isEmpty() && received.get(received.size() - 1) >= queue.readSequence()) {
                    received.remove(received.size() - 1);
                }
            }
            return queue.readSequence() + queue.unread();
        }
    }
}
