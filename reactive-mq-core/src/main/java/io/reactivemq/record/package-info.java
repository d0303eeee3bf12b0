/**
 * Kafka's record batch, format v2: {@link io.reactivemq.record.RecordBatchBuilder} encodes, {@link
 * io.reactivemq.record.RecordBatch} is a view of one batch (start here: it has the byte layout), {@link
 * io.reactivemq.record.RecordBatches} walks several, {@link io.reactivemq.record.RecordCursor} decodes the records of one, {@link
 * io.reactivemq.record.RecordWalk} looks through them in small pieces.
 * No I/O, but for the loading of a compression's native code. Whatever the bytes are, reading them gives records or an {@link io.reactivemq.MqException}, nothing else, and
 * allocates no more than the bytes that are there can hold; where they are compressed, no more than {@link io.reactivemq.record.Codec}
 * allows them to come to.
 *
 * <p>Buffers with an array that can be had are the fast path and are never copied; read-only and direct ones work, and are not
 * copied whole either.
 *
 * <p>May import: the vocabulary. Threading: builders and cursors belong to one thread at a time; a batch is a view, as
 * safe to share as the buffer beneath it.
 */
@NullMarked
package io.reactivemq.record;

import org.jspecify.annotations.NullMarked;
