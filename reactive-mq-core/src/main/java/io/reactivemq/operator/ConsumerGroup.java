package io.reactivemq.operator;

import io.reactivemq.TopicPartition;
import io.reactivemq.assign.Assignment;
import io.reactivemq.assign.Assignor;
import io.reactivemq.assign.Membership;
import io.reactivemq.assign.Membership.Member;
import io.reactivemq.metrics.GroupMeters;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * Members that share the lanes of a {@link PartitionedFlux}: each lane is one member's at a time, and when members come and go the lanes move.
 *
 * <pre>{@code
 * ConsumerGroup<Order> group = lanes.group(Assignors.cooperativeSticky());
 * group.join("a", lane -> lane.concatMap(this::bill)).subscribe();
 * group.assignments().subscribe(assignment -> log.info("{}", assignment));
 * }</pre>
 *
 * <p><img src="doc-files/consumer-group.svg" alt="a lane moves to a member that joins">
 *
 * <p><b>Hand-over.</b> Only lanes that move are touched, whatever the assignor. A lane that moves completes at its old member. The publisher that the member
 * made of it finishes what it has; then the lane begins at the new member, with the element after the last one that the old member was handed: none is lost and
 * none comes twice. A publisher that is not done {@link GroupOptions#handoverTimeout in time} is cancelled and reported, and the lane moves on.
 *
 * <p><b>Leaving.</b> {@link #leave} takes the lanes from a member as above, and then its {@code Flux} completes. Cancelling it leaves at once: its publishers are
 * cancelled, and what they had been handed is theirs to account for (Reactor's operators discard it). A member whose publisher fails leaves the same way, and its
 * subscriber gets the error; {@code retry} joins again. A lane whose publisher ends before the lane does is not given to the same member again: its elements
 * wait until it moves.
 *
 * <p><b>End.</b> When all lanes have ended and all its publishers have, a member completes. If all lanes have failed, as when the source does, a member without lanes
 * gets the error, too, and so does who joins then.
 *
 * <p><b>Demand.</b> A publisher may have {@link MemberOptions#prefetch} results waiting for the member's subscriber, and consumes its lane as it likes.
 * All lanes of a member run at the same time, however many there are.
 *
 * <p><b>Threads.</b> There are none of its own. A lane starts on the thread that joined, left, or released it; after a timeout, on one of the runtime's workers.
 */
public final class ConsumerGroup<T> {

    /** The most members at a time: far more than lanes make sense, so that members which come and never leave are noticed. */
    public static final int MEMBERS_MAX = 1 << 16;

    private final PartitionedFlux<T> lanes;
    private final Assignor assignor;
    private final GroupOptions options;
    private final GroupMeters meters;
    private final FluxAssignments assignments = new FluxAssignments();

    /**
     * What has happened, for whoever holds {@code wip} to take note of. Bounded by what there is: a member comes and goes once, and a lane is released once a
     * grant.
     */
    private final Queue<Runnable> events = new ConcurrentLinkedQueue<>();

    /** The events that wait; whoever brings it from 0 to 1 takes note of them. */
    private final AtomicInteger wip = new AtomicInteger();

    // the state: whoever holds wip reads and writes it, and calls nothing but the assignor meanwhile

    /** By id. */
    private final SortedMap<String, MemberSubscription<T, ?>> members = new TreeMap<>();

    /** Who shall have a lane, by index; null: nobody. */
    private final @Nullable MemberSubscription<T, ?>[] owners;

    /** Who has it, until it is released; null: nobody. */
    private final @Nullable Grant<T>[] grants;

    private final boolean[] ended;
    private int endedCount;
    private long epoch;

    /** How many grants there are, and how many of them are revoked. */
    private int granted;

    private int moving;

    /** What the assignor answered last. */
    private Map<String, Set<TopicPartition>> target = Map.of();

    /** What follows from what was taken note of: done afterwards, since it runs user code. */
    private final List<Runnable> todo = new ArrayList<>();

    /** Of that, lanes to be taken and given: after it has been announced. */
    private final List<Runnable> moves = new ArrayList<>();

    @SuppressWarnings({"unchecked", "rawtypes"}) // arrays of generic types
    ConsumerGroup(PartitionedFlux<T> lanes, Assignor assignor, GroupOptions options) {
        this.lanes = lanes;
        this.assignor = assignor;
        this.options = options;
        this.meters = options.metering(lanes.name()).openGroup();
        this.owners = new MemberSubscription[lanes.partitions()];
        this.grants = new Grant[lanes.partitions()];
        this.ended = new boolean[lanes.partitions()];
    }

    /** It has come to nothing: the lanes have a group. */
    void refused() {
        meters.close();
    }

    void watchTheEndOfLanes() {
        for (int i = 0; i < ended.length; i++) {
            int lane = i;
            lanes.outlet(lane).onExhausted(() -> happened(() -> laneEnded(lane)));
        }
    }

    /**
     * A member: each subscription is one, from its beginning to its end. An id that is taken, by a member that is there at the time, is an
     * {@link IllegalStateException}.
     *
     * @param id the member's name in assignments
     * @param work makes a publisher of each lane that the member gets; the results of all are merged, and those of one lane come in order
     */
    public <R> Flux<R> join(String id, Function<? super Lane<T>, ? extends Publisher<? extends R>> work) {
        return join(id, work, member -> {});
    }

    /** {@link #join(String, Function)} with options. */
    public <R> Flux<R> join(
            String id,
            Function<? super Lane<T>, ? extends Publisher<? extends R>> work,
            Consumer<MemberOptions> configure) {
        Objects.requireNonNull(work, "work");
        if (id.isBlank()) {
            throw new IllegalArgumentException("id must not be blank");
        }
        MemberOptions member = new MemberOptions();
        configure.accept(member);
        return new FluxMember<>(this, id, work, member);
    }

    /**
     * Lets a member go: it gets no more lanes, those it has end as in a hand-over, and then its {@code Flux} completes. Nothing happens if there is no such member.
     */
    public void leave(String id) {
        happened(() -> {
            MemberSubscription<T, ?> member = members.get(id);
            if (member != null) {
                remove(member);
            }
        });
    }

    /**
     * Who has which lane: the latest, and each that follows; completes when all lanes have ended. A subscriber that is slow skips to the latest; epochs rise.
     *
     * <p>The partitions' topic is the name of the lanes. With a cooperative assignor a lane that moves is nobody's until the old member has released it; with others the
     * assignment names the new member at once, though the lane starts there when it is released.
     */
    public Flux<Assignment> assignments() {
        return assignments;
    }

    /**
     * An assignor as an operator, for members from elsewhere: an assignment for each membership, each computed with the one before. From a cooperative assignor come two
     * where partitions move between members that stay: one without them, one with them.
     */
    public static Function<Flux<Membership>, Flux<Assignment>> assigning(Assignor assignor) {
        Objects.requireNonNull(assignor, "assignor");
        return memberships -> Flux.defer(() -> {
            AssignmentSteps steps = new AssignmentSteps(assignor);
            return memberships.concatMapIterable(steps::next);
        });
    }

    // events

    void joined(MemberSubscription<T, ?> member) {
        happened(() -> {
            if (members.containsKey(member.id())) {
                member.markGone();
                todo.add(() -> member.fail(new IllegalStateException(
                        "member " + member.id() + " is in the group of " + lanes.name() + " already")));
            } else if (members.size() == MEMBERS_MAX) {
                member.markGone();
                todo.add(() -> member.fail(new IllegalStateException(
                        "the group of " + lanes.name() + " has " + MEMBERS_MAX + " members, as many as it may")));
            } else {
                members.put(member.id(), member);
                rebalance();
                if (endedCount == ended.length) {
                    endMember(member);
                }
            }
        });
    }

    /** It has cancelled its publishers. */
    void left(MemberSubscription<T, ?> member) {
        happened(() -> remove(member));
    }

    private void released(Grant<T> grant) {
        happened(() -> {
            if (grants[grant.number()] != grant) {
                return;
            }
            if (grant.isRevoked()) {
                free(grant);
                reconcile(grant.number());
                announceSteps();
            } else {
                grant.markIdle();
            }
        });
    }

    private void overdue(Grant<T> grant) {
        happened(() -> {
            if (grants[grant.number()] == grant) {
                meters.overdue();
                free(grant);
                todo.add(() -> grant.member().abandon(grant));
                todo.add(() -> options.onHandoverTimeout().accept(grant.member().id(), grant.partition()));
                reconcile(grant.number());
                announceSteps();
            }
        });
    }

    private void laneEnded(int lane) {
        if (!ended[lane]) {
            ended[lane] = true;
            endedCount++;
            if (endedCount == ended.length) {
                assignments.end();
                meters.close();
                todo.add(assignments::tell);
                members.values().forEach(this::endMember);
            }
        }
    }

    /** All lanes have ended. Whose publishers have seen that hears it from them; who has none hears of a failure from here. */
    private void endMember(MemberSubscription<T, ?> member) {
        Throwable failure = failureOfAll();
        if (member.holdsNothing() && failure != null) {
            todo.add(() -> member.fail(failure));
        } else {
            todo.add(member::finish);
        }
    }

    /** Null if a lane has completed. */
    private @Nullable Throwable failureOfAll() {
        Throwable failure = null;
        for (int lane = 0; lane < ended.length; lane++) {
            failure = lanes.outlet(lane).ending();
            if (failure == null) {
                return null;
            }
        }
        return failure;
    }

    private void happened(Runnable event) {
        events.offer(event);
        if (wip.getAndIncrement() != 0) {
            return;
        }
        List<Runnable> follows = new ArrayList<>();
        int missed = 1;
        do {
            for (Runnable next = events.poll(); next != null; next = events.poll()) {
                try {
                    next.run();
                } catch (Throwable failure) {
                    // whoever holds wip has to let it go
                    todo.add(() -> drop(failure));
                }
                meters.now(members.size(), granted, moving, epoch);
                follows.addAll(todo);
                follows.addAll(moves);
                todo.clear();
                moves.clear();
            }
            missed = wip.addAndGet(-missed);
        } while (missed != 0);
        follow(follows);
    }

    /** Does all of it, whatever one of them throws: lanes of others must not wait for it in vain. */
    private static void follow(List<Runnable> follows) {
        Throwable fatal = null;
        for (Runnable next : follows) {
            try {
                try {
                    next.run();
                } catch (Throwable failure) {
                    drop(failure);
                }
            } catch (Throwable thrown) {
                fatal = fatal == null ? thrown : Exceptions.addSuppressed(fatal, thrown);
            }
        }
        if (fatal != null) {
            throw Exceptions.propagate(fatal);
        }
    }

    /** There is nobody to tell: it is the user's callback that failed, or a subscriber that breaks the rules, or a runtime that has no timers any more. */
    private static void drop(Throwable failure) {
        Exceptions.throwIfFatal(failure);
        Operators.onErrorDropped(failure, Context.empty());
    }

    // what follows from them

    private void remove(MemberSubscription<T, ?> member) {
        if (member.isGone()) {
            return;
        }
        member.markGone();
        members.remove(member.id(), member);
        rebalance();
        finishIfGone(member);
    }

    private void finishIfGone(MemberSubscription<T, ?> member) {
        if (member.isGone() && member.holdsNothing()) {
            todo.add(member::finish);
        }
    }

    private void rebalance() {
        meters.rebalanced();
        try {
            Map<String, Set<TopicPartition>> answer = assignor.assign(membership(), target);
            own(answer);
            target = answer;
        } catch (Throwable failure) {
            // no member can know what is its own any more
            for (MemberSubscription<T, ?> member : List.copyOf(members.values())) {
                member.markGone();
                todo.add(() -> member.fail(failure));
            }
            members.clear();
            Arrays.fill(owners, null);
            target = Map.of();
        }
        for (int lane = 0; lane < grants.length; lane++) {
            reconcile(lane);
        }
        announce();
    }

    private Membership membership() {
        SortedMap<String, Member> present = new TreeMap<>();
        members.forEach((id, member) -> present.put(id, new Member(Set.of(lanes.name()), member.weight())));
        return new Membership(present, new TreeMap<>(Map.of(lanes.name(), lanes.partitions())));
    }

    /** Takes over an answer of the assignor, if it is one. */
    private void own(Map<String, Set<TopicPartition>> answer) {
        @Nullable MemberSubscription<T, ?>[] next = owners.clone();
        Arrays.fill(next, null);
        Set<TopicPartition> missing = new TreeSet<>();
        lanes.lanes().forEach(lane -> missing.add(lane.partition()));
        answer.forEach((id, partitions) -> {
            MemberSubscription<T, ?> member = members.get(id);
            if (member == null) {
                throw new IllegalStateException(
                        "assignor " + assignor.name() + " gave " + partitions + " to " + id + ", who is no member");
            }
            for (TopicPartition partition : partitions) {
                if (!missing.remove(partition)) {
                    throw new IllegalStateException("assignor " + assignor.name() + " gave " + partition + " to " + id
                            + ", but it is another member's, or none of " + lanes);
                }
                next[partition.partition()] = member;
            }
        });
        if (!missing.isEmpty() && !members.isEmpty()) {
            throw new IllegalStateException("assignor " + assignor.name() + " gave " + missing + " to nobody");
        }
        System.arraycopy(next, 0, owners, 0, next.length);
    }

    /** Brings a lane one step nearer to its owner. */
    private void reconcile(int lane) {
        Grant<T> grant = grants[lane];
        MemberSubscription<T, ?> owner = owners[lane];
        if (grant != null && grant.member() != owner && !grant.isRevoked()) {
            if (grant.isIdle()) {
                free(grant);
                grant = null;
            } else {
                Grant<T> revoked = grant;
                revoked.markRevoked(startTimer(revoked), options.runtime().nanoTime());
                moving++;
                moves.add(revoked::close);
            }
        }
        if (grant == null && owner != null && !ended[lane]) {
            start(lane, owner);
        }
    }

    private void start(int lane, MemberSubscription<T, ?> owner) {
        Grant<T> grant = new Grant<>(lanes, lane, owner, this::released);
        grants[lane] = grant;
        granted++;
        owner.lanesHeld(1);
        owner.startFollows();
        moves.add(() -> owner.start(grant));
    }

    /** Null if the runtime refuses it: then the lane waits for its old publisher, however long that takes. */
    private @Nullable Disposable startTimer(Grant<T> grant) {
        try {
            // a timer's thread does no more than hand over: what follows runs publishers
            return options.runtime()
                    .timers()
                    .schedule(
                            () -> options.runtime().workers().schedule(() -> overdue(grant)),
                            options.handoverTimeout().toNanos(),
                            TimeUnit.NANOSECONDS);
        } catch (RuntimeException refused) {
            todo.add(() -> drop(refused));
            return null;
        }
    }

    private void free(Grant<T> grant) {
        grant.stopTimer();
        grants[grant.number()] = null;
        granted--;
        if (grant.isRevoked()) {
            moving--;
            meters.handedOver(options.runtime().nanoTime() - grant.revokedNanos());
        }
        grant.member().lanesHeld(-1);
        finishIfGone(grant.member());
    }

    private void announceSteps() {
        if (assignor.isCooperative()) {
            announce();
        }
    }

    /** Publishes who has what, as a new epoch if it differs from the last or members have changed. */
    private void announce() {
        SortedMap<String, SortedSet<TopicPartition>> held = new TreeMap<>();
        members.keySet().forEach(id -> held.put(id, new TreeSet<>()));
        for (int lane = 0; lane < owners.length; lane++) {
            MemberSubscription<T, ?> owner = owners[lane];
            Grant<T> grant = grants[lane];
            boolean elsewhere = grant != null && grant.member() != owner;
            if (owner != null && !(elsewhere && assignor.isCooperative())) {
                SortedSet<TopicPartition> mine = held.get(owner.id());
                if (mine != null) {
                    mine.add(new TopicPartition(lanes.name(), lane));
                }
            }
        }
        if (!held.equals(assignments.latest().partitions())) {
            epoch++;
            assignments.set(new Assignment(epoch, held));
            todo.add(assignments::tell);
        }
    }

    @Override
    public String toString() {
        return "the group of " + lanes;
    }

    /** Each subscription is a member. */
    private static final class FluxMember<T, R> extends Flux<R> {

        private final ConsumerGroup<T> group;
        private final String id;
        private final Function<? super Lane<T>, ? extends Publisher<? extends R>> work;
        private final MemberOptions options;

        FluxMember(
                ConsumerGroup<T> group,
                String id,
                Function<? super Lane<T>, ? extends Publisher<? extends R>> work,
                MemberOptions options) {
            this.group = group;
            this.id = id;
            this.work = work;
            this.options = options;
        }

        @Override
        public void subscribe(CoreSubscriber<? super R> actual) {
            MemberSubscription<T, R> member = new MemberSubscription<>(group, id, options, work, actual);
            actual.onSubscribe(member);
            group.joined(member);
        }
    }
}
