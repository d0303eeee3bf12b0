package io.reactivemq.test.history;

/** What a producer is promised of its records. */
public enum Guarantee {
    /** At least once: a record may be there twice. */
    AT_LEAST_ONCE,
    /** An idempotent producer: once. */
    IDEMPOTENT,
    /** Once, and together with the others of its transaction. */
    TRANSACTIONAL
}
