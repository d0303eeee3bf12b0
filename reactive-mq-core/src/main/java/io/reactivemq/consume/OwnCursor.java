package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.TopicDescription;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;

/** All partitions of the topics, for this subscription alone; nothing is committed. A topic that is missing is waited for. */
final class OwnCursor implements PartitionSource {

    private static final Logger LOG = LoggerFactory.getLogger(OwnCursor.class);

    private final EventLoop events;
    private final Broker broker;
    private final Caller caller;
    private final ReceiverOptions<?, ?> options;
    private final Assignee assignee;
    /** By topic, how many of its partitions are read. */
    private final Map<String, Integer> read = new HashMap<>();

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

    private void read(Set<String> topics) {
        topics.stream()
                .sorted()
                .filter(topic -> read.putIfAbsent(topic, 0) == null)
                .forEach(topic -> describe(topic, 0));
    }

    private void describe(String topic, int failures) {
        Disposable unused = events.call(
                () -> broker.describeTopic(caller, topic),
                options.requestTimeout(),
                this::assign,
                error -> failed(topic, failures + 1, error));
    }

    private void assign(TopicDescription topic) {
        int before = read.getOrDefault(topic.name(), 0);
        if (topic.partitions() > before) {
            read.put(topic.name(), topic.partitions());
            assignee.assign(IntStream.range(before, topic.partitions())
                    .mapToObj(index -> new TopicPartition(topic.name(), index))
                    .toList());
        }
        // some may be added
        Disposable unused = events.after(options.metadataMaxAge(), () -> describe(topic.name(), 0));
    }

    private void failed(String topic, int failures, Throwable error) {
        if (!Requests.isRetriable(error)) {
            assignee.fail(error);
            return;
        }
        Duration wait = Backoff.OF_REQUESTS.after(failures);
        Requests.logRetry(LOG, "description of topic " + topic, failures, wait, error);
        Disposable unused = events.after(wait, () -> describe(topic, failures));
    }

    @Override
    public void commit(Runnable then) {
        then.run();
    }

    @Override
    public void released(TopicPartition partition) {
        throw new IllegalStateException("nobody revokes " + partition + " from a cursor of one's own");
    }

    @Override
    public void close(Runnable then) {
        then.run();
    }
}
