package io.reactivemq.metadata;

import java.util.Map;
import java.util.UUID;

/**
 * A topic as the metadata has it.
 *
 * @param name its name
 * @param id its id
 * @param partitions how many partitions it has
 * @param made how many of them have their folders; a missing one of these is damage
 * @param configs the settings given for it
 * @param internal whether the broker keeps its own state in it
 * @param state how far its creation, growth or deletion has come
 */
public record TopicImage(
        String name, UUID id, int partitions, int made, Map<String, String> configs, boolean internal, State state) {

    public TopicImage {
        configs = Map.copyOf(configs);
    }

    /** {@code CREATING -> READY <-> GROWING}, and from each {@code -> DELETING -> } gone; each step is a record, forced before the next begins. */
    public enum State {
        /** Announced; its folders may be missing. An open finishes the work. */
        CREATING(0),
        /** Its folders are there; a missing one is damage. */
        READY(1),
        /** Its folders may be gone. An open finishes the work. */
        DELETING(2),
        /** More partitions were announced; their folders may be missing. An open finishes the work. */
        GROWING(3);

        private final byte code;

        State(int code) {
            this.code = (byte) code;
        }

        /** The state as it is written. */
        byte code() {
            return code;
        }

        static State ofCode(byte code) {
            for (State state : values()) {
                if (state.code == code) {
                    return state;
                }
            }
            throw new IllegalStateException("cluster metadata: a topic is in state " + code
                    + ", which this version does not know; was the directory written by a newer one?");
        }
    }

    TopicImage with(Map<String, String> newConfigs) {
        return new TopicImage(name, id, partitions, made, newConfigs, internal, state);
    }

    /** Announced, with no folder yet. */
    static TopicImage creating(String name, UUID id, int partitions, Map<String, String> configs, boolean internal) {
        return new TopicImage(name, id, partitions, 0, configs, internal, State.CREATING);
    }

    /** With the folders of that many partitions. */
    TopicImage ready(int count) {
        return new TopicImage(name, id, count, count, configs, internal, State.READY);
    }

    TopicImage growing(int total) {
        return new TopicImage(name, id, total, partitions, configs, internal, State.GROWING);
    }

    TopicImage deleting() {
        return new TopicImage(name, id, partitions, 0, configs, internal, State.DELETING);
    }
}
