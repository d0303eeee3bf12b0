package io.reactivemq.test.history;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.test.history.Operation.Drained;
import io.reactivemq.test.history.Operation.End;
import io.reactivemq.test.history.Operation.Fenced;
import io.reactivemq.test.history.Operation.Poll;
import io.reactivemq.test.history.Operation.Send;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** A history, put together by value, transaction and offset. Moments are places in the history. */
final class Facts {

    /** Behind every moment: it has not happened. */
    static final int NEVER = Integer.MAX_VALUE;

    /** A place in a log. */
    record Place(TopicPartition partition, long offset) {
        @Override
        public String toString() {
            return partition + "@" + offset;
        }
    }

    /** A send and what became of it. */
    static final class Sent {
        final Send send;
        final String client;
        final int invokedAt;
        Phase phase = Phase.INVOKED;

        @Nullable Place place;

        Sent(Send send, String client, int invokedAt) {
            this.send = send;
            this.client = client;
            this.invokedAt = invokedAt;
        }

        boolean isAcknowledged() {
            return phase == Phase.OK;
        }
    }

    /** A transaction and what became of it. */
    static final class Ended {
        final List<Sent> sends = new ArrayList<>();
        final String client;
        int commitInvokedAt = NEVER;
        boolean committed;
        boolean aborted;

        Ended(String client) {
            this.client = client;
        }
    }

    /** A record that somebody read. */
    record Read(int at, String client, Poll poll) {
        Place place() {
            return new Place(poll.partition(), poll.offset());
        }

        boolean isCommitted() {
            return poll.isolation() == IsolationLevel.READ_COMMITTED;
        }
    }

    /** Somebody has read all of a partition. */
    record Drain(String client, IsolationLevel isolation, TopicPartition partition) {}

    final List<HistoryEvent> events;
    final Map<String, Sent> sends = new LinkedHashMap<>();
    final Map<String, Ended> transactions = new LinkedHashMap<>();
    final List<Read> reads = new ArrayList<>();
    final Map<String, List<Read>> readsByValue = new HashMap<>();
    final Set<String> readCommitted = new HashSet<>();
    final List<Drain> drains = new ArrayList<>();
    final Map<String, Integer> fencedAt = new HashMap<>();
    final Map<String, String> fencedBy = new HashMap<>();

    /** What is known to be in each partition, by offset, from reads and acknowledgements. */
    private final Map<TopicPartition, NavigableMap<Long, String>> logs = new TreeMap<>();

    Facts(List<HistoryEvent> events) {
        this.events = List.copyOf(events);
        for (int at = 0; at < this.events.size(); at++) {
            HistoryEvent event = this.events.get(at);
            if (event.operation() instanceof Send send) {
                sent(at, event, send);
            } else if (event.operation() instanceof End end) {
                ended(at, event, end);
            } else if (event.operation() instanceof Poll poll) {
                read(new Read(at, event.client(), poll));
            } else if (event.operation() instanceof Fenced fenced) {
                fencedAt.putIfAbsent(event.client(), at);
                fencedBy.putIfAbsent(event.client(), fenced.by());
            } else if (event.operation() instanceof Drained drained) {
                drains.add(new Drain(event.client(), drained.isolation(), drained.partition()));
            }
        }
    }

    private void sent(int at, HistoryEvent event, Send send) {
        if (event.phase() == Phase.INVOKED) {
            Sent sent = new Sent(send, event.client(), at);
            if (sends.put(send.value(), sent) != null) {
                throw new IllegalArgumentException("value '" + send.value()
                        + "' is sent twice, the second time at event " + at + ": each send needs a value of its own");
            }
            if (send.transaction() != null) {
                transaction(send.transaction(), event.client()).sends.add(sent);
            }
            return;
        }
        Sent sent = sends.get(send.value());
        if (sent == null) {
            throw new IllegalArgumentException(
                    "the send of '" + send.value() + "' ends at event " + at + " but was never begun");
        }
        sent.phase = event.phase();
        if (event.phase() == Phase.OK && send.partition() >= 0 && send.offset() >= 0) {
            Place place = new Place(new TopicPartition(send.topic(), send.partition()), send.offset());
            sent.place = place;
            log(place.partition).putIfAbsent(place.offset, send.value());
        }
    }

    private void ended(int at, HistoryEvent event, End end) {
        Ended ended = transaction(end.transaction(), event.client());
        if (event.phase() == Phase.INVOKED) {
            ended.commitInvokedAt = end.committed() ? at : ended.commitInvokedAt;
        } else if (event.phase() == Phase.OK) {
            ended.committed = end.committed();
            ended.aborted = !end.committed();
        }
    }

    private void read(Read read) {
        reads.add(read);
        readsByValue
                .computeIfAbsent(read.poll.value(), value -> new ArrayList<>())
                .add(read);
        log(read.poll.partition()).putIfAbsent(read.poll.offset(), read.poll.value());
        if (read.isCommitted()) {
            readCommitted.add(read.poll.value());
        }
    }

    private Ended transaction(String name, String client) {
        return transactions.computeIfAbsent(name, transaction -> new Ended(client));
    }

    private NavigableMap<Long, String> log(TopicPartition partition) {
        return logs.computeIfAbsent(partition, p -> new TreeMap<>());
    }

    /** What is known to be in a partition from an offset on, below another one. */
    Map<Long, String> known(TopicPartition partition, long from, long below) {
        return below <= from ? Map.of() : log(partition).subMap(from, below);
    }

    /** Whether a reader of that isolation must get to see the value, once it is past it. */
    boolean isVisible(String value, IsolationLevel isolation) {
        Sent sent = sends.get(value);
        if (isolation == IsolationLevel.READ_UNCOMMITTED || sent == null) {
            return true;
        }
        String transaction = sent.send.transaction();
        if (transaction == null || readCommitted.contains(value)) {
            return true;
        }
        Ended ended = transactions.get(transaction);
        return ended != null && ended.committed;
    }

    /** The highest offset that anybody read of it; -1: none. */
    long highestRead(TopicPartition partition) {
        long highest = -1;
        for (Read read : reads) {
            if (read.poll.partition().equals(partition)) {
                highest = Math.max(highest, read.poll.offset());
            }
        }
        return highest;
    }
}
