package io.reactivemq.examples.demo;

/**
 * A partition at the end of the run.
 *
 * @param partition its index
 * @param records how many records it holds
 * @param groupCommitted what the group that does the work has committed: the offset of the next record it would read
 * @param auditCommitted what the group {@code audit} has committed
 */
record PartitionState(int partition, long records, long groupCommitted, long auditCommitted) {

    long groupLag() {
        return records - groupCommitted;
    }

    long auditLag() {
        return records - auditCommitted;
    }
}
