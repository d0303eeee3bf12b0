/**
 * A partition as the broker serves it: one writer, watermarks, and fetches that wait for the next append.
 *
 * <p>Start at {@link io.reactivemq.topic.Partition}; {@link io.reactivemq.topic.LongPoll} is the waiting fetch over several of
 * them, {@link io.reactivemq.topic.TopicConfig} a topic's settings.
 *
 * <p>May import: the vocabulary, broker, storage, record, log. Threading: a partition's commands arrive on an MPSC ring from
 * any thread, and one drain loop applies them: on the runtime's io threads where the log blocks ({@code WriterTurn} is what such a thread does
 * from the waking on), or what is brief on a thread that has leave to use {@linkplain io.reactivemq.QuickFiles quick files}; on the caller's thread where it is in memory, but for compressed batches of others that are to be looked at, which go to an io
 * thread too. Readers take no part in it; they follow the high watermark.
 */
@NullMarked
package io.reactivemq.topic;

import org.jspecify.annotations.NullMarked;
