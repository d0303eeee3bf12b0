package io.reactivemq.operator;

import io.reactivemq.TopicPartition;
import io.reactivemq.assign.Assignment;
import io.reactivemq.assign.Assignor;
import io.reactivemq.assign.Assignors;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Sinks;

/**
 * Random sequences on one thread in virtual time: members join, leave, cancel and fail, work on their elements is done sooner or later or never, and the
 * source sends. Beside it stands a notebook of who has which lane, in which every statement about hand-overs is checked at every step.
 */
@DisplayName("ConsumerGroup beside a notebook:")
class ConsumerGroupModelTest {

    private static final int SEQUENCES = Integer.getInteger("reactivemq.sequences", 20_000);
    private static final int STEPS_MAX = 24;
    private static final int LANES = 5;
    private static final Duration TIMEOUT = Duration.ofSeconds(3);

    enum Kind {
        RANGE(Assignors.range()),
        ROUND_ROBIN(Assignors.roundRobin()),
        STICKY(Assignors.sticky()),
        COOPERATIVE_STICKY(Assignors.cooperativeSticky()),
        WEIGHTED(Assignors.weighted());

        @SuppressWarnings("ImmutableEnumChecker") // assignors have no state
        final Assignor assignor;

        Kind(Assignor assignor) {
            this.assignor = assignor;
        }
    }

    @ParameterizedTest
    @EnumSource
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "work fails")
    @DisplayName("M04 M05 a lane is one member's at a time, none is lost or comes twice, whatever happens:")
    void sequences(Kind kind) {
        Long only = Long.getLong("reactivemq.seed");
        for (long seed = only == null ? 1 : only; seed <= (only == null ? SEQUENCES : only); seed++) {
            Sequence sequence = new Sequence(kind, new SplittableRandom(seed));
            try {
                sequence.run();
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError(
                        "-Dreactivemq.seed=" + seed + " replays this; steps " + sequence.steps + ", so far "
                                + sequence.log,
                        e);
            }
        }
    }

    private static final class Sequence {

        final List<String> steps = new ArrayList<>();
        final List<Object> log = new ArrayList<>();

        private final Kind kind;
        private final SplittableRandom random;
        private final ManualSource source = new ManualSource();
        private final ManualRuntime runtime = new ManualRuntime();
        private final PartitionedFlux<Integer> lanes = PartitionedFlux.by(
                source,
                i -> i,
                LANES,
                o -> o.partitioner((key, count) -> key % count).overflow(OverflowStrategy.BLOCK, 16));
        private final ConsumerGroup<Integer> group;

        /** Those whose Flux has not ended. */
        private final Map<String, Member> members = new TreeMap<>();

        /** Work that is not done. */
        private final List<Work> pending = new ArrayList<>();

        /** Who has a lane: from the beginning of its publisher to the end. */
        private final @Nullable Member[] holders = new Member[LANES];

        /** How many elements of a lane were handed out. */
        private final int[] handedOut = new int[LANES];

        private final Set<String> overdue = new HashSet<>();
        private Assignment latest = Assignment.NONE;
        private final List<String> breaches = new ArrayList<>();
        private int memberCount;
        private int sent;

        Sequence(Kind kind, SplittableRandom random) {
            this.kind = kind;
            this.random = random;
            group = lanes.group(
                    kind.assignor,
                    o -> o.runtime(runtime)
                            .handoverTimeout(TIMEOUT)
                            .onHandoverTimeout((id, lane) -> overdue.add(id + " " + lane.partition())));
            group.assignments().subscribe(this::check);
            lanes.connect();
        }

        void run() {
            int count = random.nextInt(STEPS_MAX);
            for (int i = 0; i < count; i++) {
                switch (random.nextInt(12)) {
                    case 0, 1 -> join();
                    case 2 -> anyMember("leave", member -> group.leave(member.id));
                    case 3 ->
                        anyMember("cancel", member -> {
                            members.remove(member.id);
                            member.left = true;
                            member.cancel();
                        });
                    case 4 -> anyWork("fail", work -> work.done.tryEmitError(new IllegalStateException("failed")));
                    case 5, 6, 7 -> anyWork("done", work -> work.done.tryEmitValue(work.element));
                    case 8 -> {
                        steps.add("wait");
                        runtime.advanceBy(Duration.ofMillis(random.nextInt(2000)));
                    }
                    default -> send();
                }
                expectNothingBroken();
            }
            settle();
            expectNothingBroken();
        }

        private void join() {
            String id = "m" + memberCount++;
            steps.add("join " + id);
            Member member = new Member(id);
            members.put(id, member);
            group.join(id, lane -> publisher(member, lane), o -> o.weight(1 + id.hashCode() % 3))
                    .subscribe(member);
        }

        private void anyMember(String what, java.util.function.Consumer<Member> action) {
            if (!members.isEmpty()) {
                Member member = List.copyOf(members.values()).get(random.nextInt(members.size()));
                steps.add(what + " " + member.id);
                action.accept(member);
            }
        }

        private void anyWork(String what, java.util.function.Consumer<Work> action) {
            if (!pending.isEmpty()) {
                Work work = pending.remove(random.nextInt(pending.size()));
                steps.add(what + " " + work.element);
                action.accept(work);
            }
        }

        private void send() {
            if (sent < source.requested.get()) {
                steps.add("send " + sent);
                source.next(sent++);
            }
        }

        /** One member stays, all work is done, and time passes: then everything has been handed out. */
        private void settle() {
            join();
            while (sent < 10 || sent % LANES != 0) {
                finishWork();
                int before = sent;
                send();
                if (before == sent) {
                    throw new AssertionError("the source is held back, though all work is done");
                }
            }
            finishWork();
            source.complete();
            finishWork();
            for (int i = 0; i < LANES; i++) {
                int lane = i;
                expect(
                        handedOut[lane] == sent / LANES,
                        () -> "lane " + lane + " has handed out " + handedOut[lane] + " of " + sent / LANES);
                expect(holders[lane] == null, () -> "lane " + lane + " is still held");
            }
            expect(members.isEmpty(), () -> "these have not completed: " + members.keySet());
        }

        private void finishWork() {
            while (!pending.isEmpty()) {
                anyWork("done", work -> work.done.tryEmitValue(work.element));
            }
            runtime.advanceBy(TIMEOUT.plusMillis(1));
            while (!pending.isEmpty()) {
                anyWork("done", work -> work.done.tryEmitValue(work.element));
            }
        }

        /** What a member makes of a lane: one element at a time, in its own time. */
        private Flux<Integer> publisher(Member member, Lane<Integer> lane) {
            return lane.doOnNext(element -> handOut(member, lane.number(), element))
                    .concatMap(
                            element -> {
                                Work work = new Work(element);
                                pending.add(work);
                                return work.done.asMono();
                            },
                            1 + random.nextInt(3))
                    .doOnSubscribe(s -> {
                        log.add(List.of(member.id, "begins", lane));
                        Member before = holders[lane.number()];
                        expect(
                                before == null || before.left || overdue.contains(before.id + " " + lane.number()),
                                () -> lane + " begins at " + member.id + " while it is held by " + before);
                        holders[lane.number()] = member;
                    })
                    .doOnTerminate(() -> end(member, lane))
                    .doOnCancel(() -> end(member, lane));
        }

        private void end(Member member, Lane<Integer> lane) {
            log.add(List.of(member.id, "ends", lane));
            if (holders[lane.number()] == member) {
                holders[lane.number()] = null;
            }
        }

        private void handOut(Member member, int lane, int element) {
            expect(
                    holders[lane] == member,
                    () -> element + " is handed to " + member + ", but lane " + lane + " is held by " + holders[lane]);
            expect(
                    element == handedOut[lane] * LANES + lane,
                    () -> element + " is handed out as number " + handedOut[lane] + " of lane " + lane);
            handedOut[lane]++;
        }

        private void check(Assignment assignment) {
            log.add(assignment);
            expect(assignment.epoch() > latest.epoch(), () -> assignment + " after " + latest);
            Map<TopicPartition, String> owners = new HashMap<>();
            assignment
                    .partitions()
                    .forEach((id, partitions) -> partitions.forEach(partition -> expect(
                            owners.put(partition, id) == null, () -> partition + " has two members in " + assignment)));
            if (!kind.assignor.isCooperative()) {
                expect(
                        assignment.partitions().isEmpty() || owners.size() == LANES,
                        () -> "somebody's lane is missing in " + assignment);
            } else {
                // two steps: not from one member that stays to another
                latest.partitions()
                        .forEach((id, partitions) -> partitions.forEach(partition -> {
                            String now = owners.get(partition);
                            boolean stays = assignment.partitions().containsKey(id);
                            expect(
                                    now == null || now.equals(id) || !stays,
                                    () -> partition + " went from " + latest + " to " + assignment);
                        }));
            }
            latest = assignment;
        }

        /** Noted, since what is thrown inside a callback is the group's to handle. */
        private void expect(boolean holds, Supplier<String> otherwise) {
            if (!holds) {
                breaches.add(otherwise.get());
            }
        }

        private void expectNothingBroken() {
            if (!breaches.isEmpty()) {
                throw new AssertionError(breaches.toString());
            }
        }

        private record Work(int element, Sinks.One<Integer> done) {
            Work(int element) {
                this(element, Sinks.one());
            }
        }

        private final class Member extends BaseSubscriber<Integer> {

            private final String id;
            private boolean left;

            Member(String id) {
                this.id = id;
            }

            @Override
            protected void hookOnComplete() {
                members.remove(id);
            }

            @Override
            protected void hookOnError(Throwable failure) {
                expect("failed".equals(failure.getMessage()), () -> id + ": " + failure);
                members.remove(id);
            }

            @Override
            public String toString() {
                return id;
            }
        }
    }
}
