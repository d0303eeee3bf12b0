package io.reactivemq.broker;

import io.reactivemq.TopicPartition;
import java.time.Duration;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The answer to a heartbeat.
 *
 * @param memberId the member
 * @param memberEpoch its epoch from now on
 * @param heartbeatInterval how soon the next heartbeat is expected
 * @param assignment all that the member shall own now; what it owns and is not in here it shall release and then report in
 *     its next heartbeat; null where nothing changed
 */
public record GroupHeartbeatResult(
        String memberId,
        int memberEpoch,
        Duration heartbeatInterval,
        @Nullable Set<TopicPartition> assignment) {

    public GroupHeartbeatResult {
        assignment = assignment == null ? null : Set.copyOf(assignment);
    }
}
