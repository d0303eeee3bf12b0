package io.reactivemq.netty.protocol;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import org.jspecify.annotations.Nullable;

/** The numbers of errors on the wire: those a broker's error has ({@link ErrorCode}), and those that only the protocol knows. */
public final class ProtocolError {

    public static final short NONE = 0;
    public static final short LEADER_NOT_AVAILABLE = 5;
    public static final short INVALID_REQUIRED_ACKS = 21;
    public static final short UNSUPPORTED_SASL_MECHANISM = 33;
    public static final short ILLEGAL_SASL_STATE = 34;
    public static final short UNSUPPORTED_VERSION = 35;
    public static final short INVALID_REPLICATION_FACTOR = 38;
    public static final short INVALID_REPLICA_ASSIGNMENT = 39;
    public static final short SASL_AUTHENTICATION_FAILED = 58;
    public static final short FETCH_SESSION_ID_NOT_FOUND = 70;
    public static final short INVALID_FETCH_SESSION_EPOCH = 71;
    public static final short DUPLICATE_RESOURCE = 92;
    public static final short UNKNOWN_TOPIC_ID = 100;
    public static final short FETCH_SESSION_TOPIC_ID_ERROR = 106;
    public static final short UNSUPPORTED_ENDPOINT_TYPE = 115;
    public static final short REBOOTSTRAP_REQUIRED = 129;

    private ProtocolError() {}

    /** The number of a failure; what is no {@link MqException} is an unknown server error. */
    public static short codeOf(@Nullable Throwable failure) {
        if (failure == null) {
            return NONE;
        }
        return failure instanceof MqException known ? known.errorCode().code() : ErrorCode.UNKNOWN_SERVER_ERROR.code();
    }

    /** The number of an error; none for null. */
    public static short numberOf(@Nullable ErrorCode error) {
        return error == null ? NONE : error.code();
    }

    /** What a client is told of a failure beside its number; the inside of the server stays inside. */
    public static @Nullable String messageOf(@Nullable Throwable failure) {
        return failure instanceof MqException known ? known.getMessage() : null;
    }
}
