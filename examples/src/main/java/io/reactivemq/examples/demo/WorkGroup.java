package io.reactivemq.examples.demo;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.consume.DrainReport;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The group that does the work: its members that come and go. Used by the main thread. */
final class WorkGroup {

    private final Broker broker;
    private final Rows rows;
    private final Tally tally;
    private final Pace pace;
    private final Deadline deadline;
    private final Moves moves = new Moves();
    private final List<Member> working = new ArrayList<>();
    private final List<Member> gone = new ArrayList<>();

    WorkGroup(Broker broker, Rows rows, Tally tally, Pace pace, Deadline deadline) {
        this.broker = broker;
        this.rows = rows;
        this.tally = tally;
        this.pace = pace;
        this.deadline = deadline;
    }

    /** One more member joins. */
    Member join() {
        int number = working.size() + gone.size() + 1;
        Member member = new Member(rows.group() + "-" + number, broker, rows, tally, pace);
        working.add(member);
        member.start(moves, error -> deadline.failed("member " + member.name(), error));
        return member;
    }

    /** Stops a member in good order: what it has under way is finished and committed, then it leaves. */
    Mono<DrainReport> stop(Member member, Duration timeout) {
        return Mono.defer(() -> {
            working.remove(member);
            gone.add(member);
            return member.stop(timeout);
        });
    }

    /** Stops all that are left. */
    Mono<List<DrainReport>> stopAll(Duration timeout) {
        return Flux.fromIterable(List.copyOf(working))
                .concatMap(member -> stop(member, timeout))
                .collectList();
    }

    /** Cuts a member off without a word. */
    void cutOff(Member member) {
        working.remove(member);
        gone.add(member);
        member.cutOff();
    }

    List<Member> working() {
        return List.copyOf(working);
    }

    /** The member that has the most to do yet, given how many records the partitions hold. */
    Member busiest(Map<TopicPartition, Long> records) {
        return working.stream()
                .max(Comparator.comparingLong(member -> leftToDo(member, records)))
                .orElseThrow();
    }

    private long leftToDo(Member member, Map<TopicPartition, Long> records) {
        Set<TopicPartition> owned = moves.ownedBy(member.name());
        return owned.stream().mapToLong(p -> records.getOrDefault(p, 0L)).sum() - tally.done(owned);
    }

    /** Whether the members at work own all partitions between them, each of them some. */
    boolean isSettled(int partitions) {
        return moves.shared(partitions, working.stream().map(Member::name).toList());
    }

    Moves moves() {
        return moves;
    }

    /** Lets go of everything at once. */
    void dispose() {
        working.forEach(Member::dispose);
        gone.forEach(Member::dispose);
    }
}
