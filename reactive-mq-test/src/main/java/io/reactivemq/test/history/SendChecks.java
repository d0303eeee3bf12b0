package io.reactivemq.test.history;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.test.history.Anomaly.Kind;
import io.reactivemq.test.history.Facts.Drain;
import io.reactivemq.test.history.Facts.Place;
import io.reactivemq.test.history.Facts.Read;
import io.reactivemq.test.history.Facts.Sent;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Each record is where its producer was told that it is: once, in order, and for everybody the same. */
final class SendChecks {

    private final Facts facts;
    private final List<Anomaly> found;

    SendChecks(Facts facts, List<Anomaly> found) {
        this.facts = facts;
        this.found = found;
    }

    void run() {
        checkOffsets();
        facts.sends.values().forEach(this::checkPlaces);
        checkOrder();
        checkLost();
        facts.drains.forEach(this::checkDrain);
    }

    private void checkOffsets() {
        Map<Place, String> values = new HashMap<>();
        for (Sent sent : facts.sends.values()) {
            if (sent.place != null) {
                checkSame(values, sent.place, sent.send.value(), sent.client, "was acknowledged there");
            }
        }
        Set<String> phantoms = new HashSet<>();
        for (Read read : facts.reads) {
            String value = read.poll().value();
            checkSame(values, read.place(), value, read.client(), "was read there");
            Sent sent = facts.sends.get(value);
            if ((sent == null || sent.phase == Phase.FAILED) && phantoms.add(value)) {
                found.add(new Anomaly(
                        Kind.PHANTOM,
                        read.client(),
                        read.place().toString(),
                        "only what was sent",
                        "'" + value + "' was read, "
                                + (sent == null ? "which nobody sent" : "whose send " + sent.client + " was refused")));
            }
        }
    }

    private void checkSame(Map<Place, String> values, Place place, String value, String client, String what) {
        String before = values.putIfAbsent(place, value);
        if (before != null && !before.equals(value)) {
            found.add(new Anomaly(
                    Kind.INCONSISTENT_OFFSET,
                    client,
                    place.toString(),
                    "'" + before + "', as before",
                    "'" + value + "' " + what));
        }
    }

    private void checkPlaces(Sent sent) {
        if (sent.send.guarantee() == Guarantee.AT_LEAST_ONCE) {
            return;
        }
        Set<Place> places = new LinkedHashSet<>();
        if (sent.place != null) {
            places.add(sent.place);
        }
        String reader = sent.client;
        for (Read read : facts.readsByValue.getOrDefault(sent.send.value(), List.of())) {
            if (places.add(read.place())) {
                reader = read.client();
            }
        }
        if (places.size() > 1) {
            found.add(new Anomaly(
                    Kind.DUPLICATE,
                    reader,
                    places.iterator().next().toString(),
                    "'" + sent.send.value() + "' of " + sent.client + " in one place",
                    "it is in " + places));
        }
    }

    private void checkOrder() {
        Map<String, Map<TopicPartition, Sent>> last = new HashMap<>();
        for (Sent sent : facts.sends.values()) {
            Place place = sent.place;
            if (place == null) {
                continue;
            }
            Sent before =
                    last.computeIfAbsent(sent.client, client -> new HashMap<>()).put(place.partition(), sent);
            if (before != null && before.place != null && before.place.offset() >= place.offset()) {
                found.add(new Anomaly(
                        Kind.NON_MONOTONIC_SEND,
                        sent.client,
                        place.toString(),
                        "'" + sent.send.value() + "' behind '" + before.send.value() + "', which was sent before it",
                        "that is at " + before.place.offset()));
            }
        }
    }

    private void checkLost() {
        Map<TopicPartition, Long> highest = new HashMap<>();
        for (Sent sent : facts.sends.values()) {
            Place place = sent.place;
            if (!sent.isAcknowledged() || place == null || !isExpected(sent, IsolationLevel.READ_COMMITTED)) {
                continue;
            }
            long highestRead = highest.computeIfAbsent(place.partition(), facts::highestRead);
            if (place.offset() < highestRead && !facts.readsByValue.containsKey(sent.send.value())) {
                found.add(new Anomaly(
                        Kind.LOST_WRITE,
                        sent.client,
                        place.toString(),
                        "'" + sent.send.value() + "', which was acknowledged",
                        "nobody read it, though offset " + highestRead + " was read"));
            }
        }
    }

    private void checkDrain(Drain drain) {
        Set<String> seen = new HashSet<>();
        for (Read read : facts.reads) {
            if (read.client().equals(drain.client()) && read.poll().partition().equals(drain.partition())) {
                seen.add(read.poll().value());
            }
        }
        for (Sent sent : facts.sends.values()) {
            Place place = sent.place;
            if (sent.isAcknowledged()
                    && place != null
                    && place.partition().equals(drain.partition())
                    && isExpected(sent, drain.isolation())
                    && !seen.contains(sent.send.value())) {
                found.add(new Anomaly(
                        Kind.UNSEEN,
                        drain.client(),
                        place.toString(),
                        "'" + sent.send.value() + "' of " + sent.client + ", which was acknowledged",
                        "it is not among the " + seen.size() + " values read to the end of " + drain.partition()));
            }
        }
    }

    /** Whether the acknowledged send is to be seen by readers of that isolation, as far as its producer knows. */
    private boolean isExpected(Sent sent, IsolationLevel isolation) {
        String transaction = sent.send.transaction();
        if (transaction == null || isolation == IsolationLevel.READ_UNCOMMITTED) {
            return true;
        }
        Facts.Ended ended = facts.transactions.get(transaction);
        return ended != null && ended.committed;
    }
}
