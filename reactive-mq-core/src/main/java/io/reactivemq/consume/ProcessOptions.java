package io.reactivemq.consume;

import java.time.Duration;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/** What {@link Receiver#process} does with a record whose handler fails. Immutable. */
public final class ProcessOptions {

    private final int attempts;
    private final Backoff backoff;
    private final UnaryOperator<String> deadLetterTopic;

    private ProcessOptions(Builder builder) {
        this.attempts = builder.attempts;
        this.backoff = builder.backoff;
        this.deadLetterTopic = builder.deadLetterTopic;
    }

    static ProcessOptions of(Consumer<? super Builder> configure) {
        Builder builder = new Builder();
        configure.accept(builder);
        return new ProcessOptions(builder);
    }

    /** How often a record is attempted in all. */
    public int attempts() {
        return attempts;
    }

    /** The wait between attempts. */
    Backoff backoff() {
        return backoff;
    }

    /** Where records of that topic go after their last attempt. */
    public String deadLetterTopic(String topic) {
        return deadLetterTopic.apply(topic);
    }

    /** Sets options; each has a default. */
    public static final class Builder {

        private static final Duration BACKOFF_MAX = Duration.ofSeconds(30);

        private int attempts = 3;
        private Backoff backoff = Backoff.none();
        private UnaryOperator<String> deadLetterTopic = topic -> topic + ".dlq";

        private Builder() {}

        /** How often a record is attempted in all, 1 or more. Default: 3. */
        public Builder attempts(int attempts) {
            if (attempts < 1) {
                throw new IllegalArgumentException("attempts must be 1 or more, was " + attempts);
            }
            this.attempts = attempts;
            return this;
        }

        /** As {@link #backoff(Duration, Duration)} with at most 30 s. */
        public Builder backoff(Duration first) {
            return backoff(first, first.compareTo(BACKOFF_MAX) > 0 ? first : BACKOFF_MAX);
        }

        /**
         * The wait before the second attempt, which doubles with every further one up to {@code max}. Only the record's own
         * partition waits. Default: none.
         */
        public Builder backoff(Duration first, Duration max) {
            this.backoff = Backoff.of(first, max);
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
    }
}
