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
