package io.reactivemq.record;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;

/** Words the errors of damaged batches: where, which field, what was expected, what is there. */
final class Corruption {

    private Corruption() {}

    static MqException of(String where, String field, String expected, Object actual) {
        return of(ErrorCode.CORRUPT_MESSAGE, where, field, expected, actual);
    }

    static MqException of(ErrorCode code, String where, String field, String expected, Object actual) {
        return new MqException(code, where + ": " + field + ": expected " + expected + ", actual " + actual);
    }
}
