package io.reactivemq.log;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.storage.StorageException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Ends all writing to a log where it is not known any more what is on disk; reads go on. Safe for many threads. */
final class LogFence {

    private static final Logger LOGGER = LoggerFactory.getLogger(LogFence.class);

    private final TopicPartition partition;

    /** Set once, by whoever sees it first: why nothing is written any more. */
    private final AtomicReference<@Nullable Reason> reason = new AtomicReference<>();

    LogFence(TopicPartition partition) {
        this.partition = partition;
    }

    boolean isRaised() {
        return reason.get() != null;
    }

    /** @throws MqException KAFKA_STORAGE_ERROR where it is raised */
    void check() {
        Reason why = reason.get();
        if (why != null) {
            throw why.toException();
        }
    }

    /** A force that failed is final; what else failed is the caller's to tell. */
    MqException raiseIfForce(StorageException e) {
        return e.operation().isForce() ? raise("a force failed", e) : e;
    }

    /** The error that every later write is refused with. */
    MqException raise(String what, Throwable e) {
        Reason why = new Reason(
                "the log of " + partition + " takes no more writes: " + what + " ("
                        + (e instanceof StorageException ? e.getMessage() : e)
                        + "); open it again to find out what is on disk",
                e);
        if (reason.compareAndSet(null, why)) {
            LOGGER.error("{}", why.message, e);
        }
        return why.toException();
    }

    private record Reason(String message, Throwable cause) {
        MqException toException() {
            return new MqException(ErrorCode.KAFKA_STORAGE_ERROR, message, cause);
        }
    }
}
