package io.reactivemq.test.simulation;

import io.reactivemq.test.simulation.CrashState.Kind;
import io.reactivemq.test.simulation.StorageChange.Deleted;
import io.reactivemq.test.simulation.StorageChange.ForceFailed;
import io.reactivemq.test.simulation.StorageChange.Forced;
import io.reactivemq.test.simulation.StorageChange.ForcedDirectory;
import io.reactivemq.test.simulation.StorageChange.Made;
import io.reactivemq.test.simulation.StorageChange.Renamed;
import io.reactivemq.test.simulation.StorageChange.Written;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.function.IntPredicate;

/**
 * The disks that a crash may leave behind, at any moment of what a {@link RecordingStore} has recorded.
 *
 * <p>After each change:
 * <ul>
 *   <li>all that came before is there;
 *   <li>of six changes that were not forced any subset is there: of the last six, and of the last and five others by lot. Those that are
 *       older and not forced either are all there, or none of them;
 *   <li>the last write is torn at every byte, which is also every 512 and 4,096 bytes of the file; what is missing is not there, or reads as
 *       zeros; and zeros are behind it.
 * </ul>
 * Which subset makes a file missing, a rename or a deletion undone, the state's {@link Kind} says. States that are the same disk come
 * up more than once.
 *
 * <p>With {@code oneIn} above 1 only that share of them, by lot, is made; those where all or none of the changes are there always are.
 */
public final class CrashStates {

    private static final int SUBSET_CHANGES_MAX = 6;

    private final RecordingStore store;
    private final Random random;
    private final int oneIn;

    /** @param random decides what is left to chance, and so repeats it */
    public CrashStates(RecordingStore store, Random random, int oneIn) {
        this.store = store;
        this.random = random;
        this.oneIn = oneIn;
    }

    /** Hands over the states of crashes after more than {@code from} changes, up to the last one made so far. */
    public void forEach(int from, Consumer<CrashState> action) {
        UnforcedChanges unforced = new UnforcedChanges(store);
        List<StorageChange> changes = store.changes();
        for (int i = 0; i < changes.size(); i++) {
            StorageChange change = changes.get(i);
            unforced.add(change);
            if (i >= from) {
                new At(i + 1, unforced, action).states(change);
            }
        }
    }

    /** One moment. */
    private final class At {

        private final int changesDone;
        private final UnforcedChanges unforced;
        private final Consumer<CrashState> action;
        private final int count;

        At(int changesDone, UnforcedChanges unforced, Consumer<CrashState> action) {
            this.changesDone = changesDone;
            this.unforced = unforced;
            this.action = action;
            this.count = unforced.count();
        }

        void states(StorageChange newest) {
            boolean isForce =
                    newest instanceof Forced || newest instanceof ForceFailed || newest instanceof ForcedDirectory;
            emit(Kind.PREFIX, "all of " + count, i -> true);
            if (count > 0) {
                emit(Kind.SUBSET, "none of " + count, i -> false);
            }
            // What leaves out the newest change is the state of an earlier moment.
            int free = Math.min(count, isForce ? SUBSET_CHANGES_MAX : SUBSET_CHANGES_MAX - 1);
            int[] last = new int[free];
            int[] byLot = new int[free];
            int others = isForce ? count : count - 1;
            for (int i = 0; i < free; i++) {
                last[i] = others - 1 - i;
                byLot[i] = others <= 0 ? -1 : random.nextInt(others);
            }
            subsets(last, !isForce);
            if (others > free) {
                subsets(byLot, !isForce);
            }
            if (newest instanceof Written written) {
                torn(written);
            }
        }

        private void subsets(int[] window, boolean newestKept) {
            for (int mask = 0; mask < 1 << window.length; mask++) {
                if (!chosen()) {
                    continue;
                }
                boolean olderKept = random.nextInt(4) > 0;
                int chosen = mask;
                IntPredicate kept = i -> {
                    if (newestKept && i == count - 1) {
                        return true;
                    }
                    for (int w = 0; w < window.length; w++) {
                        if (window[w] == i) {
                            return (chosen & 1 << w) != 0;
                        }
                    }
                    return olderKept;
                };
                emit(kindOf(kept), subset(kept), kept);
            }
        }

        private void torn(Written written) {
            int length = written.bytes().remaining();
            for (int bytes = 0; bytes < length; bytes++) {
                int position = written.position() + bytes;
                Kind kind = position % 4096 == 0
                        ? Kind.TORN_AT_4096
                        : position % 512 == 0 ? Kind.TORN_AT_512 : Kind.TORN_AT_A_BYTE;
                boolean boundary = kind != Kind.TORN_AT_A_BYTE;
                if (bytes > 0 && (boundary || chosen())) {
                    emitTorn(kind, bytes, false);
                }
                if (boundary || chosen()) {
                    emitTorn(Kind.ZERO_TAIL, bytes, true);
                }
            }
            for (int zeros : new int[] {1, 61, 512, 4096 - (written.position() + length) % 4096}) {
                if (chosen()) {
                    String what = "all of " + count + ", and " + zeros + " zeros";
                    action.accept(new CrashState(
                            changesDone, Kind.ZERO_TAIL, what, unforced.image(i -> true, -1, 0, false, zeros)));
                }
            }
        }

        private void emitTorn(Kind kind, int bytes, boolean lengthKept) {
            String what = "all but the last of " + count + ", and " + bytes + " bytes of that";
            action.accept(new CrashState(
                    changesDone, kind, what, unforced.image(i -> i < count - 1, count - 1, bytes, lengthKept, 0)));
        }

        private void emit(Kind kind, String what, IntPredicate kept) {
            action.accept(new CrashState(changesDone, kind, what, unforced.image(kept, -1, 0, false, 0)));
        }

        private boolean chosen() {
            return oneIn <= 1 || random.nextInt(oneIn) == 0;
        }

        private Kind kindOf(IntPredicate kept) {
            Kind kind = Kind.PREFIX;
            for (int i = 0; i < count; i++) {
                if (kept.test(i)) {
                    continue;
                }
                StorageChange change = unforced.change(i);
                Kind lost = change instanceof Made
                        ? Kind.NAME_MISSING
                        : change instanceof Renamed
                                ? Kind.RENAME_UNDONE
                                : change instanceof Deleted ? Kind.DELETION_UNDONE : Kind.SUBSET;
                kind = lost.compareTo(kind) > 0 ? lost : kind;
            }
            return kind;
        }

        private String subset(IntPredicate kept) {
            StringBuilder what = new StringBuilder("of ").append(count).append(" without");
            for (int i = 0; i < count; i++) {
                if (!kept.test(i)) {
                    what.append(' ').append(i);
                }
            }
            return what.toString();
        }
    }
}
