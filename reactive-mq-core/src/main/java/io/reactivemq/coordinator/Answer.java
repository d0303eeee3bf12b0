package io.reactivemq.coordinator;

import io.reactivemq.MqException;

/** An answer that waits until what it rests on is durable. One of its methods is called, once. */
public interface Answer {

    /** What it rests on is durable. */
    void give();

    /** What it rests on is lost. */
    void fail(MqException error);
}
