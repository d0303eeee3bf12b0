package io.reactivemq.test.simulation;

import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.consume.RebalanceListener;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.test.history.ConsumerHistory;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;
import reactor.core.Disposables;

/** A member of a group: acknowledges what it gets after a while, in any order. */
final class Member {

    private final World world;
    final String name;
    private final Link link;
    private final ConsumerHistory history;
    private final Receiver<String, String> receiver;
    private final Set<TopicPartition> assigned = new TreeSet<>();
    private final int workMsMax;
    private Disposable receiving = Disposables.disposed();
    private boolean stopped;

    /**
     * How it goes about it.
     *
     * @param workMsMax how long it works at a record, at most
     * @param instanceId its name as a static member; null for a dynamic one
     * @param byPattern whether it subscribes by a pattern
     */
    record Manner(int workMsMax, @Nullable String instanceId, boolean byPattern) {
        static final Manner AT_ONCE = new Manner(0, null, false);
    }

    Member(World world, String name, String group, IsolationLevel isolation, Manner manner) {
        this.world = world;
        this.name = name;
        this.workMsMax = manner.workMsMax();
        this.history = world.history.consumer(name, group, isolation);
        this.link = world.link(history, producer -> {});
        this.receiver = Receiver.on(link, ReceiverOptions.of(Serdes.string(), Serdes.string(), o -> {
            o.group(group)
                    .clientId(name)
                    .isolation(isolation)
                    .commitInterval(Duration.ofMillis(150))
                    .requestTimeout(Duration.ofSeconds(3))
                    .rebalanceListener(new Listener());
            if (manner.byPattern()) {
                o.topicPattern(Pattern.compile(String.join("|", world.topics())));
            } else {
                o.topics(world.topics());
            }
            if (manner.instanceId() != null) {
                o.instanceId(manner.instanceId());
            }
        }));
    }

    static RebalanceListener listener(ConsumerHistory history) {
        return new RebalanceListener() {
            @Override
            public void assigned(Collection<TopicPartition> partitions) {
                partitions.stream().sorted().forEach(history::assigned);
            }
        };
    }

    private final class Listener implements RebalanceListener {
        @Override
        public void assigned(Collection<TopicPartition> partitions) {
            assigned.addAll(partitions);
            partitions.stream().filter(BriefTopic::isLasting).sorted().forEach(history::assigned);
        }

        @Override
        public void revoked(Collection<TopicPartition> partitions) {
            assigned.removeAll(partitions);
        }

        @Override
        public void lost(Collection<TopicPartition> partitions) {
            assigned.removeAll(partitions);
        }
    }

    void start() {
        receiving = receiver.receive().subscribe(this::received, failure -> {
            world.note(name, "ends: " + failure);
            stopped = true;
        });
    }

    boolean isRunning() {
        return !stopped && !link.isCut();
    }

    private void received(ReceiverRecord<String, String> record) {
        BriefTopic brief = world.brief();
        if (brief != null && !BriefTopic.isLasting(record.topicPartition())) {
            brief.polled(String.valueOf(record.value()));
            Disposable unused =
                    world.runtime.timers().schedule(record::acknowledge, brief.workMs(), TimeUnit.MILLISECONDS);
            return;
        }
        history.polled(record.topicPartition(), record.offset(), String.valueOf(record.value()));
        Runnable done = () -> acknowledge(record);
        if (workMsMax == 0) {
            done.run();
        } else {
            Disposable unused =
                    world.runtime.timers().schedule(done, world.random.nextInt(workMsMax), TimeUnit.MILLISECONDS);
        }
    }

    private void acknowledge(ReceiverRecord<String, String> record) {
        history.acknowledging(record.topicPartition(), record.offset());
        if (record.acknowledge()) {
            history.acknowledged(record.topicPartition(), record.offset());
        } else {
            history.acknowledgedTooLate(record.topicPartition(), record.offset());
        }
    }

    /** Goes back to an offset of a partition that it has. */
    void rewind() {
        if (!isRunning()) {
            return;
        }
        List<TopicPartition> lasting =
                assigned.stream().filter(BriefTopic::isLasting).toList();
        if (lasting.isEmpty()) {
            return;
        }
        TopicPartition partition = lasting.get(world.random.nextInt(lasting.size()));
        history.sought(partition);
        receiver.seek(partition, 0).subscribe(done -> {}, failure -> {});
    }

    void leave() {
        stopped = true;
        world.note(name, "leaves");
        receiving.dispose();
    }

    void drain() {
        stopped = true;
        world.note(name, "drains");
        receiver.drain(Duration.ofSeconds(2)).subscribe(report -> {}, failure -> {});
    }

    void crash() {
        if (link.isCut()) {
            return;
        }
        cutOff();
        world.note(name, "crashes");
        receiving.dispose();
    }

    /** It goes on for itself, and nobody hears of it. */
    void cutOff() {
        stopped = true;
        history.cutOff();
        link.cut();
    }

    /** It hears nothing for longer than its session, and then goes on. */
    void silence(Duration time) {
        history.cutOff();
        link.silence(time);
    }

    void stop() {
        receiving.dispose();
    }
}
