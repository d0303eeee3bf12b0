package io.reactivemq.coordinator;

import org.jspecify.annotations.Nullable;

/**
 * One record of a coordinator's topic.
 *
 * @param key what it is about
 * @param value the new state; null removes it (a tombstone)
 */
@SuppressWarnings("ArrayRecordComponent") // handed over by the shard and written at once; never compared
public record CoordinatorRecord(byte[] key, byte @Nullable [] value) {}
