package io.reactivemq.examples.demo;

/**
 * A partition at the end of the run.
 *
 * @param partition its index
 * @param records how many records it holds
 * @param delaysCommitted what the group {@code delays} has committed: the offset of the next record it would read
 * @param auditCommitted what the group {@code audit} has committed
 */
record PartitionState(int partition, long records, long delaysCommitted, long auditCommitted) {

    long delaysLag() {
        return records - delaysCommitted;
    }

    long auditLag() {
        return records - auditCommitted;
    }
}
