package io.reactivemq.broker;

import io.reactivemq.MqRuntime;
import java.time.Duration;
import reactor.core.publisher.Mono;

/**
 * A broker: partitioned logs, consumer groups, transactions and their administration. The same pipelines run on every implementation:
 * embedded in this JVM, or remote.
 *
 * <p>Safe for use by many threads. Requests fail with {@link io.reactivemq.MqException}.
 */
public interface Broker extends DataApi, GroupApi, TransactionApi, AdminApi {

    /** The clocks and threads this broker runs on; senders and receivers on it use the same. */
    MqRuntime runtime();

    /** ACLs, credentials and quotas, for the doors of this broker. */
    SecurityApi security();

    /**
     * Takes no new requests, answers those under way, writes what is due and closes. Idempotent. What is not done within
     * the timeout is failed, and the Mono completes all the same.
     *
     * @param timeout the bound on the wait, more than zero
     */
    Mono<Void> closeGracefully(Duration timeout);
}
