package io.reactivemq.test.history;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.test.history.Anomaly.Kind;
import io.reactivemq.test.history.Facts.Drain;
import io.reactivemq.test.history.Facts.Ended;
import io.reactivemq.test.history.Facts.Place;
import io.reactivemq.test.history.Facts.Read;
import io.reactivemq.test.history.Facts.Sent;
import io.reactivemq.test.history.Operation.End;
import io.reactivemq.test.history.Operation.Lookup;
import io.reactivemq.test.history.Operation.Origin;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Transactions: whole or not at all, never seen too early, and nothing of a producer that is fenced. */
final class TransactionChecks {

    private final Facts facts;
    private final List<Anomaly> found;

    TransactionChecks(Facts facts, List<Anomaly> found) {
        this.facts = facts;
        this.found = found;
    }

    void run() {
        checkReads();
        checkWhole();
        checkFenced();
        checkProcessed();
    }

    private void checkReads() {
        Set<String> told = new HashSet<>();
        for (Read read : facts.reads) {
            Sent sent = facts.sends.get(read.poll().value());
            String transaction = sent == null ? null : sent.send.transaction();
            Ended ended = transaction == null ? null : facts.transactions.get(transaction);
            if (ended == null || !read.isCommitted()) {
                continue;
            }
            String why = ended.aborted
                    ? "which was aborted"
                    : read.at() < ended.commitInvokedAt
                            ? "whose commit " + ended.client + " had not asked for yet"
                            : null;
            if (why != null && told.add(transaction)) {
                found.add(new Anomaly(
                        Kind.ABORTED_READ,
                        read.client(),
                        read.place().toString(),
                        "only records of transactions that are committed",
                        "'" + read.poll().value() + "' of " + transaction + " was read, " + why));
            }
        }
    }

    /** By readers of committed records that have read the partitions to their ends. */
    private void checkWhole() {
        Set<TopicPartition> drained = new HashSet<>();
        for (Drain drain : facts.drains) {
            if (drain.isolation() == IsolationLevel.READ_COMMITTED) {
                drained.add(drain.partition());
            }
        }
        facts.transactions.forEach((name, ended) -> {
            Set<String> there = new TreeSet<>();
            Set<String> missing = new TreeSet<>();
            for (Sent sent : ended.sends) {
                if (facts.readCommitted.contains(sent.send.value())) {
                    there.add(sent.send.value());
                } else if (isDrained(sent, drained)) {
                    missing.add(sent.send.value());
                }
            }
            if (!there.isEmpty() && !missing.isEmpty()) {
                found.add(new Anomaly(
                        Kind.TORN_TRANSACTION,
                        ended.client,
                        name,
                        "all " + ended.sends.size() + " records, or none",
                        there + " are there, and " + missing + " are not"));
            }
        });
    }

    private static boolean isDrained(Sent sent, Set<TopicPartition> drained) {
        Place place = sent.place;
        return place == null
                ? drained.stream().anyMatch(partition -> partition.topic().equals(sent.send.topic()))
                : drained.contains(place.partition());
    }

    private void checkFenced() {
        for (Sent sent : facts.sends.values()) {
            int fencedAt = facts.fencedAt.getOrDefault(sent.client, Facts.NEVER);
            boolean isThere = sent.isAcknowledged() || facts.readsByValue.containsKey(sent.send.value());
            if (sent.invokedAt > fencedAt && isThere) {
                fenced(
                        sent.client,
                        sent.place == null ? sent.send.topic() : sent.place.toString(),
                        "'" + sent.send.value() + "' " + (sent.isAcknowledged() ? "was acknowledged" : "was read"));
            }
        }
        for (int at = 0; at < facts.events.size(); at++) {
            HistoryEvent event = facts.events.get(at);
            if (event.operation() instanceof End end && end.committed() && event.phase() == Phase.OK) {
                Ended ended = facts.transactions.get(end.transaction());
                if (ended != null
                        && ended.commitInvokedAt != Facts.NEVER
                        && ended.commitInvokedAt > facts.fencedAt.getOrDefault(event.client(), Facts.NEVER)) {
                    fenced(event.client(), end.transaction(), "it was committed");
                }
            }
        }
    }

    private void fenced(String client, String where, String actual) {
        found.add(new Anomaly(
                Kind.FENCED_WRITE,
                client,
                where,
                "nothing that was begun after " + facts.fencedBy.get(client) + " had taken its place",
                actual));
    }

    /** What was made from a record is committed with that record's offset, once. */
    private void checkProcessed() {
        Map<Origin, Set<String>> made = new HashMap<>();
        Map<Origin, Set<String>> attempted = new HashMap<>();
        for (Sent sent : facts.sends.values()) {
            Origin origin = sent.send.origin();
            String transaction = sent.send.transaction();
            if (origin == null || transaction == null) {
                continue;
            }
            attempted.computeIfAbsent(origin, o -> new LinkedHashSet<>()).add(transaction);
            if (facts.readCommitted.contains(sent.send.value())) {
                made.computeIfAbsent(origin, o -> new LinkedHashSet<>()).add(transaction);
            }
        }
        Map<String, Map<TopicPartition, Long>> committed = lastLookups();
        attempted.forEach((origin, transactions) -> {
            Set<String> effective = made.getOrDefault(origin, Set.of());
            if (effective.size() > 1) {
                found.add(new Anomaly(
                        Kind.DUPLICATE,
                        origin.group(),
                        origin.toString(),
                        "one transaction that processes it",
                        effective + " are committed"));
            }
            checkOffset(origin, transactions, effective, committed.getOrDefault(origin.group(), Map.of()));
        });
    }

    private void checkOffset(
            Origin origin, Set<String> attempted, Set<String> effective, Map<TopicPartition, Long> committed) {
        Long offset = committed.get(origin.partition());
        if (offset == null) {
            return;
        }
        if (offset > origin.offset() && effective.isEmpty()) {
            found.add(new Anomaly(
                    Kind.TORN_TRANSACTION,
                    origin.group(),
                    origin.toString(),
                    "what " + attempted + " made of it, since offset " + offset + " is committed",
                    "nothing of it is there"));
        } else if (offset <= origin.offset() && !effective.isEmpty()) {
            found.add(new Anomaly(
                    Kind.TORN_TRANSACTION,
                    origin.group(),
                    origin.toString(),
                    "an offset beyond it, since " + effective + " is there",
                    "offset " + offset + " is committed"));
        }
    }

    /** What a group had committed when it was looked up last, behind a drain. */
    private Map<String, Map<TopicPartition, Long>> lastLookups() {
        Map<String, Map<TopicPartition, Long>> last = new HashMap<>();
        boolean drained = false;
        for (HistoryEvent event : facts.events) {
            if (event.operation() instanceof Operation.Drained drain
                    && drain.isolation() == IsolationLevel.READ_COMMITTED) {
                drained = true;
            } else if (drained && event.operation() instanceof Lookup lookup && event.phase() == Phase.OK) {
                last.computeIfAbsent(lookup.group(), group -> new HashMap<>())
                        .put(lookup.partition(), Math.max(0, lookup.offset()));
            }
        }
        return last;
    }
}
