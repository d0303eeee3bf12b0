package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.TraceContext;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionResult;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.consume.DeadLetterHeaders;
import io.reactivemq.consume.FailedAttempt;
import io.reactivemq.consume.Outcome;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.consume.RetryPolicy;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** What each way to receive promises, across crashes of the member and restarts of the engine. */
@DisplayName("receiving")
public abstract class ReceiverContract extends EngineContract {

    private static final String GROUP = "g";
    private static final TopicPartition T0 = new TopicPartition("t", 0);

    private Receiver<String, String> receiver(Broker over, Consumer<? super ReceiverOptions.Builder> options) {
        return Receiver.on(over, ReceiverOptions.of(Serdes.string(), Serdes.string(), options));
    }

    private Receiver<String, String> member() {
        return receiver(broker(), o -> o.group(GROUP).topics("t"));
    }

    private void send(int from, int to) {
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
        await(sender.send(Flux.range(from, to - from)
                        .map(i -> SenderRecord.of("t", "key " + i % 7, "value " + i)
                                .withPartition(0)))
                .collectList());
    }

    private long committed() {
        var offset = await(broker().fetchOffsets(CALLER, GROUP, List.of(T0))).get(T0);
        return offset == null ? -1 : offset.offset();
    }

    /** The member's cable is pulled, and the broker forgets it. */
    private void crash(UnpluggedBroker cable, Disposable subscription) {
        cable.unplug();
        engine().elapse(engine().groupSessionTimeout().plusSeconds(5));
        subscription.dispose();
    }

    @Test
    @DisplayName(
            "M07 at most once: after a crash nothing is delivered a second time, and what is lost was committed ahead")
    void at_most_once() {
        topic("t", 1);
        send(0, 1_000);
        UnpluggedBroker cable = new UnpluggedBroker(broker());
        List<Long> first = new CopyOnWriteArrayList<>();
        Disposable subscription = receiver(
                        cable, o -> o.group(GROUP).topics("t").maxPollRecords(50))
                .receiveAtmostOnce()
                .concatMap(
                        record -> {
                            first.add(record.offset());
                            return Mono.delay(
                                    Duration.ofMillis(1), broker().runtime().timers());
                        },
                        1)
                .subscribe();
        engine().eventually(() -> first.size() >= 120);
        crash(cable, subscription);
        int delivered = first.size();

        restartIfDurable();
        List<Long> second = new CopyOnWriteArrayList<>();
        Disposable rest = member().receiveAtmostOnce().subscribe(record -> second.add(record.offset()));
        engine().eventually(() -> second.contains(999L));
        rest.dispose();

        Set<Long> all = new HashSet<>(first);
        assertThat(second).noneMatch(all::contains).doesNotHaveDuplicates();
        assertThat(second.get(0) - delivered).as("lost").isBetween(0L, 50L);
    }

    @Test
    @DisplayName(
            "M07 at least once: after a crash everything that was not acknowledged comes again, and nothing is lost")
    void at_least_once() {
        topic("t", 1);
        send(0, 200);
        UnpluggedBroker cable = new UnpluggedBroker(broker());
        Set<Long> handled = ConcurrentHashMap.newKeySet();
        List<ReceiverRecord<String, String>> seen = new CopyOnWriteArrayList<>();
        Disposable subscription = receiver(
                        cable, o -> o.group(GROUP).topics("t").commitInterval(Duration.ofMillis(100)))
                .receive()
                .subscribe(record -> {
                    seen.add(record);
                    if (record.offset() % 10 != 3) {
                        handled.add(record.offset());
                        record.acknowledge();
                    }
                });
        engine().eventually(() -> seen.size() == 200 && committed() == 3);
        // the runs beyond it, too
        engine().elapse(Duration.ofMillis(500));
        crash(cable, subscription);

        restartIfDurable();
        List<Long> again = new CopyOnWriteArrayList<>();
        Disposable rest = member().receive().subscribe(record -> {
            again.add(record.offset());
            record.acknowledge();
        });
        engine().eventually(() -> again.contains(193L));
        rest.dispose();

        handled.addAll(again);
        assertThat(handled).as("nothing is lost").hasSize(200);
        assertThat(again).as("only what was not acknowledged").hasSize(20).allMatch(offset -> offset % 10 == 3);
        engine().eventually(() -> committed() == 200);
    }

    @Test
    @DisplayName("K02 what was acknowledged beyond the committed offset is not delivered to the next owner either")
    void runs_are_kept_at_a_rebalance() {
        topic("t", 1);
        send(0, 50);
        Receiver<String, String> first = member();
        List<ReceiverRecord<String, String>> seen = new CopyOnWriteArrayList<>();
        first.receive().subscribe(seen::add);
        engine().eventually(() -> seen.size() == 50);
        seen.stream().filter(r -> r.offset() != 5 && r.offset() < 40).forEach(ReceiverRecord::acknowledge);
        await(first.drain(Duration.ofMillis(100)));
        assertThat(committed()).isEqualTo(5);
        restartIfDurable();
        List<Long> next =
                await(member().receive().map(ReceiverRecord::offset).take(3).collectList());
        assertThat(next).containsExactly(5L, 40L, 41L);
    }

    @Test
    @DisplayName("K03 earliest, latest, by_duration, none")
    void start_from() {
        topic("t", 1);
        send(0, 10);
        engine().elapse(Duration.ofHours(1));
        send(10, 15);
        assertThat(firstOf("a", o -> {})).isZero();
        assertThat(firstOf("b", o -> o.startFrom(Duration.ofMinutes(30)))).isEqualTo(10);
        assertThat(firstOf("c", o -> o.startFrom(Duration.ofHours(2)))).isZero();
        Throwable error = catchThrowable(() -> firstOf("d", o -> o.startFromNone()));
        assertThat(error)
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.OFFSET_OUT_OF_RANGE));
        List<Long> late = new CopyOnWriteArrayList<>();
        Receiver<String, String> latest =
                receiver(broker(), o -> o.group("e").topics("t").startFrom(OffsetSpec.latest()));
        Disposable subscription = latest.receive().subscribe(record -> late.add(record.offset()));
        engine().eventually(() -> !await(latest.lag()).isEmpty());
        send(15, 16);
        engine().eventually(() -> !late.isEmpty());
        assertThat(late).containsExactly(15L);
        subscription.dispose();
    }

    @Test
    @DisplayName("K03 once an offset is committed it counts, whatever the policy says, after a restart too")
    void a_committed_offset_counts() {
        topic("t", 1);
        send(0, 10);
        Receiver<String, String> first = member();
        await(first.receive().doOnNext(ReceiverRecord::acknowledge).take(4).collectList());
        await(first.drain(Duration.ofSeconds(1)));
        engine().eventually(() -> committed() == 4);
        restartIfDurable();
        for (Consumer<ReceiverOptions.Builder> policy : List.<Consumer<ReceiverOptions.Builder>>of(
                o -> o.startFrom(OffsetSpec.latest()),
                o -> o.startFrom(Duration.ofMillis(1)),
                ReceiverOptions.Builder::startFromNone,
                o -> {})) {
            assertThat(firstOf(GROUP, policy)).isEqualTo(4);
        }
        assertThat(catchThrowable(() -> firstOf("none", ReceiverOptions.Builder::startFromNone)))
                .isInstanceOf(MqException.class);
    }

    @Test
    @DisplayName("K04 a receiver of committed records stops at the last stable offset and never gets an aborted one")
    void committed_records_only() {
        topic("t", 1);
        send(0, 3);
        RawProducer aborts = producer("aborts");
        RawProducer commits = producer("commits");
        await(aborts.append(broker(), T0, "aborted 1", "aborted 2"));
        send(3, 5);
        await(commits.append(broker(), T0, "committed 1"));
        send(5, 6);
        List<String> seen = new CopyOnWriteArrayList<>();
        List<String> all = new CopyOnWriteArrayList<>();
        Disposable.Composite before = Disposables.composite(
                reads(IsolationLevel.READ_COMMITTED, seen), reads(IsolationLevel.READ_UNCOMMITTED, all));
        engine().eventually(() -> all.size() == 9);
        engine().elapse(Duration.ofMillis(500));
        assertThat(seen).containsExactly("value 0", "value 1", "value 2");
        before.dispose();

        restartIfDurable();
        List<String> again = new CopyOnWriteArrayList<>();
        disposeAtEnd(reads(IsolationLevel.READ_COMMITTED, again));
        engine().elapse(Duration.ofMillis(500));
        assertThat(again).containsExactly("value 0", "value 1", "value 2");
        await(aborts.end(broker(), TransactionResult.ABORT));
        engine().eventually(() -> again.size() == 5);
        await(commits.end(broker(), TransactionResult.COMMIT));
        engine().eventually(() -> again.size() == 7);
        assertThat(again)
                .containsExactly("value 0", "value 1", "value 2", "value 3", "value 4", "committed 1", "value 5");
    }

    private RawProducer producer(String id) {
        return new RawProducer(
                id,
                TransactionVersion.V2,
                await(broker().initProducerId(
                                CALLER, new InitProducerId(id, Duration.ofSeconds(60), ProducerIdAndEpoch.NONE))));
    }

    private Disposable reads(IsolationLevel isolation, List<String> into) {
        return receiver(broker(), o -> o.topics("t").isolation(isolation))
                .receive()
                .subscribe(record -> into.add(String.valueOf(record.value())));
    }

    @Test
    @DisplayName("K16 a static member that comes back within its session keeps its partitions, and nobody else moves")
    void a_static_member_comes_back() {
        topic("t", 4);
        StaticMember one = new StaticMember("one");
        StaticMember two = new StaticMember("two");
        engine().eventually(() -> one.owned.size() == 2 && two.owned.size() == 2);
        Set<TopicPartition> ones = one.owned;
        Set<TopicPartition> twos = two.owned;
        int changes = two.changes.get();

        await(one.receiver.drain(Duration.ofSeconds(1)));
        engine().elapse(engine().groupSessionTimeout().dividedBy(3));
        assertThat(two.owned).as("wait for their owner").isEqualTo(twos);
        StaticMember back = new StaticMember("one");
        engine().eventually(() -> back.owned.equals(ones));
        assertThat(two.owned).isEqualTo(twos);
        assertThat(two.changes).as("never moved").hasValue(changes);

        await(back.receiver.drain(Duration.ofSeconds(1)));
        await(two.receiver.drain(Duration.ofSeconds(1)));
        restartIfDurable();
        StaticMember oneAgain = new StaticMember("one");
        StaticMember twoAgain = new StaticMember("two");
        engine().eventually(() -> oneAgain.owned.equals(ones) && twoAgain.owned.equals(twos));
        assertThat(oneAgain.everOwned).as("never had another").isEqualTo(ones);
        assertThat(twoAgain.everOwned).isEqualTo(twos);

        await(oneAgain.receiver.drain(Duration.ofSeconds(1)));
        engine().elapse(engine().groupSessionTimeout().plusSeconds(5));
        engine().eventually(() -> twoAgain.owned.size() == 4);
    }

    /** A static member that notes what it has. */
    private final class StaticMember {
        final Receiver<String, String> receiver;
        final Set<TopicPartition> everOwned = ConcurrentHashMap.newKeySet();
        volatile Set<TopicPartition> owned = Set.of();
        final AtomicInteger changes = new AtomicInteger();

        StaticMember(String instanceId) {
            receiver = receiver(broker(), o -> o.group(GROUP).topics("t").instanceId(instanceId));
            disposeAtEnd(receiver.assignments().subscribe(now -> {
                owned = now;
                everOwned.addAll(now);
                changes.incrementAndGet();
            }));
            disposeAtEnd(receiver.receive().subscribe(record -> {}, error -> {}));
        }
    }

    private long firstOf(String group, Consumer<? super ReceiverOptions.Builder> options) {
        return await(receiver(broker(), o -> {
                            o.group(group).topics("t");
                            options.accept(o);
                        })
                        .receive()
                        .next())
                .offset();
    }

    @Test
    @DisplayName("K07 a partition that does not move goes on while another one is waited for")
    void not_paused() {
        topic("t", 2);
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
        Flux<SenderRecord<String, String>> ten =
                Flux.range(0, 20).map(i -> SenderRecord.of("t", "k", "v" + i).withPartition(i % 2));
        await(sender.send(ten).collectList());
        Receiver<String, String> first = member();
        List<ReceiverRecord<String, String>> held = new CopyOnWriteArrayList<>();
        first.receive().subscribe(held::add);
        engine().eventually(() -> held.size() == 20);
        Receiver<String, String> second = member();
        List<Long> moved = new CopyOnWriteArrayList<>();
        Disposable other = second.receive().subscribe(record -> moved.add(record.offset()));
        engine().elapse(Duration.ofSeconds(15));

        await(sender.send(ten).collectList());
        engine().eventually(() -> held.size() == 30);
        assertThat(held.subList(20, 30))
                .extracting(ReceiverRecord::partition)
                .containsOnly(held.get(20).partition());
        assertThat(moved).as("waits for what is in flight").isEmpty();

        held.forEach(ReceiverRecord::acknowledge);
        engine().eventually(() -> moved.size() == 10);
        await(first.drain(Duration.ofSeconds(1)));
        other.dispose();
    }

    @Test
    @DisplayName("K08 a member whose handler makes no progress leaves, and its partitions move")
    void no_progress() {
        topic("t", 2);
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
        await(sender.send(Flux.range(0, 20)
                        .map(i -> SenderRecord.of("t", "k", "v" + i).withPartition(i % 2)))
                .collectList());
        Receiver<String, String> stuck =
                receiver(broker(), o -> o.group(GROUP).topics("t").maxPollInterval(Duration.ofSeconds(8)));
        Disposable first = stuck.process(record -> Mono.never()).subscribe();
        engine().eventually(() -> await(stuck.health()).partitions().size() == 2);
        Set<String> handled = ConcurrentHashMap.newKeySet();
        Disposable second = member().process(record -> {
                    handled.add(record.topicPartition() + "@" + record.offset());
                    return Mono.empty();
                })
                .subscribe();
        engine().eventually(() -> handled.size() == 20);
        first.dispose();
        second.dispose();
    }

    @Test
    @DisplayName("M08 the records of a key are handled in their order, however many are in work")
    void key_order() {
        topic("t", 1);
        send(0, 300);
        Map<String, Long> last = new ConcurrentHashMap<>();
        List<String> violations = new CopyOnWriteArrayList<>();
        Receiver<String, String> receiver = member();
        List<Outcome> outcomes = await(receiver.process(
                        record -> {
                            String key = String.valueOf(record.key());
                            Long before = last.put(key, record.offset());
                            if (before != null && before > record.offset()) {
                                violations.add(key + ": " + before + " before " + record.offset());
                            }
                            return Mono.delay(
                                    Duration.ofMillis(1 + record.offset() % 13),
                                    broker().runtime().timers());
                        },
                        o -> o.keyOrdered().concurrency(64))
                .take(300)
                .collectList());
        assertThat(violations).isEmpty();
        assertThat(outcomes).extracting(Outcome::offset).doesNotHaveDuplicates().hasSize(300);
        engine().eventually(() -> committed() == 300);
    }

    @Test
    @DisplayName(
            "M20 M09 R11 a poison message goes through the retry topics into the dead-letter topic, with its history and its trace")
    void retry_topics() {
        topic("t", 1);
        TraceContext trace = new TraceContext("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a=b");
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
        await(sender.send(SenderRecord.of("t", "k", "poison").withHeaders(trace.addTo(Headers.empty()))));
        await(sender.send(SenderRecord.of("t", "k", "fine")));
        List<String> ran = new CopyOnWriteArrayList<>();
        List<TraceContext> traces = new CopyOnWriteArrayList<>();
        List<Outcome> outcomes = new CopyOnWriteArrayList<>();
        Disposable subscription = member().process(
                        record -> Mono.deferContextual(context -> {
                            ran.add(record.topic() + " " + record.value());
                            TraceContext found = TraceContext.of(context);
                            if (found != null) {
                                traces.add(found);
                            }
                            return "poison".equals(record.value())
                                    ? Mono.error(new IllegalArgumentException("no such airport"))
                                    : Mono.empty();
                        }),
                        o -> o.retry(RetryPolicy.none().thenAfter(Duration.ofSeconds(2), Duration.ofSeconds(4))))
                .subscribe(outcomes::add);
        engine().eventually(() -> outcomes.stream().anyMatch(o -> o.status() == Outcome.Status.DEAD_LETTERED));
        subscription.dispose();

        assertThat(ran).containsExactly("t poison", "t fine", "t.g.retry-1 poison", "t.g.retry-2 poison");
        assertThat(traces).hasSize(3).containsOnly(trace);
        restartIfDurable();
        List<StoredRecord> letters = readAll(new TopicPartition("t.dlq", 0));
        assertThat(letters).hasSize(1);
        Headers headers = letters.get(0).headers();
        assertThat(TraceContext.of(headers)).isEqualTo(trace);
        assertThat(headers.lastAsString(DeadLetterHeaders.TOPIC)).isEqualTo("t");
        List<FailedAttempt> history = DeadLetterHeaders.history(headers);
        assertThat(history).extracting(FailedAttempt::number).containsExactly(1, 2, 3);
        assertThat(history).extracting(FailedAttempt::message).containsOnly("no such airport");
        assertThat(history.get(1).timestampMs() - history.get(0).timestampMs()).isGreaterThanOrEqualTo(2_000);
        assertThat(history.get(2).timestampMs() - history.get(1).timestampMs()).isGreaterThanOrEqualTo(4_000);
    }

    @Test
    @DisplayName("M13 a receiver is sought to the begin, the end, an offset and a time")
    void seek() {
        topic("t", 1);
        send(0, 10);
        engine().elapse(Duration.ofSeconds(10));
        long before = broker().runtime().currentTimeMillis();
        send(10, 12);
        Receiver<String, String> receiver = member();
        List<Long> seen = new CopyOnWriteArrayList<>();
        Disposable subscription = receiver.receiveAutoAck().subscribe(record -> seen.add(record.offset()));
        engine().eventually(() -> seen.size() == 12);
        List<Runnable> seeks = new ArrayList<>();
        seeks.add(() -> await(receiver.seek(T0, 9).thenReturn(true)));
        seeks.add(() -> await(receiver.seek(OffsetSpec.atOrAfter(before)).thenReturn(true)));
        seeks.add(() -> await(receiver.seek(T0, OffsetSpec.earliest()).thenReturn(true)));
        int expected = 12;
        for (int i = 0; i < seeks.size(); i++) {
            seeks.get(i).run();
            expected += List.of(3, 2, 12).get(i);
            int count = expected;
            engine().eventually(() -> seen.size() == count);
        }
        subscription.dispose();
        assertThat(seen.subList(12, 17)).containsExactly(9L, 10L, 11L, 10L, 11L);
        assertThat(seen.get(17)).isZero();
    }

    @Test
    @DisplayName("M14 an effect that remembers what it has seen is applied once, across a crash and a restart")
    void idempotent_effect() {
        topic("t", 1);
        send(0, 60);
        Map<String, Integer> effects = new ConcurrentHashMap<>();
        Set<String> applied = ConcurrentHashMap.newKeySet();
        UnpluggedBroker cable = new UnpluggedBroker(broker());
        Disposable subscription = receiver(cable, o -> o.group(GROUP).topics("t"))
                .process(record -> effect(record, applied, effects))
                .subscribe();
        engine().eventually(() -> applied.size() == 60);
        crash(cable, subscription);
        restartIfDurable();
        List<Outcome> again = new CopyOnWriteArrayList<>();
        Disposable rest =
                member().process(record -> effect(record, applied, effects)).subscribe(again::add);
        send(60, 61);
        engine().eventually(() -> again.stream().anyMatch(o -> o.offset() == 60));
        rest.dispose();
        assertThat(effects).hasSize(61);
        assertThat(effects.values()).containsOnly(1);
    }

    private static Mono<Void> effect(
            ReceiverRecord<String, String> record, Set<String> applied, Map<String, Integer> effects) {
        String id = record.value();
        return Mono.fromRunnable(() -> {
            if (id != null && applied.add(id)) {
                effects.merge(id, 1, Integer::sum);
            }
        });
    }
}
