package io.reactivemq.broker;

import java.nio.ByteBuffer;
import java.util.Objects;

/**
 * The answer to a {@link ClassicSync}: the leader has brought the assignments.
 *
 * @param protocolType what the members are
 * @param protocolName the assignor
 * @param assignment the member's assignment in the assignor's own format; empty where the leader gave it none
 */
public record ClassicSyncResult(String protocolType, String protocolName, ByteBuffer assignment) {

    public ClassicSyncResult {
        Objects.requireNonNull(protocolType, "protocolType");
        Objects.requireNonNull(protocolName, "protocolName");
        assignment = Opaque.copyOf(assignment);
    }

    /** Read-only; a buffer of the caller's own each time. */
    @Override
    public ByteBuffer assignment() {
        return assignment.duplicate();
    }
}
