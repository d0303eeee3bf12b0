package io.reactivemq.broker;

import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A producer's request for its id and epoch.
 *
 * @param transactionalId the name under which the producer's transactions go on after a restart, and by which an older producer of the
 *     same name is fenced; null: it is idempotent only
 * @param transactionTimeout how long a transaction may be open before the broker aborts it; of no meaning without transactional id
 * @param current what the producer has, which lets it go on with a new epoch after an error (KIP-360); {@link ProducerIdAndEpoch#NONE}
 *     where it begins
 */
public record InitProducerId(
        @Nullable String transactionalId, Duration transactionTimeout, ProducerIdAndEpoch current) {

    public InitProducerId {
        Objects.requireNonNull(transactionTimeout, "transactionTimeout");
        Objects.requireNonNull(current, "current");
    }

    /** A producer without transactions. */
    public static InitProducerId idempotent() {
        return new InitProducerId(null, Duration.ZERO, ProducerIdAndEpoch.NONE);
    }

    /** A producer that begins under a transactional id. */
    public static InitProducerId transactional(String transactionalId, Duration transactionTimeout) {
        Objects.requireNonNull(transactionalId, "transactionalId");
        return new InitProducerId(transactionalId, transactionTimeout, ProducerIdAndEpoch.NONE);
    }
}
