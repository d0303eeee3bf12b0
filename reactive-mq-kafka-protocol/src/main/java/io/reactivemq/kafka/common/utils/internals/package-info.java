/** What the message classes need beside themselves, and what stands in for Kafka's own; see docs/decisions/0011. */
package io.reactivemq.kafka.common.utils.internals;
