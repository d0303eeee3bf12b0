/** The application over HTTP and over Kafka's protocol, with the kafka-clients that Boot's BOM sets. */
@NullMarked
package io.reactivemq.examples.parcels;

import org.jspecify.annotations.NullMarked;
