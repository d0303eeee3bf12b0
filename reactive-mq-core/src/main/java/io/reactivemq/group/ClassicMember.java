package io.reactivemq.group;

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

    private static final int OVERHEAD_BYTES = 256;

    final String id;
    final @Nullable String instanceId;
    String clientId;
    String host;
    Duration rebalanceTimeout;
    Duration sessionTimeout;
    List<ClassicJoin.Protocol> protocols;
    ByteBuffer assignment = NOTHING;

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
    }

    /** Bytes of its assignment and of what it says of itself, at most. */
    long sizeInBytes() {
        return sizeOf(protocols) + assignment.remaining();
    }

    /** Bytes of a member that can do these, at most, without its assignment; ids and names are a few hundred. */
    static long sizeOf(List<ClassicJoin.Protocol> protocols) {
        return OVERHEAD_BYTES
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
