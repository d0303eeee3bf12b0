package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Durability;
import io.reactivemq.MqException;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.storage.FaultyFileStore;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StorageException.Operation;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * Random sequences of signals, tasks and disk failures on one thread, in memory and in virtual time, beside a model that is plain
 * enough to be right: a list of what was sent. The consumer acts inside onNext, too: it requests, makes the source send, cancels.
 */
@DisplayName("Spilling beside its model:")
class SpillModelTest {

    private static final int SEQUENCES = Integer.getInteger("reactivemq.sequences", 34_000);
    private static final int STEPS_MAX = 40;

    @ParameterizedTest
    @EnumSource(names = {"BLOCK", "ERROR", "DROP_OLDEST"})
    @AllowDropped(
            value = {Dropped.OPERATOR_ERROR, Dropped.ERROR},
            because = "an overflow is reported as Reactor reports its own; then the source fails, too")
    @DisplayName(
            "M11 each element is delivered once, in order, or let go once, in random sequences of all that can happen:")
    void sequences(OverflowStrategy whenFull) {
        Long only = Long.getLong("reactivemq.seed");
        for (long seed = only == null ? 1 : only; seed <= (only == null ? SEQUENCES : only); seed++) {
            Sequence sequence = new Sequence(whenFull, new SplittableRandom(seed));
            try {
                sequence.run();
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError(
                        "-Dreactivemq.seed=" + seed + " replays this: " + sequence.shape + ", " + sequence.steps + ", "
                                + sequence.sent + " sent, log " + sequence.log,
                        e);
            }
        }
    }

    private static final class Sequence implements CoreSubscriber<Integer> {

        final List<String> steps = new ArrayList<>();
        final List<String> log = new ArrayList<>();
        final String shape;
        int sent;

        private final SplittableRandom random;
        private final OverflowStrategy whenFull;
        private final int capacity;
        private final int maxBytes;
        private final boolean recovers;
        private final Durability durability;
        private final ManualRuntime runtime = new ManualRuntime();
        private final FileStore disk = FileStore.memory();
        private final FaultyFileStore store = new FaultyFileStore(disk);
        private final ManualSource source = new ManualSource();

        private final List<Integer> received = new ArrayList<>();
        private final List<Integer> discarded = new ArrayList<>();
        private final List<Integer> dropped = new ArrayList<>();
        private int checked;
        private long requested;
        private boolean diskFails;
        private boolean forceFails;

        /** Without a record of what was delivered nothing may be deleted, and it comes again. */
        private boolean positionFailed;

        private boolean sourceEnded;
        private boolean sourceFailed;
        private boolean cancelled;
        private boolean inside;
        private @Nullable String end;

        @SuppressWarnings("NullAway.Init") // by onSubscribe
        private Subscription subscription;

        Sequence(OverflowStrategy whenFull, SplittableRandom random) {
            this.whenFull = whenFull;
            this.random = random;
            capacity = random.nextInt(1, 7);
            maxBytes = 2048 + random.nextInt(4) * 1024;
            recovers = random.nextBoolean();
            durability = random.nextInt(3) == 0 ? Durability.FSYNC : Durability.OS_BUFFERED;
            shape = whenFull + ", capacity " + capacity + ", maxBytes " + maxBytes + ", recovers " + recovers + ", "
                    + durability;
            store.failIf(this::fails);
        }

        private boolean fails(Operation operation, Path path) {
            boolean fails = operation.isForce()
                    ? forceFails
                    : diskFails && (operation == Operation.WRITE || operation == Operation.OPEN);
            positionFailed |= fails && (path.endsWith("consumed") || operation.isForce());
            return fails;
        }

        void run() {
            source.transform(Overflow.spillToDisk(
                            SpillFixture.DIRECTORY, SpillFixture.NUMBERS, capacity, this::configure))
                    .subscribe(this);
            if (random.nextInt(8) > 0) {
                runtime.run();
            }
            int count = random.nextInt(STEPS_MAX);
            for (int i = 0; i < count; i++) {
                step();
                check();
            }
            finish();
        }

        private void configure(SpillOptions<Integer> options) {
            options.store(store)
                    .runtime(runtime)
                    .maxBytes(maxBytes)
                    .segmentBytes(SpillFixture.SEGMENT_BYTES)
                    .bufferBytes(256)
                    .whenFull(whenFull)
                    .durability(durability)
                    .onDropped(dropped::add);
            if (recovers) {
                options.recoverOnSubscribe();
            }
        }

        private void step() {
            switch (random.nextInt(24)) {
                case 0, 1, 2, 3, 4, 5 -> send(random.nextInt(1, 4));
                case 6 -> send(random.nextInt(1, 60));
                case 7, 8, 9 -> request(random.nextInt(1, 4));
                case 10 -> request(random.nextInt(1, 30));
                case 11, 12, 13, 14 -> tasks(random.nextInt(1, 4));
                case 15, 16, 17 -> {
                    steps.add("run");
                    runtime.run();
                }
                case 18 -> {
                    steps.add("wait");
                    runtime.advanceBy(Duration.ofMillis(random.nextInt(1, 3000)));
                }
                case 19 -> {
                    diskFails = !diskFails;
                    steps.add(diskFails ? "disk full" : "disk has room");
                    store.writeBeforeFailure(random.nextInt(60));
                }
                case 20 -> {
                    if (random.nextInt(20) == 0) {
                        forceFails = true;
                        steps.add("force fails");
                    }
                }
                case 21 -> {
                    if (random.nextInt(8) == 0) {
                        cancel();
                    }
                }
                case 22 -> {
                    if (random.nextInt(8) == 0) {
                        complete();
                    }
                }
                default -> {
                    if (random.nextInt(8) == 0) {
                        fail();
                    }
                }
            }
        }

        private void tasks(int count) {
            steps.add(count + " tasks");
            for (int i = 0; i < count; i++) {
                runtime.runOne();
            }
        }

        /** As a lawful source does: not after the end, and not more than is requested. */
        private void send(int count) {
            steps.add("send " + count);
            for (int i = 0; i < count && !sourceEnded && sent < source.requested.get(); i++) {
                source.next(sent++);
            }
        }

        private void request(int n) {
            steps.add("request " + n);
            requested = Operators.addCap(requested, n);
            subscription.request(n);
        }

        private void cancel() {
            steps.add("cancel");
            cancelled = true;
            subscription.cancel();
        }

        private void complete() {
            if (!sourceEnded) {
                steps.add("complete");
                sourceEnded = true;
                source.complete();
            }
        }

        private void fail() {
            if (!sourceEnded) {
                steps.add("fail");
                sourceEnded = true;
                sourceFailed = true;
                source.fail(new IllegalStateException("down"));
            }
        }

        /** Plainly, since it is done millions of times. */
        private void check() {
            if (received.size() > requested) {
                throw new AssertionError("received " + received.size() + " of " + requested + " that were requested");
            }
            for (; checked < received.size(); checked++) {
                int element = received.get(checked);
                if (whenFull == OverflowStrategy.BLOCK
                        ? element != checked
                        : checked > 0 && element <= received.get(checked - 1)) {
                    throw new AssertionError("out of order: " + received);
                }
            }
            if (whenFull == OverflowStrategy.BLOCK && !dropped.isEmpty()) {
                throw new AssertionError("dropped: " + dropped);
            }
            if (random.nextInt(16) == 0 && size() > maxBytes) {
                throw new AssertionError(size() + " bytes in files");
            }
        }

        private static List<Integer> numbers(int to) {
            return IntStream.range(0, to).boxed().toList();
        }

        private int size() {
            if (!disk.exists(SpillFixture.DIRECTORY)) {
                return 0;
            }
            int size = 0;
            for (Path path : disk.list(SpillFixture.DIRECTORY)) {
                size += path.toString().endsWith(".spill") ? (int) disk.size(path) : 0;
            }
            return size;
        }

        private void finish() {
            diskFails = random.nextInt(10) == 0;
            if (!cancelled) {
                complete();
                requested = Long.MAX_VALUE;
                subscription.request(Long.MAX_VALUE);
            }
            steps.add("to the end");
            runtime.advanceBy(Duration.ofMinutes(5));
            assertThat(runtime.pendingTasks()).as("tasks left").isZero();
            assertThat(runtime.openWorkers()).as("workers left").isZero();
            check();
            if (cancelled) {
                takeUp();
                return;
            }
            assertThat(end).as("the end").isNotNull();
            if (diskFails) {
                // what could not be read is still there
                takeUp();
                return;
            }
            List<Integer> all = new ArrayList<>(received);
            all.addAll(discarded);
            all.sort(null);
            assertThat(all).as("delivered or let go").isEqualTo(numbers(sent));
            assertThat(discarded.containsAll(dropped)).isTrue();
            if (!"completed".equals(end)) {
                assertThat(end).isIn("overflow", "storage", "failed");
                assertThat(source.cancelled || sourceFailed).isTrue();
            }
            if (whenFull == OverflowStrategy.BLOCK && "completed".equals(end)) {
                assertThat(received).hasSize(sent);
            }
            assertThat(positionFailed ? List.of() : files()).as("files left").isEmpty();
            disk.lock(SpillFixture.DIRECTORY).close();
        }

        private List<String> files() {
            return disk.list(SpillFixture.DIRECTORY).stream()
                    .map(path -> path.getFileName().toString())
                    .toList();
        }

        /** What is neither delivered nor discarded is in the files, to be taken up, or was deleted with them. */
        private void takeUp() {
            boolean diskFailed = diskFails;
            forceFails = false;
            diskFails = false;
            assertThat(discarded.containsAll(dropped)).isTrue();
            assertThat(discarded).as("let go").doesNotHaveDuplicates();
            assertThat(received).as("delivered, and let go").noneMatch(discarded::contains);
            if (!disk.exists(SpillFixture.DIRECTORY)) {
                return;
            }
            disk.lock(SpillFixture.DIRECTORY).close();
            if (!recovers) {
                assertThat(cancelled ? files() : List.of()).as("files left").isEmpty();
                return;
            }
            List<Integer> recovered = new ArrayList<>();
            Flux.<Integer>empty()
                    .transform(Overflow.spillToDisk(
                            SpillFixture.DIRECTORY, SpillFixture.NUMBERS, capacity, this::configure))
                    .subscribe(recovered::add);
            runtime.advanceBy(Duration.ofSeconds(10));
            assertThat(recovered).as("taken up").isSorted().doesNotHaveDuplicates();
            assertThat(positionFailed ? List.<Integer>of() : recovered)
                    .as("taken up, and delivered before")
                    .noneMatch(received::contains);
            assertThat(files()).as("files left").isEmpty();
            if (end == null || diskFailed) {
                boolean[] seen = new boolean[sent];
                for (List<Integer> some : Arrays.asList(received, discarded, recovered)) {
                    some.forEach(element -> seen[element] = true);
                }
                for (int i = 0; i < sent; i++) {
                    assertThat(seen[i])
                            .as("element " + i + " delivered, let go, or taken up")
                            .isTrue();
                }
            }
        }

        @Override
        public Context currentContext() {
            return Operators.enableOnDiscard(Context.empty(), element -> discarded.add((Integer) element));
        }

        @Override
        public void onSubscribe(Subscription s) {
            subscription = s;
        }

        @Override
        public void onNext(Integer element) {
            assertThat(inside).as("one at a time").isFalse();
            assertThat(end).as("before the end").isNull();
            assertThat(cancelled).as("after the cancellation").isFalse();
            inside = true;
            received.add(element);
            switch (random.nextInt(60)) {
                case 0, 1, 2, 3, 4, 5, 6, 7 -> request(1);
                case 8, 9, 10 -> send(1);
                case 11 -> cancel();
                case 12 -> complete();
                default -> {}
            }
            inside = false;
        }

        @Override
        public void onError(Throwable failure) {
            assertThat(inside).isFalse();
            assertThat(end).isNull();
            end = Exceptions.isOverflow(failure) ? "overflow" : failure instanceof MqException ? "storage" : "failed";
            log.add(failure.toString());
        }

        @Override
        public void onComplete() {
            assertThat(inside).isFalse();
            assertThat(end).isNull();
            end = "completed";
        }
    }
}
