package io.reactivemq.group;

import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ClassicJoin;
import io.reactivemq.broker.ClassicJoinResult;
import io.reactivemq.broker.ClassicSyncResult;
import io.reactivemq.coordinator.Deferred;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A member of a {@link ClassicGroup}, to which it belongs. Mutable. */
final class ClassicMember {

    static final ByteBuffer NOTHING = ByteBuffer.allocate(0).asReadOnlyBuffer();

    /** The lengths of four strings and two arrays of bytes, and two timeouts. */
    private static final int FIXED_BYTES = 24;

    final String id;
    final @Nullable String instanceId;
    String clientId;
    String host;
    Duration rebalanceTimeout;
    Duration sessionTimeout;
    List<ClassicJoin.Protocol> protocols;
    ByteBuffer assignment = NOTHING;
    private long bytes;

    /** It has not been in a generation yet, and its client may be gone without a word. */
    boolean isNew;

    /** Its join that waits for the others. */
    @Nullable Deferred<ClassicJoinResult> joining;

    /** Whether its client understands an assignment to be skipped. */
    boolean maySkipAssignment;

    /** Its sync that waits for the leader. */
    @Nullable Deferred<ClassicSyncResult> syncing;

    /** Whether it has asked for its assignment in this generation. */
    boolean hasSynced;

    Timers.@Nullable Timer session;

    ClassicMember(
            String id,
            @Nullable String instanceId,
            String clientId,
            String host,
            Duration rebalanceTimeout,
            Duration sessionTimeout,
            List<ClassicJoin.Protocol> protocols) {
        this.id = id;
        this.instanceId = instanceId;
        this.clientId = clientId;
        this.host = host;
        this.rebalanceTimeout = rebalanceTimeout;
        this.sessionTimeout = sessionTimeout;
        this.protocols = protocols;
        this.bytes = sizeOf(Ids.bytes(id), instanceId, clientId, host, protocols);
    }

    /** Takes over what it says as it joins again. */
    void says(Caller caller, ClassicJoin join) {
        clientId = caller.clientId();
        host = caller.host();
        protocols = join.protocols();
        rebalanceTimeout = join.rebalanceTimeout();
        sessionTimeout = join.sessionTimeout();
        bytes = sizeOf(Ids.bytes(id), instanceId, clientId, host, protocols);
    }

    /** Bytes of what it says of itself in the record of its group, at most: without its assignment. */
    long sizeInBytes() {
        return bytes;
    }

    /** {@link #sizeInBytes} of the member that joins. */
    static long sizeOf(Caller caller, ClassicJoin join) {
        return sizeOf(
                Ids.memberBytes(caller, join), join.instanceId(), caller.clientId(), caller.host(), join.protocols());
    }

    /** {@link #sizeInBytes} of a member whose id has that many bytes. */
    static long sizeOf(
            int idBytes,
            @Nullable String instanceId,
            String clientId,
            String host,
            List<ClassicJoin.Protocol> protocols) {
        return FIXED_BYTES
                + idBytes
                + Ids.bytes(instanceId)
                + Ids.bytes(clientId)
                + Ids.bytes(host)
                + protocols.stream()
                        .mapToLong(protocol -> protocol.metadata().remaining())
                        .max()
                        .orElse(0);
    }

    /** Its subscription for that assignor; nothing where it does not know it. */
    ByteBuffer metadata(@Nullable String protocol) {
        for (ClassicJoin.Protocol own : protocols) {
            if (own.name().equals(protocol)) {
                return own.metadata();
            }
        }
        return NOTHING;
    }

    void cancelTimers() {
        if (session != null) {
            session.cancel();
        }
    }
}
