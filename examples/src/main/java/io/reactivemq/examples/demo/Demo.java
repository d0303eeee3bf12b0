package io.reactivemq.examples.demo;

import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.consume.DrainReport;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.examples.demo.DemoResult.Reopened;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The story of the demo. Rows are sent to a topic of twelve partitions; three members of a group share the work,
 * while the group {@code audit} and a slow watcher read the same topic, each at its own pace. Half way one member is stopped in good
 * order and another joins; later one is cut off without a word. Then the broker is closed and opened again, and all is read anew.
 *
 * <p>Told on the main thread, which may block; everything it starts runs on the broker's own threads.
 */
final class Demo {

    private static final int PARTITIONS = 12;
    private static final Duration STOP_TIMEOUT = Duration.ofSeconds(10);

    /** Short, so that a member that was cut off is soon given up; Kafka's default is 45 s. */
    private static final Duration SESSION_TIMEOUT = Duration.ofSeconds(3);

    /** A member learns in its heartbeats what it shall own, so this is the pace of rebalances; Kafka's default is 5 s. */
    private static final Duration HEARTBEAT_INTERVAL = Duration.ofMillis(250);

    private static final Duration LOOK_EVERY = Duration.ofMillis(50);

    private static final String STOP = "stop";
    private static final String CUT = "cut";

    private final Rows rows;
    private final long count;
    private final Path directory;
    private final Pace pace;
    private final Tally tally;
    private final Progress progress;
    private final Deadline deadline;
    private final Caller caller = Caller.embedded("demo");

    Demo(Rows rows, long count, Path directory, Pace pace, Tally tally, Progress progress, Deadline deadline) {
        this.rows = rows;
        this.count = count;
        this.directory = directory;
        this.pace = pace;
        this.tally = tally;
        this.progress = progress;
        this.deadline = deadline;
    }

    /** Runs it all on the broker, which is closed on return; then opens another one on the same directory. */
    DemoResult run(EmbeddedBroker broker) {
        FirstLife first;
        WorkGroup group = new WorkGroup(broker, rows, tally, pace, deadline);
        Audit audit = new Audit(broker, rows);
        SlowWatcher watcher = new SlowWatcher(broker, rows);
        try {
            first = firstLife(broker, group, audit, watcher);
        } finally {
            progress.close();
            watcher.dispose();
            audit.dispose();
            group.dispose();
            close(broker);
        }
        Reopened reopened = secondLife();
        return new DemoResult(
                first.sent,
                tally.result(),
                first.groupTime,
                first.stoppedMember,
                first.stopped,
                first.cutOffMember,
                group.moves().movesIn(STOP),
                group.moves().movesIn(CUT),
                audit.totals(),
                audit.time(),
                watcher.seen(),
                watcher.dropped(),
                first.partitions,
                first.deadLetters,
                reopened);
    }

    /** What has to be kept of the broker's first life. */
    private record FirstLife(
            Sent sent,
            Duration groupTime,
            String stoppedMember,
            DrainReport stopped,
            String cutOffMember,
            List<PartitionState> partitions,
            List<DeadLetter> deadLetters) {}

    private FirstLife firstLife(Broker broker, WorkGroup group, Audit audit, SlowWatcher watcher) {
        deadline.await("the topic", broker.createTopic(caller, NewTopic.of(rows.topic(), PARTITIONS)));
        deadline.await(
                "the topic of dead letters",
                broker.createTopic(caller, NewTopic.of(DeadLetters.topicOf(rows), DeadLetters.PARTITIONS)));

        // the readers come first here; they could as well come later, for the records wait
        audit.start(error -> deadline.failed("the group audit", error));
        watcher.start(error -> deadline.failed("the watcher", error));
        for (int i = 0; i < 3; i++) {
            group.join();
        }
        settled(group);
        progress.say("group " + rows.group() + ": 3 members share " + PARTITIONS + " partitions");
        progress.say("group audit and a slow watcher read along, each at its own pace");

        Duration began = deadline.elapsed();
        Mono<Sent> sending = Sent.all(broker, rows).cache();
        sending.subscribe(this::saySent, error -> deadline.failed("sending", error));
        progress.begin(rows.group(), count);

        done(count / 2);
        Member stopped = group.working().get(1);
        group.moves().chapter(STOP);
        DrainReport report = deadline.awaitValue(stopped.name() + " to stop", group.stop(stopped, STOP_TIMEOUT));
        progress.say(stopped.name() + " stopped in good order: " + report.finished() + " rows under way finished, "
                + report.abandoned() + " abandoned");
        Member joined = group.join();
        settled(group);
        progress.say(joined.name() + " joined; " + group.moves().movesIn(STOP) + " partitions moved since the stop");

        done(count * 7 / 10);
        Member cutOff = group.busiest(deadline.awaitValue("the partitions' ends", ends(broker)));
        group.moves().chapter(CUT);
        group.cutOff(cutOff);
        progress.say(
                cutOff.name() + " cut off without a word; its session lasts " + SESSION_TIMEOUT.toSeconds() + " s");
        settled(group);
        progress.say(cutOff.name() + " given up: " + group.moves().movesIn(CUT) + " partitions moved");

        done(count);
        Duration groupTime = deadline.elapsed().minus(began);
        Sent sent = deadline.awaitValue("the last acknowledgement", sending);
        deadline.until("the group audit to read all rows", () -> audit.rows() >= count);
        deadline.until("the watcher to come to the end", () -> watcher.seen() + watcher.dropped() >= count);
        deadline.await("the group " + rows.group() + " to commit all rows", allCommitted(broker));
        progress.close();

        deadline.await("the members to stop", group.stopAll(STOP_TIMEOUT));
        deadline.await("the group audit to stop", audit.stop(STOP_TIMEOUT));
        deadline.await("the watcher to stop", watcher.stop(STOP_TIMEOUT));
        return new FirstLife(
                sent,
                groupTime,
                stopped.name(),
                report,
                cutOff.name(),
                deadline.awaitValue("the committed offsets", partitions(broker)),
                deadline.awaitValue("the dead letters", deadLetters(broker)));
    }

    private void saySent(Sent sent) {
        progress.say(String.format(
                Locale.ROOT,
                "%,d rows sent and forced to disk in %.2f s",
                sent.rows(),
                sent.time().toMillis() / 1000.0));
    }

    /** Waits until so many rows are done, and shows how far they are. */
    private void done(long rowsDone) {
        deadline.until("the group " + rows.group(), () -> {
            long done = tally.done();
            progress.at(done);
            return done >= rowsDone;
        });
    }

    private void settled(WorkGroup group) {
        deadline.until("the members to share the partitions", () -> {
            progress.at(tally.done());
            return group.isSettled(PARTITIONS);
        });
    }

    private Reopened secondLife() {
        EmbeddedBroker broker = deadline.awaitValue("the broker to open again", open(directory));
        try {
            progress.say("broker closed and opened again; everything is read anew");
            return new Reopened(
                    deadline.awaitValue("the replay", Replay.of(broker, rows, count)),
                    deadline.awaitValue("the committed offsets", partitions(broker)),
                    deadline.awaitValue("the dead letters", deadLetters(broker)));
        } finally {
            close(broker);
        }
    }

    /** A broker on that directory; the error is an {@link MqException}. */
    static Mono<EmbeddedBroker> open(Path directory) {
        return EmbeddedBroker.open(
                directory, o -> o.groupSessionTimeout(SESSION_TIMEOUT).groupHeartbeatInterval(HEARTBEAT_INTERVAL));
    }

    /** Bounded by itself, and so not by the deadline, which may have passed. */
    private static void close(Broker broker) {
        broker.closeGracefully(STOP_TIMEOUT).block();
    }

    private List<TopicPartition> topicPartitions() {
        return IntStream.range(0, PARTITIONS)
                .mapToObj(index -> new TopicPartition(rows.topic(), index))
                .toList();
    }

    private Mono<Map<TopicPartition, Long>> ends(Broker broker) {
        return Flux.fromIterable(topicPartitions())
                .flatMap(p -> broker.listOffset(caller, p, OffsetSpec.latest()).map(end -> Map.entry(p, end)))
                .collectMap(Map.Entry::getKey, Map.Entry::getValue);
    }

    private Mono<List<PartitionState>> partitions(Broker broker) {
        return Mono.zip(ends(broker), committed(broker, rows.group()), committed(broker, Audit.GROUP))
                .map(all -> topicPartitions().stream()
                        .map(p -> new PartitionState(
                                p.partition(),
                                all.getT1().getOrDefault(p, 0L),
                                offset(all.getT2().get(p)),
                                offset(all.getT3().get(p))))
                        .toList());
    }

    /** Completes when the lag of the group at work is 0: a partition that moved last is read again from its last commit. */
    private Mono<Void> allCommitted(Broker broker) {
        return partitions(broker)
                .filter(states -> states.stream().allMatch(state -> state.groupLag() == 0))
                .repeatWhenEmpty(looks ->
                        looks.delayElements(LOOK_EVERY, broker.runtime().timers()))
                .then();
    }

    private Mono<Map<TopicPartition, CommittedOffset>> committed(Broker broker, String group) {
        return broker.fetchOffsets(caller, group, topicPartitions());
    }

    private static long offset(@Nullable CommittedOffset committed) {
        return committed == null ? 0 : committed.offset();
    }

    private Mono<List<DeadLetter>> deadLetters(Broker broker) {
        return broker.listOffset(caller, new TopicPartition(DeadLetters.topicOf(rows), 0), OffsetSpec.latest())
                .flatMap(end -> DeadLetters.list(broker, rows, end));
    }
}
