package io.reactivemq.assign;

/** The partitioner behind {@link Partitioners#roundRobin} and {@link Partitioners#sticky}. */
final class TakingTurns<K> implements KeyPartitioner<K> {

    private final int run;
    private int partition;
    private int done;

    TakingTurns(int run) {
        this.run = run;
    }

    @Override
    public int partition(K key, int partitions) {
        if (done == run) {
            done = 0;
            partition = partition + 1 < partitions ? partition + 1 : 0;
        }
        done++;
        return partition;
    }

    @Override
    public KeyPartitioner<K> forOneSource() {
        return new TakingTurns<>(run);
    }
}
