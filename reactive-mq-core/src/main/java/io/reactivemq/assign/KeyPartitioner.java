package io.reactivemq.assign;

/**
 * Chooses the partition of a key. {@link Partitioners} has those that come with this library; a lambda is one, too.
 *
 * @param <K> the type of the keys
 */
@FunctionalInterface
public interface KeyPartitioner<K> {

    /**
     * The partition of a key. Called on the source's thread for each element, so it must be quick and must not block.
     *
     * @param key the key
     * @param partitions how many there are, 1 or more; the same in all calls for one source
     * @return an index in {@code [0, partitions)}; anything else, and an exception, ends the stream with an error
     */
    int partition(K key, int partitions);

    /**
     * The partitioner that one source uses: itself if it has no state, else a new one. What is returned is called by one thread at
     * a time.
     */
    default KeyPartitioner<K> forOneSource() {
        return this;
    }
}
