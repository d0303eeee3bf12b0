package io.reactivemq.coordinator;

import java.util.List;

/**
 * What a state machine decided.
 *
 * @param records to be appended and replayed; may be empty
 * @param response to be given once the records are durable
 * @param <R> the type of the response
 */
public record CoordinatorResult<R>(List<CoordinatorRecord> records, R response) {

    public CoordinatorResult {
        records = List.copyOf(records);
    }

    /** A response that needs no record. */
    public static <R> CoordinatorResult<R> of(R response) {
        return new CoordinatorResult<>(List.of(), response);
    }
}
