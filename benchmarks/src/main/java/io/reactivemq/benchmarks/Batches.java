package io.reactivemq.benchmarks;

import io.reactivemq.Headers;
import io.reactivemq.record.RecordBatchBuilder;
import java.nio.ByteBuffer;

/** Batches that are ready to be appended. Their records have no key and one timestamp. */
final class Batches {

    private Batches() {}

    /** As many records as fit. */
    static ByteBuffer full(int batchBytes, int valueBytes) {
        RecordBatchBuilder builder = new RecordBatchBuilder(batchBytes, batchBytes);
        byte[] value = new byte[valueBytes];
        while (builder.tryAppend(1_000, null, value, Headers.empty())) {
            // until it is full
        }
        return builder.build();
    }
}
