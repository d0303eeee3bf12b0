package io.reactivemq.group;

/** The topics there are, as groups need to know them. Safe for many threads. */
public interface TopicCatalog {

    /** Rises with each topic that is created, deleted or changed. */
    long version();

    /** How many partitions a topic has; 0 where there is no such topic. */
    int partitionCount(String topic);
}
