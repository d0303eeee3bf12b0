package io.reactivemq.topic;

import io.reactivemq.MqException;
import io.reactivemq.log.AppendInfo;

/** Hears how an append ended: exactly one of the two, on the partition's drain loop, so it only hands the news on. */
public interface AppendListener {

    /** The records are as durable as the topic's level says, and readers see them. */
    void onAppended(AppendInfo info);

    /** The records are not in the log. With {@code KAFKA_STORAGE_ERROR} a crash may still bring them back. */
    void onFailed(MqException error);
}
