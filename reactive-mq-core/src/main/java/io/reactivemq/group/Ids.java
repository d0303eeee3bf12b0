package io.reactivemq.group;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ClassicJoin;
import io.reactivemq.broker.GroupHeartbeat;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * How long the ids and names may be that clients choose: each is part of the key or the value of records, where a string has at most {@value
 * Short#MAX_VALUE} bytes, and a group writes one record for each of its members in one batch.
 */
final class Ids {

    /** Of a group. */
    static final int GROUP_BYTES_MAX = 512;

    /** Of an instance, as in Kafka; and of the names of assignors, their type and racks. Of a client id what is more is not kept. */
    static final int NAME_CHARS_MAX = 249;

    /** Assignors that a member of the classic protocol can do. */
    private static final int PROTOCOLS_MAX = 1_000;

    /** A dash and a UUID, as {@link Groups#newMemberId} appends them. */
    private static final int UNIQUE_BYTES = 37;

    /** Of a member: as long as the broker itself makes one. */
    static final int MEMBER_BYTES_MAX = 3 * NAME_CHARS_MAX + UNIQUE_BYTES;

    private Ids() {}

    static String requireGroup(String groupId) {
        if (groupId.isEmpty()) {
            throw new MqException(ErrorCode.INVALID_GROUP_ID, "a group's id must not be empty");
        }
        int bytes = bytes(groupId);
        if (bytes > GROUP_BYTES_MAX) {
            throw new MqException(
                    ErrorCode.INVALID_GROUP_ID,
                    "group id: expected at most " + GROUP_BYTES_MAX + " bytes, actual " + bytes);
        }
        return groupId;
    }

    static void check(ClassicJoin join) {
        String groupId = requireGroup(join.groupId());
        checkMember(groupId, join.memberId(), join.instanceId());
        checkName(groupId, "protocol type", join.protocolType());
        if (join.protocols().size() > PROTOCOLS_MAX) {
            throw tooLong(
                    groupId,
                    "protocols",
                    String.valueOf(PROTOCOLS_MAX),
                    join.protocols().size());
        }
        join.protocols().forEach(protocol -> checkName(groupId, "protocol", protocol.name()));
    }

    static void check(GroupHeartbeat heartbeat) {
        String groupId = requireGroup(heartbeat.groupId());
        checkMember(groupId, heartbeat.memberId(), heartbeat.instanceId());
        checkName(groupId, "rack id", heartbeat.rackId());
    }

    private static void checkMember(String groupId, String memberId, @Nullable String instanceId) {
        checkName(groupId, "instance id", instanceId);
        int bytes = bytes(memberId);
        if (bytes > MEMBER_BYTES_MAX) {
            throw tooLong(groupId, "member id", MEMBER_BYTES_MAX + " bytes", bytes);
        }
    }

    private static void checkName(String groupId, String what, @Nullable String name) {
        if (name != null && name.length() > NAME_CHARS_MAX) {
            throw tooLong(groupId, what, NAME_CHARS_MAX + " characters", name.length());
        }
    }

    private static MqException tooLong(String groupId, String what, String expected, int actual) {
        return new MqException(
                ErrorCode.INVALID_REQUEST,
                "group " + groupId + ": " + what + ": expected at most " + expected + ", actual " + actual);
    }

    /** The caller with as much of its client id as a group keeps. */
    static Caller shortened(Caller caller) {
        String client = caller.clientId();
        if (client.length() <= NAME_CHARS_MAX) {
            return caller;
        }
        boolean splitsPair = Character.isHighSurrogate(client.charAt(NAME_CHARS_MAX - 1));
        String start = client.substring(0, splitsPair ? NAME_CHARS_MAX - 1 : NAME_CHARS_MAX);
        return new Caller(caller.principal(), start, caller.host(), caller.listener());
    }

    /** Bytes of the id of who joins, which gets one where it has none. */
    static int memberBytes(Caller caller, ClassicJoin join) {
        if (!join.memberId().isEmpty()) {
            return bytes(join.memberId());
        }
        String instanceId = join.instanceId();
        return bytes(instanceId == null ? caller.clientId() : instanceId) + UNIQUE_BYTES;
    }

    /** Bytes of a text in a record; null has none. */
    static int bytes(@Nullable String text) {
        return text == null ? 0 : text.getBytes(StandardCharsets.UTF_8).length;
    }
}
