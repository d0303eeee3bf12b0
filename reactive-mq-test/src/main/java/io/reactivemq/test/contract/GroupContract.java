package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.GroupListing;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.consume.DrainReport;
import io.reactivemq.consume.Outcome;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.test.Seeds;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/** Consumer groups: shared partitions, committed offsets, rebalances, members that fail. */
@DisplayName("groups")
public abstract class GroupContract extends GroupSupport {

    private static final List<Members.Style> STYLES = List.of(Members.Style.values());

    static LongStream seeds() {
        return Seeds.upTo(20);
    }

    @Test
    @DisplayName("M04 each partition is read by exactly one member, and the members together read all")
    void partitions_are_shared() {
        topic("t", 6);
        send("t", 6, 0, 60);
        Members members = new Members(this, GROUP, "t");
        List<Members.Member> three = List.of(members.join(), members.join(), members.join());
        engine().eventually(() -> members.assignedTotal() == 6
                && three.stream().allMatch(m -> m.assigned().size() == 2));

        send("t", 6, 60, 600);
        engine().eventually(() -> members.history.acknowledged() == 600);

        members.assertNothingLostSkippedOrProcessedTwice(6, 600);
        Set<TopicPartition> all = new HashSet<>();
        three.forEach(member -> all.addAll(member.assigned()));
        assertThat(all).hasSize(6);
        members.drainAll();

        restartIfDurable();
        Members after = new Members(this, GROUP, "t");
        List<Members.Member> two = List.of(after.join(), after.join());
        engine().eventually(() -> two.stream().allMatch(m -> m.assigned().size() == 3));
        send("t", 6, 600, 660);
        engine().eventually(() -> after.history.acknowledged() == 60);
        after.drainAll();
        assertThat(sum(committed(GROUP, "t", 6))).isEqualTo(660);
    }

    @Test
    @DisplayName("M04 groups are independent, each with its own cursor")
    void groups_are_independent() {
        topic("t", 3);
        send("t", 3, 0, 90);
        Members billing = new Members(this, "billing", "t");
        billing.join();
        engine().eventually(() -> billing.history.acknowledged() == 90);
        billing.drainAll();

        restartIfDurable();
        Members audit = new Members(this, "audit", "t");
        audit.join();
        audit.join();
        engine().eventually(() -> audit.history.acknowledged() == 90);
        audit.drainAll();

        audit.assertNothingLostSkippedOrProcessedTwice(3, 90);
        assertThat(committed("billing", "t", 3)).isEqualTo(committed("audit", "t", 3));
        send("t", 3, 90, 99);
        billing.join();
        engine().eventually(() -> billing.history.acknowledged() == 99);
        billing.drainAll();
        assertThat(sum(committed("billing", "t", 3))).isEqualTo(99);
        assertThat(sum(committed("audit", "t", 3))).isEqualTo(90);
    }

    @Test
    @DisplayName("M05 more members than partitions: the rest is idle, and takes over when one leaves")
    void idle_members_take_over() {
        topic("t", 2);
        Members members = new Members(this, GROUP, "t");
        List<Members.Member> five =
                IntStream.range(0, 5).mapToObj(i -> members.join()).toList();
        engine().eventually(() -> members.assignedTotal() == 2
                && five.stream().filter(m -> m.assigned().size() == 1).count() == 2);
        assertThat(five.stream().filter(m -> m.assigned().isEmpty())).hasSize(3);
        send("t", 2, 0, 20);
        engine().eventually(() -> members.history.acknowledged() == 20);

        for (int left = 4; left >= 1; left--) {
            Members.Member owner = members.running().stream()
                    .filter(m -> !m.assigned().isEmpty())
                    .findFirst()
                    .orElseThrow();
            owner.drain();
            int expected = left;
            engine().eventually(() -> members.running().size() == expected && members.assignedTotal() == 2);
            int sent = members.history.acknowledged();
            send("t", 2, sent, sent + 20);
            engine().eventually(() -> members.history.acknowledged() == sent + 20);
        }

        members.assertNothingLostSkippedOrProcessedTwice(2, 100);
        members.drainAll();

        restartIfDurable();
        Members after = new Members(this, GROUP, "t");
        List<Members.Member> three =
                IntStream.range(0, 3).mapToObj(i -> after.join()).toList();
        engine().eventually(() -> after.assignedTotal() == 2);
        Members.Member owner =
                three.stream().filter(m -> !m.assigned().isEmpty()).findFirst().orElseThrow();
        owner.drain();
        engine().eventually(() -> after.running().size() == 2
                && after.running().stream().allMatch(m -> m.assigned().size() == 1));
        send("t", 2, 100, 120);
        engine().eventually(() -> after.history.acknowledged() == 20);
        after.drainAll();
    }

    @ParameterizedTest(name = "[after {0} of 100]")
    @ValueSource(ints = {0, 1, 7, 99, 100})
    @DisplayName("K02 commit offset k, restart: the next record is k")
    void goes_on_where_it_committed(int k) {
        topic("t", 1);
        send("t", 1, 0, 100);
        Receiver<String, String> first = receiver(broker(), o -> o.group(GROUP).topics("t"));
        if (k > 0) {
            List<ReceiverRecord<String, String>> read = new CopyOnWriteArrayList<>();
            Disposable subscription = first.receive().subscribe(record -> {
                read.add(record);
                if (record.offset() < k) {
                    record.acknowledge();
                }
            });
            engine().eventually(() -> read.size() == 100);
            DrainReport report = await(first.drain(Duration.ofSeconds(1)));
            assertThat(report.committed()).containsEntry(new TopicPartition("t", 0), (long) k);
            assertThat(subscription.isDisposed()).isTrue();
        }
        assertThat(sum(committed(GROUP, "t", 1))).isEqualTo(k);

        restartIfDurable();
        send("t", 1, 100, 101);
        Receiver<String, String> second = receiver(broker(), o -> o.group(GROUP).topics("t"));
        ReceiverRecord<String, String> next = await(second.receive().next());

        assertThat(next.offset()).isEqualTo(k);
        assertThat(next.value()).isEqualTo("value " + k);
    }

    @Test
    @DisplayName("K02 what is committed is found again as it was, after a restart too")
    void commits_are_durable() {
        topic("t", 3);
        TopicPartition p0 = new TopicPartition("t", 0);
        TopicPartition p1 = new TopicPartition("t", 1);
        TopicPartition p2 = new TopicPartition("t", 2);
        await(broker().commitOffsets(
                        CALLER,
                        OffsetCommit.admin(
                                GROUP, Map.of(p0, new CommittedOffset(0, 3, "note ü"), p1, CommittedOffset.of(7)))));
        await(broker().commitOffsets(CALLER, OffsetCommit.admin(GROUP, Map.of(p1, CommittedOffset.of(5)))));

        for (int restarts = 0; restarts < 3; restarts++) {
            assertThat(await(broker().fetchOffsets(CALLER, GROUP, List.of(p0, p1, p2))))
                    .isEqualTo(Map.of(p0, new CommittedOffset(0, 3, "note ü"), p1, CommittedOffset.of(5)));
            assertThat(await(broker().fetchOffsets(CALLER, "other", List.of(p0))))
                    .isEmpty();
            assertThat(await(broker().listGroups(CALLER)))
                    .extracting(GroupListing::groupId)
                    .containsExactly(GROUP);
            restartIfDurable();
        }
    }

    @Test
    void offsets_are_committed_in_the_background_within_the_commit_interval() {
        topic("t", 1);
        send("t", 1, 0, 10);
        Receiver<String, String> receiver =
                receiver(broker(), o -> o.group(GROUP).topics("t").commitInterval(Duration.ofMillis(200)));
        AtomicInteger count = new AtomicInteger();
        Disposable subscription = receiver.receiveAutoAck().subscribe(record -> count.incrementAndGet());
        engine().eventually(() -> count.get() == 10);

        engine().eventually(() -> sum(committed(GROUP, "t", 1)) == 10);

        subscription.dispose();
    }

    @Test
    void an_offset_beyond_an_unacknowledged_record_is_not_committed() {
        topic("t", 1);
        send("t", 1, 0, 10);
        Receiver<String, String> receiver =
                receiver(broker(), o -> o.group(GROUP).topics("t").commitInterval(Duration.ofMillis(50)));
        AtomicInteger count = new AtomicInteger();
        receiver.receive().subscribe(record -> {
            if (record.offset() != 4) {
                record.acknowledge();
            }
            count.incrementAndGet();
        });
        engine().eventually(() -> count.get() == 10);
        engine().eventually(() -> sum(committed(GROUP, "t", 1)) == 4);
        engine().elapse(Duration.ofMillis(500));

        assertThat(sum(committed(GROUP, "t", 1))).isEqualTo(4);
        DrainReport report = await(receiver.drain(Duration.ofMillis(100)));
        assertThat(report.committed()).containsEntry(new TopicPartition("t", 0), 4L);
        assertThat(await(receiver(broker(), o -> o.group(GROUP).topics("t"))
                                .receive()
                                .next())
                        .offset())
                .isEqualTo(4);
    }

    @Test
    void a_group_is_described_from_its_first_member_to_its_last() {
        topic("t", 2);
        assertFails(broker().describeGroup(CALLER, GROUP), ErrorCode.GROUP_ID_NOT_FOUND);
        Members members = new Members(this, GROUP, "t");
        members.join();
        members.join();
        engine().eventually(() -> members.assignedTotal() == 2
                && members.running().stream().allMatch(m -> m.assigned().size() == 1));

        engine().eventually(() -> describe().state() == GroupDescription.State.STABLE);
        GroupDescription group = describe();
        assertThat(group.members()).hasSize(2).allSatisfy(member -> {
            assertThat(member.assigned()).hasSize(1);
            assertThat(member.memberEpoch()).isEqualTo(group.groupEpoch());
        });
        send("t", 2, 0, 2);
        engine().eventually(() -> members.history.acknowledged() == 2);
        members.drainAll();
        assertThat(describe().state()).isEqualTo(GroupDescription.State.EMPTY);
        assertThat(describe().members()).isEmpty();
        assertThat(await(broker().listGroups(CALLER)))
                .extracting(GroupListing::groupId)
                .containsExactly(GROUP);
    }

    @Test
    void a_drain_finishes_what_is_in_flight_commits_and_leaves_at_once() {
        topic("t", 1);
        send("t", 1, 0, 50);
        Receiver<String, String> receiver =
                receiver(broker(), o -> o.group(GROUP).topics("t"));
        List<Outcome> outcomes = new CopyOnWriteArrayList<>();
        AtomicInteger started = new AtomicInteger();
        AtomicInteger completed = new AtomicInteger();
        Sinks.Empty<Void> third = Sinks.empty();
        receiver.process(record -> {
                    started.incrementAndGet();
                    return record.offset() < 2 ? Mono.empty() : third.asMono();
                })
                .doOnComplete(completed::incrementAndGet)
                .subscribe(outcomes::add);
        engine().eventually(() -> started.get() == 3);

        CompletableFuture<DrainReport> draining =
                receiver.drain(Duration.ofSeconds(30)).toFuture();
        third.tryEmitEmpty().orThrow();
        DrainReport report = await(Mono.fromFuture(draining));

        assertThat(completed).hasValue(1);
        assertThat(report.timedOut()).isFalse();
        assertThat(report.abandoned()).isZero();
        assertThat(outcomes).hasSize(started.get()).hasSize(3);
        assertThat(report.committed()).containsEntry(new TopicPartition("t", 0), 3L);
        assertThat(describe().members()).isEmpty();
    }

    @Test
    void a_drain_gives_up_on_a_handler_that_never_ends() {
        topic("t", 1);
        send("t", 1, 0, 5);
        Receiver<String, String> receiver =
                receiver(broker(), o -> o.group(GROUP).topics("t"));
        AtomicInteger started = new AtomicInteger();
        receiver.process(record -> {
                    started.incrementAndGet();
                    return record.offset() == 2 ? Mono.never() : Mono.empty();
                })
                .subscribe();
        engine().eventually(() -> started.get() == 3);

        DrainReport report = await(receiver.drain(Duration.ofSeconds(1)));

        assertThat(report.timedOut()).isTrue();
        assertThat(report.abandoned()).isEqualTo(1);
        assertThat(report.committed()).containsEntry(new TopicPartition("t", 0), 2L);
    }

    @ParameterizedTest(name = "[seed {0}]")
    @MethodSource("seeds")
    void a_rebalance_neither_loses_nor_skips_nor_repeats_when_members_leave_in_good_order(long seed) {
        useSeed(seed);
        rebalanceAtRandom(seed, false);
    }

    @ParameterizedTest(name = "[seed {0}]")
    @MethodSource("seeds")
    void a_rebalance_neither_loses_nor_skips_when_members_are_cut_off(long seed) {
        useSeed(seed);
        rebalanceAtRandom(seed, true);
    }

    private void rebalanceAtRandom(long seed, boolean cutOffs) {
        SplittableRandom random = new SplittableRandom(seed);
        int partitions = 1 + random.nextInt(6);
        int total = 0;
        topic("t", partitions);
        Members members = new Members(this, GROUP, "t");
        members.style = () -> STYLES.get(random.nextInt(STYLES.size()));
        members.join();
        for (int step = 0; step < 25; step++) {
            engine().elapse(Duration.ofMillis(random.nextInt(4) == 0 ? random.nextInt(2000) : random.nextInt(50)));
            int count = random.nextInt(60);
            send("t", partitions, total, total + count);
            total += count;
            List<Members.Member> running = members.running();
            int dice = random.nextInt(10);
            if (dice < 4 && running.size() < 5) {
                members.join();
            } else if (dice < 8 && running.size() > 1) {
                Members.Member member = running.get(random.nextInt(running.size()));
                switch (random.nextInt(cutOffs ? 3 : 2)) {
                    case 0 -> member.drainInTheBackground();
                    case 1 -> member.cancel();
                    default -> member.cutOff();
                }
            }
        }
        int expected = total;
        try {
            engine().eventually(() -> members.history.acknowledged() == expected);
            members.assertNothingLostSkippedOrProcessedTwice(partitions, total);
            engine().eventually(() -> sum(committed(GROUP, "t", partitions)) == expected);
            members.drainAll();
        } catch (AssertionError e) {
            throw new AssertionError(
                    "seed " + seed + ", " + partitions + " partitions: " + members.history.acknowledged() + " of "
                            + total + " acknowledged, violations " + members.history.violations() + ", members "
                            + members.running(),
                    e);
        }
        // who leaves in the background may not be through yet
        engine().eventually(() ->
                describe().members().stream().allMatch(m -> members.cutOffClients.contains(m.clientId())));
    }

    @Test
    void a_member_that_is_cut_off_loses_its_partitions_and_its_records_come_again_from_the_committed_offset() {
        topic("t", 2);
        send("t", 2, 0, 20);
        Members members = new Members(this, GROUP, "t");
        Members.Member silent = members.join();
        engine().eventually(() -> members.history.acknowledged() == 20);
        engine().eventually(() -> sum(committed(GROUP, "t", 2)) == 20);
        long start = broker().runtime().nanoTime();
        silent.cutOff();
        send("t", 2, 20, 40);

        Members.Member heir = members.join();
        engine().eventually(() -> heir.assigned().size() == 2);
        Duration waited = Duration.ofNanos(broker().runtime().nanoTime() - start);
        engine().eventually(() -> members.history.acknowledged() == 40);

        assertThat(waited).isGreaterThan(engine().groupSessionTimeout().dividedBy(2));
        assertThat(members.history.redelivered()).isZero();
        members.assertNothingLostSkippedOrProcessedTwice(2, 40);
        members.drainAll();
    }

    @Test
    void what_a_cut_off_member_had_not_committed_is_delivered_again() {
        topic("t", 1);
        send("t", 1, 0, 10);
        UnpluggedBroker cable = new UnpluggedBroker(broker());
        List<Long> first = new CopyOnWriteArrayList<>();
        disposeAtEnd(receiver(cable, o -> o.group(GROUP).topics("t").commitInterval(Duration.ofMinutes(30)))
                .receive()
                .subscribe(record -> {
                    first.add(record.offset());
                    record.acknowledge();
                }));
        engine().eventually(() -> first.size() == 10);
        cable.unplug();

        List<Long> second = await(receiver(broker(), o -> o.group(GROUP).topics("t"))
                .receive()
                .take(10)
                .map(ReceiverRecord::offset)
                .collectList());

        assertThat(second).isEqualTo(LongStream.range(0, 10).boxed().toList());
    }

    @Test
    void a_group_may_subscribe_to_a_topic_that_comes_later() {
        Members members = new Members(this, GROUP, "later");
        members.join();
        engine().elapse(Duration.ofSeconds(1));

        topic("later", 2);
        send("later", 2, 0, 10);
        engine().eventually(() -> members.history.acknowledged() == 10);

        members.drainAll();
    }

    @Test
    void a_group_goes_on_when_one_of_its_topics_is_deleted() {
        topic("kept", 1);
        topic("deleted", 1);
        Members members = new Members(this, GROUP, "kept", "deleted");
        Members.Member member = members.join();
        engine().eventually(() -> member.assigned().size() == 2);

        await(broker().deleteTopic(CALLER, "deleted"));
        send("kept", 1, 0, 10);
        engine().eventually(() ->
                members.history.acknowledged() == 10 && member.assigned().size() == 1);

        members.drainAll();
    }

    @ParameterizedTest(name = "read so far: {0}")
    @ValueSource(ints = {0, 100})
    @DisplayName(
            "K14 K17 a topic that is deleted and made anew under a group is read from the begin of its log, and committed from there")
    void a_topic_made_anew_is_a_new_topic(int before) {
        topic("t", 1);
        send("t", 1, 0, before);
        List<String> values = new CopyOnWriteArrayList<>();
        Receiver<String, String> receiver =
                receiver(broker(), o -> o.group(GROUP).topics("t"));
        receiver.receiveAutoAck().subscribe(record -> values.add(String.valueOf(record.value())));
        AtomicReference<Set<TopicPartition>> assigned = new AtomicReference<>(Set.of());
        receiver.assignments().subscribe(assigned::set);
        engine().eventually(() ->
                values.size() == before && Set.of(new TopicPartition("t", 0)).equals(assigned.get()));

        await(broker().deleteTopic(CALLER, "t"));
        topic("t", 1);
        // more than was read of the former, so that its position is one of the new log, too
        send("t", 1, 1_000, 1_300);
        engine().eventually(() -> new HashSet<>(values)
                .containsAll(IntStream.range(1_000, 1_300)
                        .mapToObj(i -> "value " + i)
                        .toList()));
        Map<TopicPartition, Long> all = Map.of(new TopicPartition("t", 0), 300L);
        engine().eventually(() -> committed(GROUP, "t", 1).equals(all));
        await(receiver.drain(Duration.ofSeconds(10)));

        assertThat(committed(GROUP, "t", 1)).isEqualTo(all);
    }

    @Test
    @DisplayName("K17 of a commit what can't be taken is refused, and the rest is committed")
    void commits_are_taken_partition_by_partition() {
        topic("t", 1);
        TopicPartition known = new TopicPartition("t", 0);
        TopicPartition beyond = new TopicPartition("t", 1);
        TopicPartition unknown = new TopicPartition("nowhere", 0);
        CommittedOffset tooLarge = new CommittedOffset(1, -1, "x".repeat(5_000));
        topic("u", 1);
        TopicPartition noted = new TopicPartition("u", 0);

        Map<TopicPartition, ErrorCode> refused = await(broker().commitOffsets(
                        CALLER,
                        OffsetCommit.admin(
                                GROUP,
                                Map.of(
                                        known, CommittedOffset.of(7),
                                        beyond, CommittedOffset.of(8),
                                        unknown, CommittedOffset.of(9),
                                        noted, tooLarge))));

        assertThat(refused)
                .containsOnly(
                        Map.entry(beyond, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
                        Map.entry(unknown, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
                        Map.entry(noted, ErrorCode.OFFSET_METADATA_TOO_LARGE));
        assertThat(await(broker().fetchOffsets(CALLER, GROUP, List.of(known, beyond, unknown, noted))))
                .containsOnly(Map.entry(known, CommittedOffset.of(7)));
    }

    @Test
    void members_and_commits_survive_a_restart_of_the_broker_beneath_them() {
        topic("t", 2);
        send("t", 2, 0, 20);
        Members before = new Members(this, GROUP, "t");
        before.join();
        engine().eventually(() -> before.history.acknowledged() == 20);
        before.drainAll();

        restart();
        send("t", 2, 20, 30);
        List<String> values = new CopyOnWriteArrayList<>();
        Disposable subscription = receiver(broker(), o -> o.group(GROUP).topics("t"))
                .receiveAutoAck()
                .subscribe(record -> values.add(String.valueOf(record.value())));
        engine().eventually(() -> values.size() == 10);
        engine().elapse(Duration.ofSeconds(1));

        assertThat(values)
                .containsExactlyInAnyOrderElementsOf(
                        IntStream.range(20, 30).mapToObj(i -> "value " + i).toList());
        subscription.dispose();
    }
}
