package io.reactivemq.test.history;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.test.history.Anomaly.Kind;
import io.reactivemq.test.history.Operation.Acknowledge;
import io.reactivemq.test.history.Operation.Assigned;
import io.reactivemq.test.history.Operation.Commit;
import io.reactivemq.test.history.Operation.CutOff;
import io.reactivemq.test.history.Operation.Lookup;
import io.reactivemq.test.history.Operation.Poll;
import io.reactivemq.test.history.Operation.Sought;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** A group's partitions have one owner each, and its offsets go forward, never beyond what is done. */
final class GroupChecks {

    private record Key(String group, TopicPartition partition) {}

    private record CommitKey(String client, int generation, Key key) {}

    private record LookupKey(String client, Key key) {}

    private final Facts facts;
    private final List<Anomaly> found;

    private final Map<Key, String> owners = new HashMap<>();
    private final Set<String> cutOff = new HashSet<>();
    private final Set<String> told = new HashSet<>();
    private final Map<Key, Acknowledged> acknowledged = new HashMap<>();
    // offsets that anybody has read
    private final Map<Key, TreeSet<Long>> read = new HashMap<>();
    private final Map<Key, IsolationLevel> isolations = new HashMap<>();
    // the last commit that was taken: of a member in a generation, and of anybody
    private final Map<CommitKey, Long> committedInGeneration = new HashMap<>();
    private final Map<Key, Long> committed = new HashMap<>();
    private final Set<Key> sought = new HashSet<>();
    // who owned the partition when the commit was asked for
    private final Map<CommitKey, String> ownerAtCommit = new HashMap<>();
    // what was committed when the lookup was asked for
    private final Map<LookupKey, Long> committedAtLookup = new HashMap<>();

    GroupChecks(Facts facts, List<Anomaly> found) {
        this.facts = facts;
        this.found = found;
    }

    void run() {
        for (HistoryEvent event : facts.events) {
            String client = event.client();
            if (event.operation() instanceof Assigned assigned && assigned.group() != null) {
                owners.put(new Key(assigned.group(), assigned.partition()), client);
                cutOff.remove(client);
            } else if (event.operation() instanceof CutOff) {
                cutOff.add(client);
            } else if (event.operation() instanceof Sought seek && seek.group() != null) {
                sought.add(new Key(seek.group(), seek.partition()));
            } else if (event.operation() instanceof Poll poll && poll.group() != null) {
                Key key = new Key(poll.group(), poll.partition());
                read.computeIfAbsent(key, k -> new TreeSet<>()).add(poll.offset());
                isolations.put(key, poll.isolation());
                checkOwner(client, key, poll.offset(), "read");
            } else if (event.operation() instanceof Acknowledge acknowledge) {
                acknowledge(event, acknowledge);
            } else if (event.operation() instanceof Commit commit) {
                commit(event, commit);
            } else if (event.operation() instanceof Lookup lookup) {
                lookup(event, lookup);
            }
        }
    }

    private void acknowledge(HistoryEvent event, Acknowledge acknowledge) {
        Key key = new Key(acknowledge.group(), acknowledge.partition());
        acknowledged.computeIfAbsent(key, k -> new Acknowledged()).note(event.phase(), acknowledge.offset());
        if (event.phase() == Phase.OK) {
            checkOwner(event.client(), key, acknowledge.offset(), "acknowledged");
        }
    }

    private void checkOwner(String client, Key key, long offset, String what) {
        String owner = owners.getOrDefault(key, client);
        if (!owner.equals(client) && !cutOff.contains(client) && told.add(client + " " + owner + " " + key)) {
            found.add(new Anomaly(
                    Kind.SHARED_PARTITION,
                    client,
                    key.partition + "@" + offset,
                    "that it has released the partition before " + owner + " of " + key.group + " got it",
                    "it " + what + " this afterwards"));
        }
    }

    private void commit(HistoryEvent event, Commit commit) {
        Key key = new Key(commit.group(), commit.partition());
        CommitKey mine = new CommitKey(event.client(), commit.generation(), key);
        if (event.phase() == Phase.INVOKED) {
            ownerAtCommit.put(mine, owners.getOrDefault(key, event.client()));
            checkAcknowledged(event, commit, key);
            return;
        }
        if (event.phase() != Phase.OK) {
            return;
        }
        String owner = ownerAtCommit.getOrDefault(mine, event.client());
        if (!owner.equals(event.client())) {
            found.add(new Anomaly(
                    Kind.STALE_COMMIT,
                    event.client(),
                    commit.partition() + "@" + commit.offset(),
                    "a refusal, since " + owner + " of " + commit.group() + " had the partition",
                    "the commit in generation " + commit.generation() + " was taken"));
        }
        Long before = committedInGeneration.put(mine, commit.offset());
        if (before != null && commit.offset() < before && !sought.contains(key)) {
            found.add(new Anomaly(
                    Kind.OFFSET_REGRESSION,
                    event.client(),
                    commit.partition().toString(),
                    before + " or more, as committed before in generation " + commit.generation(),
                    commit.offset() + " was committed for " + commit.group()));
        }
        committed.put(key, commit.offset());
    }

    private void checkAcknowledged(HistoryEvent event, Commit commit, Key key) {
        TreeSet<Long> offsets = read.get(key);
        if (offsets == null || sought.contains(key)) {
            return;
        }
        Acknowledged done = acknowledged.getOrDefault(key, new Acknowledged());
        IsolationLevel isolation = isolations.getOrDefault(key, IsolationLevel.READ_UNCOMMITTED);
        for (Map.Entry<Long, String> known : facts.known(commit.partition(), offsets.first(), commit.offset())
                .entrySet()) {
            if (!done.contains(known.getKey()) && facts.isVisible(known.getValue(), isolation)) {
                found.add(new Anomaly(
                        Kind.UNACKNOWLEDGED_COMMIT,
                        event.client(),
                        commit.partition() + "@" + known.getKey(),
                        "'" + known.getValue() + "' acknowledged by somebody of " + commit.group() + " before "
                                + commit.offset() + " is committed",
                        "nobody had"));
                return;
            }
        }
    }

    private void lookup(HistoryEvent event, Lookup lookup) {
        Key key = new Key(lookup.group(), lookup.partition());
        LookupKey mine = new LookupKey(event.client(), key);
        if (event.phase() == Phase.INVOKED) {
            committedAtLookup.put(mine, committed.getOrDefault(key, -1L));
        } else if (event.phase() == Phase.OK && !sought.contains(key)) {
            long least = committedAtLookup.getOrDefault(mine, -1L);
            if (lookup.offset() < least) {
                found.add(new Anomaly(
                        Kind.OFFSET_REGRESSION,
                        event.client(),
                        lookup.partition().toString(),
                        least + " or more, which " + lookup.group() + " had committed",
                        lookup.offset() < 0 ? "nothing is committed" : lookup.offset() + " is committed"));
            }
        }
    }
}
