package io.reactivemq.queue;

import io.reactivemq.consume.DeadLetterHeaders;
import io.reactivemq.consume.ReceiverRecord;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** How dead letters are replayed; see {@link DeadLetters#replay(Consumer)}. Immutable. */
public final class ReplayOptions {

    private final String group;
    private final Predicate<? super ReceiverRecord<byte[], byte[]>> where;
    private final double recordsPerSecond;
    private final int replaysMax;
    private final @Nullable String parkingTopic;

    private ReplayOptions(Builder builder) {
        this.group = builder.group;
        this.where = builder.where;
        this.recordsPerSecond = builder.recordsPerSecond;
        this.replaysMax = builder.replaysMax;
        this.parkingTopic = builder.parkingTopic;
    }

    static ReplayOptions of(String topic, Consumer<? super Builder> configure) {
        Builder builder = new Builder(topic);
        configure.accept(builder);
        ReplayOptions options = new ReplayOptions(builder);
        if (topic.equals(options.parkingTopic)) {
            throw new IllegalArgumentException(
                    "letters of " + topic + " can't be parked there: they would be replayed again");
        }
        return options;
    }

    String group() {
        return group;
    }

    boolean chooses(ReceiverRecord<byte[], byte[]> letter) {
        return where.test(letter);
    }

    /** Infinite: no limit. */
    double recordsPerSecond() {
        return recordsPerSecond;
    }

    /** Where a letter goes that was replayed so often; null: back all the same. */
    @Nullable String parkingTopic(int replays) {
        return replays >= replaysMax ? parkingTopic : null;
    }

    /** Collects the options. */
    public static final class Builder {
        private String group;
        private Predicate<? super ReceiverRecord<byte[], byte[]>> where = letter -> true;
        private double recordsPerSecond = Double.POSITIVE_INFINITY;
        private int replaysMax = Integer.MAX_VALUE;
        private @Nullable String parkingTopic;

        private Builder(String topic) {
            this.group = topic + ".replay";
        }

        /** The group that remembers which letters were replayed. Default: {@code <topic>.replay}. */
        public Builder group(String id) {
            group = Objects.requireNonNull(id, "id");
            return this;
        }

        /**
         * Which letters go back, by key, value and headers (those of {@link DeadLetterHeaders} among them). The others are passed over, and count as
         * looked at for the group. Default: all. Called on the receiver's worker; what it throws ends the run.
         */
        public Builder where(Predicate<? super ReceiverRecord<byte[], byte[]>> chosen) {
            where = Objects.requireNonNull(chosen, "chosen");
            return this;
        }

        /** How many letters a second at most; more than 0. Default: no limit. */
        public Builder recordsPerSecond(double value) {
            if (!(value > 0)) {
                throw new IllegalArgumentException("recordsPerSecond must be more than 0, was " + value);
            }
            recordsPerSecond = value;
            return this;
        }

        /**
         * A letter that was replayed so often, and failed each time, goes to another topic instead, as the letter that it is, with the headers of its
         * failure. Default: it goes back however often.
         *
         * @param replays 0 or more
         * @param topic another topic, which is there
         */
        public Builder parkAfter(int replays, String topic) {
            if (replays < 0) {
                throw new IllegalArgumentException("replays must be 0 or more, was " + replays);
            }
            replaysMax = replays;
            parkingTopic = Objects.requireNonNull(topic, "topic");
            return this;
        }
    }
}
