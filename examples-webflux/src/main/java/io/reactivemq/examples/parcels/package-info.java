/**
 * A WebFlux application that embeds a broker: scanners post where parcels are, browsers watch, a consumer group keeps the state of the depots, and Kafka's
 * clients use the same topic over TCP.
 *
 * <p>Start at {@link io.reactivemq.examples.parcels.ScanController}.
 */
@NullMarked
package io.reactivemq.examples.parcels;

import org.jspecify.annotations.NullMarked;
