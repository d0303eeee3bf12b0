package io.reactivemq.consume;

import io.micrometer.observation.ObservationRegistry;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** How {@link Receiver#process} runs its handler, and what it does with a record whose handler fails. Immutable. */
public final class ProcessOptions {

    /** Which records wait for which. */
    enum Order {
        /** Those of a partition for each other. */
        PARTITION,
        /** Those of a partition with the same key. */
        KEY,
        /** None. */
        NONE
    }

    private final Order order;
    private final @Nullable Function<? super ReceiverRecord<?, ?>, ?> keyOf;
    private final int concurrency;
    private final int maxWaiting;
    private final RetryPolicy retry;
    private final UnaryOperator<String> deadLetterTopic;
    private final @Nullable ObservationRegistry observations;

    private ProcessOptions(Builder builder) {
        this.order = builder.order;
        this.keyOf = builder.keyOf;
        this.concurrency = builder.concurrency;
        this.maxWaiting = builder.maxWaiting;
        this.retry = builder.retry;
        this.deadLetterTopic = builder.deadLetterTopic;
        this.observations = builder.observations;
    }

    static ProcessOptions of(Consumer<? super Builder> configure) {
        Builder builder = new Builder();
        configure.accept(builder);
        return new ProcessOptions(builder);
    }

    Order order() {
        return order;
    }

    /** What a record is ordered by; null for the bytes of its key. */
    @Nullable Function<? super ReceiverRecord<?, ?>, ?> keyOf() {
        return keyOf;
    }

    /** How many handlers run at once, at most. */
    public int concurrency() {
        return concurrency;
    }

    /** How many records may wait for their key or for their next attempt. */
    public int maxWaiting() {
        return maxWaiting;
    }

    /** When a record is attempted again. */
    public RetryPolicy retry() {
        return retry;
    }

    /** Where records of that topic go after their last attempt. */
    public String deadLetterTopic(String topic) {
        return deadLetterTopic.apply(topic);
    }

    @Nullable ObservationRegistry observations() {
        return observations;
    }

    /** Sets options; each has a default. */
    public static final class Builder {

        private Order order = Order.PARTITION;
        private @Nullable Function<? super ReceiverRecord<?, ?>, ?> keyOf;
        private int concurrency = 256;
        private int maxWaiting = 1_024;
        private RetryPolicy retry = RetryPolicy.immediately(2);
        private UnaryOperator<String> deadLetterTopic = topic -> topic + ".dlq";
        private @Nullable ObservationRegistry observations;

        private Builder() {}

        /** How many handlers run at once over all partitions, 1 or more; demand may allow fewer. Default: 256. */
        public Builder concurrency(int handlers) {
            this.concurrency = positive("concurrency", handlers);
            return this;
        }

        /** The records of a partition one after the other, partitions side by side. This is the default. */
        public Builder partitionOrdered() {
            this.order = Order.PARTITION;
            return this;
        }

        /**
         * The records of a partition with the same key (its bytes) one after the other, all others side by side, up to {@code maxInFlight}
         * offsets of a partition. A key that waits for its next attempt holds back only itself. Records without a key wait for none.
         */
        public Builder keyOrdered() {
            this.order = Order.KEY;
            this.keyOf = null;
            return this;
        }

        /**
         * As {@link #keyOrdered()} by something else than the key's bytes; what it returns needs equals and hashCode, and null stands for
         * no order. It runs once for each record; a record for which it fails goes to the dead-letter topic.
         */
        public Builder keyOrdered(Function<? super ReceiverRecord<?, ?>, ?> keyOf) {
            this.order = Order.KEY;
            this.keyOf = Objects.requireNonNull(keyOf, "keyOf");
            return this;
        }

        /** All records side by side, up to {@code maxInFlight} offsets of a partition. */
        public Builder unordered() {
            this.order = Order.NONE;
            return this;
        }

        /**
         * How many records may wait for their key or for their next attempt, over all partitions, 1 or more; at the bound no more are
         * taken. It has no effect on the order of partitions, where each has one record in work. Default: 1,024.
         */
        public Builder maxWaiting(int records) {
            this.maxWaiting = positive("maxWaiting", records);
            return this;
        }

        /**
         * When a record whose handler failed is attempted again. The waits in place must stay below {@code maxPollInterval} together.
         * Default: twice more, at once.
         */
        public Builder retry(RetryPolicy policy) {
            this.retry = Objects.requireNonNull(policy, "policy");
            return this;
        }

        /** The topic that takes the records of all topics after their last attempt. Default: {@code <topic>.dlq}. */
        public Builder deadLetter(String topic) {
            Objects.requireNonNull(topic, "topic");
            return deadLetter(source -> topic);
        }

        /** As {@link #deadLetter(String)}, by the name of the source topic. */
        public Builder deadLetter(UnaryOperator<String> topicOfSource) {
            this.deadLetterTopic = Objects.requireNonNull(topicOfSource, "topicOfSource");
            return this;
        }

        /**
         * Observes each record from its first attempt to its end, as {@code reactivemq.process}, with a {@code ReceiverContext} over its
         * headers; the handler's publisher has the observation in its Reactor context. Default: none.
         */
        public Builder observations(ObservationRegistry registry) {
            this.observations = Objects.requireNonNull(registry, "registry");
            return this;
        }

        private static int positive(String name, int value) {
            if (value < 1) {
                throw new IllegalArgumentException(name + " must be 1 or more, was " + value);
            }
            return value;
        }
    }
}
