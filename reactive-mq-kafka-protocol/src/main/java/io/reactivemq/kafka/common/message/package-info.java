/** Kafka's messages, and the table of them that is ours; see docs/decisions/0011. */
package io.reactivemq.kafka.common.message;
