package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.reactivemq.ErrorCode;
import io.reactivemq.Header;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.Serde;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupListing;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.consume.DeadLetterHeaders;
import io.reactivemq.consume.DrainReport;
import io.reactivemq.consume.Outcome;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.consume.RetryPolicy;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.test.Seeds;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Consumer groups: shared partitions, committed offsets, rebalances, members that fail, dead letters. */
@DisplayName("groups")
public abstract class GroupContract extends EngineContract {

    private static final String GROUP = "g";
    private static final List<Style> STYLES = List.of(Style.values());

    static LongStream seeds() {
        return Seeds.upTo(20);
    }

    @Test
    @DisplayName("M04 each partition is read by exactly one member, and the members together read all")
    void partitions_are_shared() {
        topic("t", 6);
        send("t", 6, 0, 60);
        Members members = new Members("t");
        List<Member> three = List.of(members.join(), members.join(), members.join());
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
        Members after = new Members("t");
        List<Member> two = List.of(after.join(), after.join());
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
        Members billing = new Members("billing", "t");
        billing.join();
        engine().eventually(() -> billing.history.acknowledged() == 90);
        billing.drainAll();

        restartIfDurable();
        Members audit = new Members("audit", "t");
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
        Members members = new Members("t");
        List<Member> five = IntStream.range(0, 5).mapToObj(i -> members.join()).toList();
        engine().eventually(() -> members.assignedTotal() == 2
                && five.stream().filter(m -> m.assigned().size() == 1).count() == 2);
        assertThat(five.stream().filter(m -> m.assigned().isEmpty())).hasSize(3);
        send("t", 2, 0, 20);
        engine().eventually(() -> members.history.acknowledged() == 20);

        for (int left = 4; left >= 1; left--) {
            Member owner = members.running().stream()
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
        Members after = new Members("t");
        List<Member> three = IntStream.range(0, 3).mapToObj(i -> after.join()).toList();
        engine().eventually(() -> after.assignedTotal() == 2);
        Member owner =
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
        Members members = new Members("t");
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
        receiver.process(record -> {
                    started.incrementAndGet();
                    return Mono.delay(Duration.ofMillis(100), broker().runtime().timers());
                })
                .doOnComplete(completed::incrementAndGet)
                .subscribe(outcomes::add);
        engine().eventually(() -> started.get() == 3);

        DrainReport report = await(receiver.drain(Duration.ofSeconds(5)));

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
        Members members = new Members("t");
        members.style = () -> STYLES.get(random.nextInt(STYLES.size()));
        members.join();
        for (int step = 0; step < 25; step++) {
            engine().elapse(Duration.ofMillis(random.nextInt(4) == 0 ? random.nextInt(2000) : random.nextInt(50)));
            int count = random.nextInt(60);
            send("t", partitions, total, total + count);
            total += count;
            List<Member> running = members.running();
            int dice = random.nextInt(10);
            if (dice < 4 && running.size() < 5) {
                members.join();
            } else if (dice < 8 && running.size() > 1) {
                Member member = running.get(random.nextInt(running.size()));
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
        Members members = new Members("t");
        Member silent = members.join();
        engine().eventually(() -> members.history.acknowledged() == 20);
        engine().eventually(() -> sum(committed(GROUP, "t", 2)) == 20);
        silent.cutOff();
        send("t", 2, 20, 40);
        long start = broker().runtime().nanoTime();

        Member heir = members.join();
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
    void a_member_that_comes_back_after_its_session_joins_anew_and_goes_on() {
        topic("t", 1);
        RawMember lost = raw("lost");
        lost.join("t");
        lost.reconcile();
        engine().elapse(engine().groupSessionTimeout().multipliedBy(3).dividedBy(2));

        assertCode(catchThrowable(lost::beat), ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_MEMBER_EPOCH);
        lost.join("t");
        assertThat(lost.target()).containsExactly(new TopicPartition("t", 0));
    }

    @Test
    @DisplayName("K17 a commit of a member whose session has passed is refused and harms nobody")
    void late_commit_is_refused() {
        topic("t", 1);
        TopicPartition p0 = new TopicPartition("t", 0);
        RawMember old = raw("old");
        old.join("t");
        old.reconcile();
        old.commit(p0, 3);
        engine().elapse(engine().groupSessionTimeout().multipliedBy(3).dividedBy(2));
        RawMember heir = raw("heir");
        heir.join("t");
        heir.reconcile();
        heir.commit(p0, 8);

        assertCode(
                catchThrowable(() -> old.commit(p0, 5)),
                ErrorCode.UNKNOWN_MEMBER_ID,
                ErrorCode.STALE_MEMBER_EPOCH,
                ErrorCode.FENCED_MEMBER_EPOCH);

        assertThat(sum(committed(GROUP, "t", 1))).isEqualTo(8);
        heir.commit(p0, 9);
        assertThat(sum(committed(GROUP, "t", 1))).isEqualTo(9);
    }

    @Test
    @DisplayName("K17 a commit with an older epoch of the member itself is refused")
    void stale_epoch_is_refused() {
        topic("t", 2);
        TopicPartition p0 = new TopicPartition("t", 0);
        RawMember member = raw("m");
        member.join("t");
        member.reconcile();
        int oldEpoch = member.epoch();
        RawMember other = raw("other");
        other.join("t");
        settle(member, other);
        assertThat(member.epoch()).isGreaterThan(oldEpoch);

        assertFails(
                broker().commitOffsets(
                                CALLER, new OffsetCommit(GROUP, "m", oldEpoch, Map.of(p0, CommittedOffset.of(5)))),
                ErrorCode.STALE_MEMBER_EPOCH);
        assertFails(
                broker().commitOffsets(CALLER, OffsetCommit.admin(GROUP, Map.of(p0, CommittedOffset.of(5)))),
                ErrorCode.UNKNOWN_MEMBER_ID,
                ErrorCode.STALE_MEMBER_EPOCH);
        assertThat(committed(GROUP, "t", 2)).isEmpty();
    }

    @Test
    void a_partition_is_given_away_only_after_its_owner_has_released_it() {
        topic("t", 4);
        RawMember owner = raw("owner");
        owner.join("t");
        owner.reconcile();
        assertThat(owner.target()).hasSize(4);

        RawMember heir = raw("heir");
        heir.join("t");
        heir.beat();
        assertThat(heir.target()).isEmpty();
        owner.beat();
        assertThat(owner.target()).hasSize(2);
        heir.beat();
        assertThat(heir.target())
                .as("the owner was told, and has not released yet")
                .isEmpty();
        settle(owner, heir);

        assertThat(heir.target()).hasSize(2).doesNotContainAnyElementsOf(owner.target());
    }

    @Test
    void an_owner_that_does_not_release_in_time_is_removed() {
        topic("t", 2);
        RawMember stubborn = raw("stubborn");
        stubborn.join("t");
        stubborn.reconcile();
        RawMember heir = raw("heir");
        heir.join("t");
        List<Throwable> errors = new ArrayList<>();

        Duration step = engine().groupSessionTimeout().dividedBy(4);
        for (int i = 0; i < 200 && heir.target().size() < 2; i++) {
            engine().elapse(step);
            heir.reconcile();
            Throwable error = catchThrowable(stubborn::beat);
            if (error != null) {
                errors.add(error);
            }
        }

        assertThat(heir.target()).hasSize(2);
        assertThat(errors).isNotEmpty();
        assertCode(errors.get(0), ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_MEMBER_EPOCH);
    }

    @Test
    void the_range_assignment_gives_each_member_neighbours() {
        topic("t", 5);
        RawMember a = raw("a");
        RawMember b = raw("b");
        a.joinWith("range", "t");
        b.joinWith("range", "t");
        settle(a, b);

        assertThat(List.of(a.target(), b.target())).containsExactly(partitions("t", 0, 1, 2), partitions("t", 3, 4));
    }

    @Test
    void a_heartbeat_of_nobody_or_with_a_wrong_epoch_or_group_is_refused() {
        topic("t", 1);
        RawMember member = raw("m");
        member.join("t");

        assertFails(
                broker().heartbeat(CALLER, GroupHeartbeat.stay(GROUP, "nobody", 1, null)), ErrorCode.UNKNOWN_MEMBER_ID);
        assertFails(
                broker().heartbeat(CALLER, GroupHeartbeat.stay(GROUP, "m", member.epoch() + 7, null)),
                ErrorCode.FENCED_MEMBER_EPOCH);
        assertFails(
                broker().heartbeat(CALLER, GroupHeartbeat.join("", "m", Duration.ofSeconds(5), Set.of("t"))),
                ErrorCode.INVALID_GROUP_ID,
                ErrorCode.INVALID_REQUEST);
        assertFails(
                broker().heartbeat(
                                CALLER,
                                new GroupHeartbeat(
                                        GROUP,
                                        "n",
                                        GroupHeartbeat.JOIN,
                                        Duration.ofSeconds(5),
                                        Set.of("t"),
                                        "best",
                                        Set.of())),
                ErrorCode.UNSUPPORTED_ASSIGNOR);
        member.beat();
    }

    @Test
    void a_group_may_subscribe_to_a_topic_that_comes_later() {
        Members members = new Members("later");
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
        Members members = new Members(GROUP, "kept", "deleted");
        Member member = members.join();
        engine().eventually(() -> member.assigned().size() == 2);

        await(broker().deleteTopic(CALLER, "deleted"));
        send("kept", 1, 0, 10);
        engine().eventually(() ->
                members.history.acknowledged() == 10 && member.assigned().size() == 1);

        members.drainAll();
    }

    @Test
    void members_and_commits_survive_a_restart_of_the_broker_beneath_them() {
        topic("t", 2);
        send("t", 2, 0, 20);
        Members before = new Members("t");
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

    @Test
    void a_record_whose_handler_fails_three_times_is_dead_lettered_as_it_was_and_its_partition_moves_on() {
        topic("t", 1);
        Headers headers = Headers.of(Header.of("h", "1"), Header.of("null", (byte[]) null));
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
        for (String value : List.of("good 0", "bad", "good 2")) {
            await(sender.send(SenderRecord.of("t", "key of " + value, value)
                    .withHeaders(headers)
                    .withTimestamp(77)));
        }
        Map<String, Integer> attempts = new HashMap<>();
        Receiver<String, String> receiver =
                receiver(broker(), o -> o.group(GROUP).topics("t"));

        List<Outcome> outcomes = await(receiver.process(record -> {
                    String value = String.valueOf(record.value());
                    attempts.merge(value, 1, Integer::sum);
                    return value.equals("bad")
                            ? Mono.error(new IllegalArgumentException("no such airport"))
                            : Mono.empty();
                })
                .take(3)
                .collectList());

        assertThat(attempts).isEqualTo(Map.of("good 0", 1, "bad", 3, "good 2", 1));
        assertThat(outcomes).extracting(Outcome::offset).containsExactly(0L, 1L, 2L);
        assertThat(outcomes).extracting(Outcome::attempts).containsExactly(1, 3, 1);
        assertThat(outcomes)
                .extracting(Outcome::status)
                .containsExactly(Outcome.Status.PROCESSED, Outcome.Status.DEAD_LETTERED, Outcome.Status.PROCESSED);
        assertThat(outcomes.get(1).error()).isInstanceOf(IllegalArgumentException.class);
        restartIfDurable();
        List<StoredRecord> letters = readAllOfTopic("t.dlq");
        assertThat(letters).hasSize(1);
        StoredRecord letter = letters.get(0);
        assertThat(letter.key()).isEqualTo("key of bad");
        assertThat(letter.value()).isEqualTo("bad");
        assertThat(letter.headers().asList()).startsWith(headers.asList().toArray(Header[]::new));
        assertThat(letter.headers().lastAsString(DeadLetterHeaders.TOPIC)).isEqualTo("t");
        assertThat(letter.headers().lastAsString(DeadLetterHeaders.PARTITION)).isEqualTo("0");
        assertThat(letter.headers().lastAsString(DeadLetterHeaders.OFFSET)).isEqualTo("1");
        assertThat(letter.headers().lastAsString(DeadLetterHeaders.TIMESTAMP)).isEqualTo("77");
        assertThat(letter.headers().lastAsString(DeadLetterHeaders.GROUP)).isEqualTo(GROUP);
        assertThat(letter.headers().lastAsString(DeadLetterHeaders.ATTEMPTS)).isEqualTo("3");
        assertThat(letter.headers().lastAsString(DeadLetterHeaders.EXCEPTION_CLASS))
                .isEqualTo(IllegalArgumentException.class.getName());
        assertThat(letter.headers().lastAsString(DeadLetterHeaders.MESSAGE)).isEqualTo("no such airport");
    }

    @Test
    void a_record_as_large_as_its_topic_allows_is_dead_lettered_too() {
        String value = "x".repeat(3_000);
        ByteBuffer batch = StoredRecord.batch(StoredRecord.of(1, "k", value));
        topic("t", 1, Map.of("max.message.bytes", Integer.toString(batch.remaining())));
        append(new TopicPartition("t", 0), batch);
        send("t", 1, 1, 2);

        List<Outcome> outcomes = await(receiver(broker(), o -> o.group(GROUP).topics("t"))
                .process(record -> record.offset() == 0
                        ? Mono.error(new IllegalStateException("why ".repeat(1_000)))
                        : Mono.empty())
                .take(2)
                .collectList());

        assertThat(outcomes)
                .extracting(Outcome::status)
                .containsExactly(Outcome.Status.DEAD_LETTERED, Outcome.Status.PROCESSED);
        restartIfDurable();
        assertThat(readAllOfTopic("t.dlq")).extracting(StoredRecord::value).containsExactly(value);
    }

    @Test
    void bytes_that_can_not_be_read_are_dead_lettered_with_their_original_bytes() {
        topic("t", 1);
        append(
                new TopicPartition("t", 0),
                StoredRecord.batch(
                        StoredRecord.of(1, "k\u00ff", "12"),
                        StoredRecord.of(2, "\u00fe", "\u0000x\u00ff"),
                        StoredRecord.of(3, null, null)));
        Serde<Integer> number = Serde.of(
                value -> value.toString().getBytes(StandardCharsets.US_ASCII),
                bytes -> Integer.parseInt(new String(bytes, StandardCharsets.US_ASCII)));
        List<Integer> handled = new ArrayList<>();
        Receiver<byte[], Integer> receiver = Receiver.on(
                broker(),
                ReceiverOptions.of(Serdes.bytes(), number, o -> o.group(GROUP).topics("t")));

        List<Outcome> outcomes = await(receiver.process(record -> {
                    Integer value = record.value();
                    handled.add(value == null ? -1 : value);
                    return Mono.empty();
                })
                .take(3)
                .collectList());

        assertThat(handled).containsExactly(12, -1);
        assertThat(outcomes).extracting(Outcome::attempts).containsExactly(1, 0, 1);
        List<StoredRecord> letters = readAllOfTopic("t.dlq");
        assertThat(letters).hasSize(1);
        assertThat(letters.get(0).key()).isEqualTo("\u00fe");
        assertThat(letters.get(0).value()).isEqualTo("\u0000x\u00ff");
        assertThat(letters.get(0).headers().lastAsString(DeadLetterHeaders.MESSAGE))
                .isNotBlank();
    }

    @Test
    void a_handler_that_recovers_is_not_dead_lettered() {
        topic("t", 1);
        send("t", 1, 0, 3);
        Map<Long, Integer> attempts = new HashMap<>();
        List<Long> order = new ArrayList<>();

        List<Outcome> outcomes = await(receiver(broker(), o -> o.group(GROUP).topics("t"))
                .process(
                        record -> {
                            order.add(record.offset());
                            boolean fails =
                                    attempts.merge(record.offset(), 1, Integer::sum) < 4 && record.offset() == 1;
                            return fails ? Mono.error(new IllegalStateException("not yet")) : Mono.empty();
                        },
                        o -> o.retry(RetryPolicy.backoff(4, Duration.ofMillis(10))))
                .take(3)
                .collectList());

        assertThat(order).as("in order, the failing one in place").containsExactly(0L, 1L, 1L, 1L, 1L, 2L);
        assertThat(outcomes).extracting(Outcome::attempts).containsExactly(1, 4, 1);
        assertThat(outcomes).extracting(Outcome::status).containsOnly(Outcome.Status.PROCESSED);
        assertFails(broker().describeTopic(CALLER, "t.dlq"), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }

    @Test
    void a_failing_partition_holds_up_no_other() {
        topic("t", 2);
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
        await(sender.send(Flux.range(0, 100)
                        .map(i -> SenderRecord.of("t", "k", "v" + i).withPartition(i % 2)))
                .collectList());
        List<Outcome> outcomes = new CopyOnWriteArrayList<>();
        Receiver<String, String> receiver =
                receiver(broker(), o -> o.group(GROUP).topics("t"));
        Disposable subscription = receiver.process(
                        record -> record.partition() == 0
                                ? Mono.error(new IllegalStateException("always"))
                                : Mono.empty(),
                        o -> o.retry(RetryPolicy.backoff(4, Duration.ofMinutes(1))))
                .subscribe(outcomes::add);

        engine().eventually(() -> outcomes.size() == 50);

        assertThat(outcomes).extracting(o -> o.partition().partition()).containsOnly(1);
        subscription.dispose();
    }

    private enum Style {
        PROCESS,
        PROCESS_SLOWLY,
        ACKNOWLEDGE,
        ACKNOWLEDGE_OUT_OF_ORDER
    }

    /** The members of one group over its life, and what they saw. */
    private final class Members {
        final GroupHistory history = new GroupHistory();
        final Set<String> cutOffClients = new HashSet<>();
        private final String group;
        private final String[] topics;
        private final List<Member> running = new CopyOnWriteArrayList<>();
        Supplier<Style> style = () -> Style.PROCESS;
        private int joined;

        Members(String topic) {
            this(GROUP, topic);
        }

        Members(String group, String... topics) {
            this.group = group;
            this.topics = topics;
        }

        Member join() {
            Member member = new Member(this, "member-" + joined++, style.get());
            running.add(member);
            member.start();
            return member;
        }

        List<Member> running() {
            return List.copyOf(running);
        }

        int assignedTotal() {
            return running.stream().mapToInt(m -> m.assigned().size()).sum();
        }

        void drainAll() {
            running().forEach(Member::drain);
        }

        void assertNothingLostSkippedOrProcessedTwice(int partitions, int total) {
            assertThat(history.violations()).isEmpty();
            Map<TopicPartition, List<String>> expected = new TreeMap<>();
            for (int i = 0; i < total; i++) {
                expected.computeIfAbsent(new TopicPartition(topics[0], i % partitions), p -> new ArrayList<>())
                        .add("value " + i);
            }
            assertThat(history.acknowledgedValues()).isEqualTo(expected);
        }
    }

    private final class Member {
        private final Members members;
        private final String name;
        private final Style style;
        private final UnpluggedBroker cable = new UnpluggedBroker(broker());
        private final Receiver<String, String> receiver;
        private final Disposable.Composite subscriptions = Disposables.composite();
        private volatile Set<TopicPartition> assigned = Set.of();
        private volatile @Nullable Throwable error;

        Member(Members members, String name, Style style) {
            this.members = members;
            this.name = name;
            this.style = style;
            this.receiver = receiver(
                    cable,
                    o -> o.group(members.group)
                            .topics(members.topics)
                            .clientId(name)
                            .commitInterval(Duration.ofMillis(300)));
        }

        void start() {
            disposeAtEnd(subscriptions);
            subscriptions.add(receiver.assignments().subscribe(now -> assigned = now));
            subscriptions.add(
                    switch (style) {
                        case PROCESS ->
                            receiver.process(record -> handle(record, Duration.ZERO))
                                    .subscribe(o -> {}, this::failed);
                        case PROCESS_SLOWLY ->
                            receiver.process(record -> handle(record, Duration.ofMillis(5 + record.offset() % 40)))
                                    .subscribe(o -> {}, this::failed);
                        case ACKNOWLEDGE ->
                            receiver.receive()
                                    .subscribe(
                                            record -> {
                                                deliver(record);
                                                acknowledge(record);
                                            },
                                            this::failed);
                        case ACKNOWLEDGE_OUT_OF_ORDER ->
                            receiver.receive()
                                    .subscribe(
                                            record -> {
                                                deliver(record);
                                                later(record, () -> acknowledge(record));
                                            },
                                            this::failed);
                    });
        }

        private Mono<Long> handle(ReceiverRecord<String, String> record, Duration takes) {
            return Mono.defer(() -> {
                deliver(record);
                Mono<Long> work = takes.isZero()
                        ? Mono.just(0L)
                        : Mono.delay(takes, broker().runtime().timers());
                return work.doOnSuccess(
                        done -> members.history.acknowledged(name, record.topicPartition(), record.offset()));
            });
        }

        private void deliver(ReceiverRecord<String, String> record) {
            members.history.delivered(name, record.topicPartition(), record.offset(), String.valueOf(record.value()));
        }

        private void acknowledge(ReceiverRecord<String, String> record) {
            // under one lock with the history, so that a second owner's acknowledgement can't be recorded in between
            synchronized (members.history) {
                if (record.acknowledge()) {
                    members.history.acknowledged(name, record.topicPartition(), record.offset());
                }
            }
        }

        private void later(ReceiverRecord<String, String> record, Runnable action) {
            broker().runtime().timers().schedule(action, (record.offset() * 7919) % 60, TimeUnit.MILLISECONDS);
        }

        private void failed(Throwable e) {
            error = e;
        }

        Set<TopicPartition> assigned() {
            return assigned;
        }

        void drain() {
            await(drained());
        }

        void drainInTheBackground() {
            drained().subscribe();
        }

        private Mono<DrainReport> drained() {
            return receiver.drain(Duration.ofSeconds(5)).doOnSubscribe(s -> members.running.remove(this));
        }

        void cancel() {
            members.running.remove(this);
            if (style != Style.ACKNOWLEDGE) {
                // a handler that ends while its subscription is cancelled counts as not acknowledged, and so does an
                // acknowledgement ahead of one that is missing
                members.history.mayBeRepeated(name);
            }
            subscriptions.dispose();
        }

        void cutOff() {
            cable.unplug();
            members.history.cutOff(name);
            members.cutOffClients.add(name);
            members.running.remove(this);
        }

        @Override
        public String toString() {
            return name + " " + style + " " + assigned + (error == null ? "" : " failed with " + error);
        }
    }

    private Receiver<String, String> receiver(Broker over, Consumer<? super ReceiverOptions.Builder> options) {
        return Receiver.on(over, ReceiverOptions.of(Serdes.string(), Serdes.string(), options));
    }

    /** Sends {@code value i} to partition {@code i % partitions}. */
    private void send(String topic, int partitions, int from, int to) {
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
        await(sender.send(Flux.range(from, to - from)
                        .map(i ->
                                SenderRecord.of(topic, "key " + i, "value " + i).withPartition(i % partitions)))
                .collectList());
    }

    private RawMember raw(String id) {
        return new RawMember(engine(), broker(), GROUP, id);
    }

    /** Heartbeats until everybody owns what it shall own. */
    private static void settle(RawMember... members) {
        for (int round = 0; round < 5; round++) {
            for (RawMember member : members) {
                member.reconcile();
            }
        }
    }

    private GroupDescription describe() {
        return await(broker().describeGroup(CALLER, GROUP));
    }

    private Map<TopicPartition, Long> committed(String group, String topic, int partitions) {
        List<TopicPartition> all = IntStream.range(0, partitions)
                .mapToObj(p -> new TopicPartition(topic, p))
                .toList();
        Map<TopicPartition, Long> offsets = new HashMap<>();
        await(broker().fetchOffsets(CALLER, group, all))
                .forEach((partition, committed) -> offsets.put(partition, committed.offset()));
        return offsets;
    }

    private List<StoredRecord> readAllOfTopic(String topic) {
        List<StoredRecord> all = new ArrayList<>();
        int partitions = await(broker().describeTopic(CALLER, topic)).partitions();
        for (int partition = 0; partition < partitions; partition++) {
            all.addAll(readAll(new TopicPartition(topic, partition)));
        }
        return all;
    }

    private static long sum(Map<TopicPartition, Long> offsets) {
        return offsets.values().stream().mapToLong(Long::longValue).sum();
    }

    private static Set<TopicPartition> partitions(String topic, int... partitions) {
        Set<TopicPartition> all = new TreeSet<>();
        for (int partition : partitions) {
            all.add(new TopicPartition(topic, partition));
        }
        return all;
    }

    private static void assertCode(@Nullable Throwable error, ErrorCode... expected) {
        assertThat(error)
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isIn((Object[]) expected));
    }
}
