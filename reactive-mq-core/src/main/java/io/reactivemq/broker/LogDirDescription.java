package io.reactivemq.broker;

import io.reactivemq.TopicPartition;
import java.util.Map;

/**
 * Where a broker's records are, and how many bytes they have.
 *
 * @param path the directory; of a broker in memory a name that is none
 * @param sizes the bytes of each partition's batches, the broker's own topics among them; those that are offline are not
 */
public record LogDirDescription(String path, Map<TopicPartition, Long> sizes) {

    public LogDirDescription {
        sizes = Map.copyOf(sizes);
    }
}
