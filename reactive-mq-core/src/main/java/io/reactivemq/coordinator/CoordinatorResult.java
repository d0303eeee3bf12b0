package io.reactivemq.coordinator;

import java.util.List;

/**
 * What a state machine decided.
 *
 * @param records to be appended and replayed; may be empty
 * @param response to be given once the records are durable
 * @param isAtomic whether a crash may leave all of the records or none; such are one batch, which the log bounds. Others, of which there may be any number, are
 *     shared out over batches, so that a crash may leave the first of them
 * @param <R> the type of the response
 */
public record CoordinatorResult<R>(List<CoordinatorRecord> records, R response, boolean isAtomic) {

    public CoordinatorResult {
        records = List.copyOf(records);
    }

    /** Records that are written together. */
    public CoordinatorResult(List<CoordinatorRecord> records, R response) {
        this(records, response, true);
    }

    /** A response that needs no record. */
    public static <R> CoordinatorResult<R> of(R response) {
        return new CoordinatorResult<>(List.of(), response);
    }
}
