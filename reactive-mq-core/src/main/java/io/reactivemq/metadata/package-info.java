/**
 * What the broker knows of itself: its topics, and who may use them, replayed from {@code __cluster_metadata-0}.
 *
 * <p>Start at {@link io.reactivemq.metadata.MetadataShard}; {@link io.reactivemq.metadata.TopicImage} is one topic, {@link
 * io.reactivemq.metadata.SecurityState} has ACLs, credentials and quotas.
 *
 * <p>May import: the vocabulary, broker, coordinator. Threading: the state belongs to the coordinator's drain loop; images are
 * immutable.
 */
@NullMarked
package io.reactivemq.metadata;

import org.jspecify.annotations.NullMarked;
