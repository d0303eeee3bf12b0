package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.TopicDescription;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;

/**
 * All partitions of the topics, for this subscription alone; nothing is committed. A topic that is missing is waited for;
 * one that a pattern has found, and that is gone, is forgotten. One that was made anew is read anew, from its begin,
 * once its next description tells, {@code metadataMaxAge} later at most: some of its records may come twice then, and none is passed over.
 */
final class OwnCursor implements PartitionSource {

    private static final Logger LOG = LoggerFactory.getLogger(OwnCursor.class);

    private final EventLoop events;
    private final Broker broker;
    private final Caller caller;
    private final ReceiverOptions<?, ?> options;
    private final Assignee assignee;
    private final Map<String, Topic> read = new HashMap<>();
    private Set<String> wanted = Set.of();

    OwnCursor(EventLoop events, Broker broker, Caller caller, ReceiverOptions<?, ?> options, Assignee assignee) {
        this.events = events;
        this.broker = broker;
        this.caller = caller;
        this.options = options;
        this.assignee = assignee;
    }

    @Override
    public void start() {
        Pattern pattern = options.topicPattern();
        if (pattern == null) {
            read(options.topics());
        } else {
            new PatternTopics(events, broker, caller, pattern, options, this::read, assignee::fail).look();
        }
    }

    /** These are all, from now on: others are given up. */
    private void read(Set<String> topics) {
        wanted = topics;
        List.copyOf(read.values()).stream()
                .filter(topic -> !topics.contains(topic.name))
                .forEach(this::drop);
        topics.stream().sorted().forEach(this::begin);
    }

    private void begin(String name) {
        if (!read.containsKey(name)) {
            Topic topic = new Topic(name);
            read.put(name, topic);
            describe(topic, 0);
        }
    }

    private void describe(Topic topic, int failures) {
        if (topic.isDropped) {
            return;
        }
        Disposable unused = events.call(
                () -> broker.describeTopic(caller, topic.name),
                options.requestTimeout(),
                found -> described(topic, found),
                error -> failed(topic, failures + 1, error));
    }

    private void described(Topic topic, TopicDescription found) {
        if (topic.isDropped) {
            return;
        }
        boolean isAnother = topic.id != null && !found.topicId().equals(topic.id);
        topic.isMadeAnew |= isAnother;
        topic.id = found.topicId();
        topic.partitionsWanted = found.partitions();
        int kept = isAnother ? 0 : found.partitions();
        if (kept < topic.partitions) {
            LOG.info("topic {} was made anew, and is read anew", topic.name);
            giveUp(topic, kept);
        }
        assignMissing(topic);
        // some may be added
        Disposable unused = events.after(options.metadataMaxAge(), () -> describe(topic, 0));
    }

    private void assignMissing(Topic topic) {
        if (topic.leaving.isEmpty() && topic.partitions < topic.partitionsWanted) {
            List<TopicPartition> added = topic.from(topic.partitions, topic.partitionsWanted);
            topic.partitions = topic.partitionsWanted;
            if (topic.isMadeAnew) {
                assignee.assignAnew(added);
            } else {
                assignee.assign(added);
            }
        }
    }

    private void failed(Topic topic, int failures, Throwable error) {
        if (topic.isDropped) {
            return;
        }
        if (!Requests.isRetriable(error)) {
            assignee.fail(error);
            return;
        }
        Duration wait = Backoff.OF_REQUESTS.after(failures);
        Requests.logRetry(LOG, "description of topic " + topic.name, failures, wait, error);
        Disposable unused = events.after(wait, () -> describe(topic, failures));
    }

    private void drop(Topic topic) {
        topic.isDropped = true;
        giveUp(topic, 0);
        forgetIfGone(topic);
    }

    /** Only that many partitions go on. */
    private void giveUp(Topic topic, int partitions) {
        List<TopicPartition> gone = topic.from(partitions, topic.partitions);
        topic.partitions = partitions;
        topic.leaving.addAll(gone);
        assignee.revoke(gone);
    }

    private void forgetIfGone(Topic topic) {
        if (topic.isDropped
                && topic.leaving.isEmpty()
                && read.remove(topic.name, topic)
                && wanted.contains(topic.name)) {
            begin(topic.name); // it has come back meanwhile
        }
    }

    @Override
    public void released(TopicPartition partition) {
        Topic topic = read.get(partition.topic());
        if (topic == null || !topic.leaving.remove(partition)) {
            throw new IllegalStateException(partition + " was not given up");
        }
        if (topic.isDropped) {
            forgetIfGone(topic);
        } else {
            assignMissing(topic);
        }
    }

    @Override
    public void commit(Runnable then) {
        then.run();
    }

    @Override
    public void close(Runnable then) {
        then.run();
    }

    /** A topic that is read. */
    private static final class Topic {
        final String name;

        /** Which one of that name; null: not known yet. */
        @Nullable UUID id;

        /** Others of its name were read before. */
        boolean isMadeAnew;

        /** How many of its partitions are read. */
        int partitions;

        /** How many it has. */
        int partitionsWanted;

        /** Given up, and in the loop's hands yet. */
        final Set<TopicPartition> leaving = new HashSet<>();

        /** All are given up, and it is not asked for any more. */
        boolean isDropped;

        Topic(String name) {
            this.name = name;
        }

        List<TopicPartition> from(int first, int end) {
            return IntStream.range(first, end)
                    .mapToObj(index -> new TopicPartition(name, index))
                    .toList();
        }
    }
}
