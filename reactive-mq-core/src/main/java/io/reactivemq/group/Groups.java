package io.reactivemq.group;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import java.util.Collection;
import java.util.TreeMap;
import java.util.UUID;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/** The groups there are, by id, and what their state machines share. */
final class Groups {

    final GroupConfig config;
    final TopicIndex topics;
    final Timers timers = new Timers();

    private final RandomGenerator random;
    private final TreeMap<String, Group> byId = new TreeMap<>();

    Groups(GroupConfig config, TopicIndex topics, RandomGenerator random) {
        this.config = config;
        this.topics = topics;
        this.random = random;
    }

    Collection<Group> all() {
        return byId.values();
    }

    @Nullable Group find(String id) {
        return byId.get(id);
    }

    void put(Group group) {
        byId.put(group.id(), group);
    }

    /** Takes a group away without a record. */
    void drop(Group group) {
        group.cancelTimers();
        byId.remove(group.id(), group);
    }

    /** Removes a group that has no members. */
    void delete(Group group, Step step) {
        group.writeTombstones(step);
        drop(group);
    }

    /** An id for a new member, as Kafka makes them: the client's name, and a random part. */
    String newMemberId(String client) {
        String unique = newUuid();
        return client.isEmpty() ? unique : client + "-" + unique;
    }

    String newUuid() {
        long most = (random.nextLong() & ~0xf000L) | 0x4000L;
        long least = (random.nextLong() & 0x3fff_ffff_ffff_ffffL) | 0x8000_0000_0000_0000L;
        return new UUID(most, least).toString();
    }

    /** A group of the classic protocol is one record, and so is one of KIP-848 when it is downgraded. */
    static void checkSize(String groupId, long bytes) {
        if (bytes > GroupConfig.RECORD_BYTES_MAX) {
            throw new MqException(
                    ErrorCode.GROUP_MAX_SIZE_REACHED,
                    "group " + groupId + ": what its members say of themselves: expected at most "
                            + GroupConfig.RECORD_BYTES_MAX + " bytes, actual " + bytes);
        }
    }

    MqException full(String groupId) {
        return new MqException(
                ErrorCode.GROUP_MAX_SIZE_REACHED,
                "group " + groupId + " has " + config.membersMax() + " members, which is the most it takes");
    }
}
