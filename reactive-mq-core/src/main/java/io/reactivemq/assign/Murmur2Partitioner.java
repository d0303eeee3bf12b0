package io.reactivemq.assign;

/** The partitioner behind {@link Partitioners#murmur2()}. */
final class Murmur2Partitioner implements KeyPartitioner<Object> {

    @Override
    public int partition(Object key, int partitions) {
        return (KeyBytes.hash(key) & Integer.MAX_VALUE) % partitions;
    }
}
