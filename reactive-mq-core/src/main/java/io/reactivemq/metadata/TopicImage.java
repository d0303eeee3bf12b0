package io.reactivemq.metadata;

import java.util.Map;
import java.util.UUID;

/**
 * A topic as the metadata has it.
 *
 * @param name its name
 * @param id its id
 * @param partitions how many partitions it has
 * @param configs the settings given for it
 * @param internal whether the broker keeps its own state in it
 * @param state how far its creation or deletion has come
 */
public record TopicImage(
        String name, UUID id, int partitions, Map<String, String> configs, boolean internal, State state) {

    public TopicImage {
        configs = Map.copyOf(configs);
    }

    /** {@code CREATING -> READY -> DELETING -> } gone; each step is a record, forced before the next begins. */
    public enum State {
        /** Announced; its folders may be missing. An open finishes the work. */
        CREATING(0),
        /** Its folders are there; a missing one is damage. */
        READY(1),
        /** Its folders may be gone. An open finishes the work. */
        DELETING(2);

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
        return new TopicImage(name, id, partitions, newConfigs, internal, state);
    }

    TopicImage with(State next) {
        return new TopicImage(name, id, partitions, configs, internal, next);
    }
}
