package io.reactivemq.test.history;

import io.reactivemq.broker.IsolationLevel;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * What clients did, in the order in which they wrote it down. An operation is written down before it is begun and after it has ended; what is
 * in between may have happened at any moment of that.
 *
 * <pre>{@code
 * History history = new History(System::currentTimeMillis);
 * ProducerHistory writer = history.producer("writer", Guarantee.IDEMPOTENT);
 * writer.sending("orders", "v1");
 * writer.sent("v1", new TopicPartition("orders", 0), 17);
 * ConsumerHistory reader = history.consumer("reader", "billing", IsolationLevel.READ_COMMITTED);
 * reader.assigned(new TopicPartition("orders", 0));
 * reader.polled(new TopicPartition("orders", 0), 17, "v1");
 * assertThat(history.check()).isEmpty();
 * }</pre>
 *
 * <p>Safe for many threads.
 */
public final class History {

    private final LongSupplier clockMs;
    private final List<HistoryEvent> events = new ArrayList<>();

    /** @param clockMs the time that is written beside each event, in milliseconds */
    public History(LongSupplier clockMs) {
        this.clockMs = Objects.requireNonNull(clockMs, "clockMs");
    }

    /** A producer that writes down what it does, under a name of its own. What it sends is in the order of its sends. */
    public ProducerHistory producer(String client, Guarantee guarantee) {
        return new ProducerHistory(this, client, guarantee);
    }

    /**
     * A consumer that writes down what it does, under a name of its own.
     *
     * @param group the group it is a member of; null: it reads on its own
     * @param isolation which records it asks for
     */
    public ConsumerHistory consumer(String client, @Nullable String group, IsolationLevel isolation) {
        return new ConsumerHistory(this, client, group, isolation);
    }

    /** Writes down something that happened around the clients, for whoever reads the history. */
    public void note(String who, String what) {
        add(who, Phase.OK, new Operation.Note(what));
    }

    synchronized void add(String client, Phase phase, Operation operation) {
        events.add(new HistoryEvent(clockMs.getAsLong(), client, phase, operation));
    }

    /** What was written down so far; a copy. */
    public synchronized List<HistoryEvent> events() {
        return List.copyOf(events);
    }

    /** What is wrong with it; see {@link HistoryChecker#check}. */
    public List<Anomaly> check() {
        return HistoryChecker.check(events());
    }

    /** The events, a line each. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        events().forEach(event -> text.append(event).append('\n'));
        return text.toString();
    }
}
