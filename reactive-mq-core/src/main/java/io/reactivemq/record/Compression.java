package io.reactivemq.record;

/**
 * How the records of a batch are compressed; the constants are in the order of their codes in the batch's attributes.
 */
public enum Compression {
    NONE,
    GZIP,
    SNAPPY,
    LZ4,
    ZSTD
}
