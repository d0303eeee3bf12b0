package io.reactivemq.test.history;

import io.reactivemq.TopicPartition;
import io.reactivemq.test.history.Operation.End;
import io.reactivemq.test.history.Operation.Origin;
import io.reactivemq.test.history.Operation.Send;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What a producer writes down. Made by {@link History#producer}; safe for many threads. */
public final class ProducerHistory {

    private final History history;
    private final String client;
    private final Guarantee guarantee;
    private final Map<String, Send> open = new HashMap<>();

    ProducerHistory(History history, String client, Guarantee guarantee) {
        this.history = history;
        this.client = Objects.requireNonNull(client, "client");
        this.guarantee = Objects.requireNonNull(guarantee, "guarantee");
    }

    /** A record is about to be sent. */
    public void sending(String topic, String value) {
        sending(topic, value, null, null);
    }

    /** A record is about to be sent in a transaction. */
    public void sending(String topic, String value, String transaction) {
        sending(topic, value, transaction, null);
    }

    /**
     * A record is about to be sent.
     *
     * @param transaction the transaction it belongs to, a name that no other has; null: none
     * @param origin the record it was made from, where that one's offset is committed in the same transaction; null: none
     */
    public void sending(String topic, String value, @Nullable String transaction, @Nullable Origin origin) {
        Send send = new Send(value, guarantee, topic, -1, -1, transaction, origin);
        synchronized (open) {
            open.put(value, send);
        }
        history.add(client, Phase.INVOKED, send);
    }

    /** It was acknowledged. */
    public void sent(String value, TopicPartition partition, long offset) {
        Send send = close(value);
        history.add(
                client,
                Phase.OK,
                new Send(
                        value,
                        guarantee,
                        partition.topic(),
                        partition.partition(),
                        offset,
                        send.transaction(),
                        send.origin()));
    }

    /** It was refused: it is not in the log, and never will be. */
    public void failed(String value) {
        history.add(client, Phase.FAILED, close(value));
    }

    /** It may be in the log or not. The same as to write down nothing. */
    public void unknown(String value) {
        history.add(client, Phase.UNKNOWN, close(value));
    }

    private Send close(String value) {
        synchronized (open) {
            Send send = open.remove(value);
            if (send == null) {
                throw new IllegalArgumentException("'" + value + "' of " + client + " is not being sent");
            }
            return send;
        }
    }

    /** The transaction is about to be committed. */
    public void committing(String transaction) {
        history.add(client, Phase.INVOKED, new End(transaction, true));
    }

    /** It is committed. */
    public void committed(String transaction) {
        history.add(client, Phase.OK, new End(transaction, true));
    }

    /** It may be committed or aborted. */
    public void unknownEnd(String transaction) {
        history.add(client, Phase.UNKNOWN, new End(transaction, true));
    }

    /** It is aborted, or will be: nobody has ever asked for its commit. */
    public void aborted(String transaction) {
        history.add(client, Phase.OK, new End(transaction, false));
    }

    /** Another producer has taken this one's place: it was told that it has. What this one begins later must not have an effect. */
    public void fenced(String by) {
        history.add(client, Phase.OK, new Operation.Fenced(by));
    }
}
