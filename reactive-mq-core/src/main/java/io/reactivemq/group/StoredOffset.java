package io.reactivemq.group;

import io.reactivemq.broker.CommittedOffset;

/**
 * A committed offset as its record says it.
 *
 * @param offset what was committed
 * @param commitMs when, in milliseconds since 1970
 * @param expireMs until when it is kept as its committer asked; {@link #UNTIL_RETENTION} where it did not say
 */
record StoredOffset(CommittedOffset offset, long commitMs, long expireMs) {

    static final long UNTIL_RETENTION = -1;
}
