package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.TopicPartition;
import io.reactivemq.consume.DrainReport;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverRecord;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Mono;

/** The members of one group over its life, each with a cable that can be pulled, and what they saw. */
final class Members {

    enum Style {
        PROCESS,
        PROCESS_SLOWLY,
        ACKNOWLEDGE,
        ACKNOWLEDGE_OUT_OF_ORDER
    }

    final GroupHistory history = new GroupHistory();
    final Set<String> cutOffClients = new HashSet<>();
    private final GroupSupport test;
    private final String group;
    private final String[] topics;
    private final List<Member> running = new CopyOnWriteArrayList<>();
    Supplier<Style> style = () -> Style.PROCESS;
    private int joined;

    Members(GroupSupport test, String group, String... topics) {
        this.test = test;
        this.group = group;
        this.topics = topics;
    }

    Member join() {
        Member member = new Member("member-" + joined++, style.get());
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

    final class Member {
        private final String name;
        private final Style style;
        private final UnpluggedBroker cable = new UnpluggedBroker(test.broker());
        private final Receiver<String, String> receiver;
        private final Disposable.Composite subscriptions = Disposables.composite();
        private volatile Set<TopicPartition> assigned = Set.of();
        private volatile @Nullable Throwable error;

        Member(String name, Style style) {
            this.name = name;
            this.style = style;
            this.receiver = test.receiver(
                    cable, o -> o.group(group).topics(topics).clientId(name).commitInterval(Duration.ofMillis(300)));
        }

        void start() {
            test.disposeAtEnd(subscriptions);
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
                        : Mono.delay(takes, test.broker().runtime().timers());
                return work.doOnSuccess(done -> history.acknowledged(name, record.topicPartition(), record.offset()));
            });
        }

        private void deliver(ReceiverRecord<String, String> record) {
            history.delivered(name, record.topicPartition(), record.offset(), String.valueOf(record.value()));
        }

        private void acknowledge(ReceiverRecord<String, String> record) {
            // under one lock with the history, so that a second owner's acknowledgement can't be recorded in between
            synchronized (history) {
                if (record.acknowledge()) {
                    history.acknowledged(name, record.topicPartition(), record.offset());
                }
            }
        }

        private void later(ReceiverRecord<String, String> record, Runnable action) {
            test.broker().runtime().timers().schedule(action, (record.offset() * 7919) % 60, TimeUnit.MILLISECONDS);
        }

        private void failed(Throwable e) {
            error = e;
        }

        Set<TopicPartition> assigned() {
            return assigned;
        }

        void drain() {
            test.await(drained());
        }

        void drainInTheBackground() {
            drained().subscribe();
        }

        private Mono<DrainReport> drained() {
            return receiver.drain(Duration.ofSeconds(5)).doOnSubscribe(s -> running.remove(this));
        }

        void cancel() {
            running.remove(this);
            if (style != Style.ACKNOWLEDGE) {
                // a handler that ends while its subscription is cancelled counts as not acknowledged, and so does an
                // acknowledgement ahead of one that is missing
                history.mayBeRepeated(name);
            }
            subscriptions.dispose();
        }

        void cutOff() {
            cable.unplug();
            history.cutOff(name);
            cutOffClients.add(name);
            running.remove(this);
        }

        @Override
        public String toString() {
            return name + " " + style + " " + assigned + (error == null ? "" : " failed with " + error);
        }
    }
}
