package io.reactivemq.transaction;

import java.time.Duration;

/**
 * The settings of transactions.
 *
 * @param maxTimeout the longest time a producer may ask for ({@code transaction.max.timeout.ms})
 * @param idExpiration a transactional id that is not used for so long is forgotten ({@code transactional.id.expiration.ms})
 * @param checkInterval how often is looked for transactions that are open for too long and ids that are not used ({@code
 *     transaction.abort.timed.out.transaction.cleanup.interval.ms}; Kafka: 10 s)
 */
public record TransactionConfig(Duration maxTimeout, Duration idExpiration, Duration checkInterval) {

    /** Kafka's, and a shorter interval. */
    public static final TransactionConfig DEFAULT =
            new TransactionConfig(Duration.ofMinutes(15), Duration.ofDays(7), Duration.ofSeconds(1));

    /** Ids that a broker knows at a time: what a client in a loop may take of the heap. */
    static final int IDS_MAX = 100_000;

    public TransactionConfig {
        positive("maxTimeout", maxTimeout);
        positive("idExpiration", idExpiration);
        positive("checkInterval", checkInterval);
    }

    private static void positive(String name, Duration value) {
        if (value.toMillis() <= 0) {
            throw new IllegalArgumentException(name + " must be 1 ms or more, was " + value);
        }
    }
}
