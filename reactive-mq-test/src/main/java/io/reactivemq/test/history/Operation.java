package io.reactivemq.test.history;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.IsolationLevel;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What a client does. Values are those of records, each sent once in a history; offsets are the log's. */
public sealed interface Operation {

    /**
     * A record is sent.
     *
     * @param value the record's value, which no other send of the history has
     * @param guarantee what its producer is promised
     * @param topic where to
     * @param partition its partition; -1 as long as it is not known
     * @param offset where it went; -1 as long as that is not known
     * @param transaction the transaction it belongs to, a name that no other transaction of the history has; null: none
     * @param origin what it was made from; null: nothing that counts
     */
    record Send(
            String value,
            Guarantee guarantee,
            String topic,
            int partition,
            long offset,
            @Nullable String transaction,
            @Nullable Origin origin)
            implements Operation {
        public Send {
            Objects.requireNonNull(value, "value");
            Objects.requireNonNull(guarantee, "guarantee");
            Objects.requireNonNull(topic, "topic");
            if ((guarantee == Guarantee.TRANSACTIONAL) != (transaction != null)) {
                throw new IllegalArgumentException("send of '" + value + "': guarantee " + guarantee
                        + " does not go with transaction " + transaction);
            }
        }

        @Override
        public String toString() {
            return "send '" + value + "' to " + topic + (partition < 0 ? "" : "-" + partition)
                    + (offset < 0 ? "" : "@" + offset) + (transaction == null ? "" : " in " + transaction)
                    + (origin == null ? "" : ", made from " + origin);
        }
    }

    /**
     * The record that another was made from, by a member of a group whose offsets are committed in the same transaction.
     *
     * @param group the group
     * @param partition where the record was read
     * @param offset its offset there
     */
    record Origin(String group, TopicPartition partition, long offset) {
        public Origin {
            Objects.requireNonNull(group, "group");
            Objects.requireNonNull(partition, "partition");
        }

        @Override
        public String toString() {
            return partition + "@" + offset;
        }
    }

    /** A transaction is ended. */
    record End(String transaction, boolean committed) implements Operation {
        public End {
            Objects.requireNonNull(transaction, "transaction");
        }

        @Override
        public String toString() {
            return (committed ? "commit " : "abort ") + transaction;
        }
    }

    /** Another producer has taken over this one's place: nothing that this one begins from now on may have an effect. */
    record Fenced(String by) implements Operation {
        public Fenced {
            Objects.requireNonNull(by, "by");
        }

        @Override
        public String toString() {
            return "is fenced by " + by;
        }
    }

    /** A partition becomes the client's; a group's where it names one, else the client reads on its own. Its reading begins anew. */
    record Assigned(@Nullable String group, TopicPartition partition) implements Operation {
        public Assigned {
            Objects.requireNonNull(partition, "partition");
        }

        @Override
        public String toString() {
            return "has " + partition + (group == null ? "" : " of group " + group);
        }
    }

    /** The client goes on at another place of its own accord. */
    record Sought(@Nullable String group, TopicPartition partition) implements Operation {
        public Sought {
            Objects.requireNonNull(partition, "partition");
        }

        @Override
        public String toString() {
            return "seeks in " + partition;
        }
    }

    /** A record is read. */
    record Poll(@Nullable String group, IsolationLevel isolation, TopicPartition partition, long offset, String value)
            implements Operation {
        public Poll {
            Objects.requireNonNull(isolation, "isolation");
            Objects.requireNonNull(partition, "partition");
            Objects.requireNonNull(value, "value");
        }

        @Override
        public String toString() {
            return "reads '" + value + "' at " + partition + "@" + offset
                    + (isolation == IsolationLevel.READ_COMMITTED ? ", committed" : "");
        }
    }

    /** A record is done with: invoked before the client says so, ok when it was taken, failed when it came too late. */
    record Acknowledge(String group, TopicPartition partition, long offset) implements Operation {
        public Acknowledge {
            Objects.requireNonNull(group, "group");
            Objects.requireNonNull(partition, "partition");
        }

        @Override
        public String toString() {
            return "acknowledges " + partition + "@" + offset;
        }
    }

    /** An offset of a group is committed by its member, outside of transactions. */
    record Commit(String group, int generation, TopicPartition partition, long offset) implements Operation {
        public Commit {
            Objects.requireNonNull(group, "group");
            Objects.requireNonNull(partition, "partition");
        }

        @Override
        public String toString() {
            return "commits " + partition + "@" + offset + " of " + group + " in generation " + generation;
        }
    }

    /** A group's committed offset is looked up; -1: not known yet, or nothing is committed. */
    record Lookup(String group, TopicPartition partition, long offset) implements Operation {
        public Lookup {
            Objects.requireNonNull(group, "group");
            Objects.requireNonNull(partition, "partition");
        }

        @Override
        public String toString() {
            return "looks up what " + group + " has committed of " + partition + (offset < 0 ? "" : ": " + offset);
        }
    }

    /** Until it is assigned one again, the client may have lost its partitions without having been told. */
    record CutOff() implements Operation {
        @Override
        public String toString() {
            return "is cut off";
        }
    }

    /** The client has read the partition from its begin to its end, and nobody writes any more. */
    record Drained(IsolationLevel isolation, TopicPartition partition) implements Operation {
        public Drained {
            Objects.requireNonNull(isolation, "isolation");
            Objects.requireNonNull(partition, "partition");
        }

        @Override
        public String toString() {
            return "has read " + partition + " to its end"
                    + (isolation == IsolationLevel.READ_COMMITTED ? ", committed" : "");
        }
    }

    /** Something that happened around the clients: a crash of the broker, a full disk. */
    record Note(String what) implements Operation {
        public Note {
            Objects.requireNonNull(what, "what");
        }

        @Override
        public String toString() {
            return what;
        }
    }
}
