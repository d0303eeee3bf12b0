package io.reactivemq.queue;

import io.reactivemq.broker.Broker;
import io.reactivemq.consume.DeadLetterHeaders;
import io.reactivemq.consume.Receiver;
import java.util.Objects;
import java.util.function.Consumer;
import reactor.core.publisher.Flux;

/**
 * A dead-letter topic, as {@link Receiver#process} writes it: records that failed for good, with {@link DeadLetterHeaders} that tell where they come
 * from and why. It is a topic like any other, and is listed by reading it.
 *
 * <p>Safe for use by many threads; holds no resources.
 */
public final class DeadLetters {

    private final Broker broker;
    private final String topic;

    private DeadLetters(Broker broker, String topic) {
        this.broker = Objects.requireNonNull(broker, "broker");
        this.topic = Objects.requireNonNull(topic, "topic");
    }

    /** Those in that topic. */
    public static DeadLetters of(Broker broker, String topic) {
        return new DeadLetters(broker, topic);
    }

    /** As {@link #replay(Consumer)}, all of them and as fast as they are taken. */
    public Flux<ReplayedLetter> replay() {
        return replay(options -> {});
    }

    /**
     * Sends dead letters back to where they come from: those that are in the topic when this is subscribed, and that no run before has sent back. Each goes to the
     * partition that its headers name, with its own key, value, headers and create time; the headers of its failure are left out, and {@link DeadLetterHeaders#REPLAYS}
     * counts how often it was replayed. What fails anew and is dead-lettered during the run waits for the next one, so that a run ends.
     *
     * <p>Letters go one after the other. The topic is read by a {@linkplain ReplayOptions.Builder#group group of its own}. A letter counts as replayed, and is committed, when the record
     * is as durable as its topic says; a crash in between sends the letters back once more that were not committed, so handlers see them at least once. Runs at
     * the same time share the partitions of the topic. Letters stay in the topic until its retention takes them away; a run of another group begins with all of them,
     * and so does one after the broker has forgotten the offset of the group in a partition, by default 7 days after the last letter of it that was replayed ({@code
     * offsetsRetention}, {@code offsets.retention.minutes}), also where runs without letters came between: the topic's {@code segment.ms} and {@code retention.ms} together should be less.
     *
     * <p>A result for each letter that went, in the order of the partition, under demand. Completes when the group has committed all that was there. Ends with a {@link
     * io.reactivemq.MqException} at the first letter that can't go: with the code of the refused send ({@code UNKNOWN_TOPIC_OR_PARTITION} where its topic is gone), or {@code
     * INVALID_RECORD} for a record that is no dead letter; with an {@link IllegalStateException} where {@code where} throws. It names the letter; nothing from it on counts as
     * replayed, and the next run begins with it. {@link ReplayOptions.Builder#where where} leaves it out. Ends with {@code UNKNOWN_TOPIC_OR_PARTITION}, too, where the topic of the
     * letters is deleted meanwhile. Cancelling ends the run there.
     *
     * <p>Headers are what whoever wrote the letter has put there. Where others than the receivers may write to the topic, {@code where} decides which
     * sources are believed.
     *
     * @param configure {@code o -> o.where(letter -> ...).recordsPerSecond(100).parkAfter(3, "orders.parked")}
     */
    public Flux<ReplayedLetter> replay(Consumer<? super ReplayOptions.Builder> configure) {
        ReplayOptions options = ReplayOptions.of(topic, configure);
        return Flux.defer(() -> new Replay(broker, topic, options).run());
    }
}
