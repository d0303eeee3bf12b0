package io.reactivemq.netty.server;

import io.netty.util.internal.PlatformDependent;
import io.reactivemq.broker.Broker;
import org.jspecify.annotations.Nullable;

/**
 * What a server was told.
 *
 * @param broker whose topics and groups it serves
 * @param nodeId its number in the cluster of one
 * @param clusterId the cluster's name
 * @param autoCreatePartitions how many partitions a topic gets that is created because a client asked for its metadata; 0: none is created
 * @param defaultPartitions how many a topic gets whose creator leaves it to the server
 * @param frameBytesMax the longest request taken
 * @param inFlightBytesMax of the requests of a connection that wait for their answer; beyond, its socket is not read
 * @param connectionsMax how many connections at a time
 * @param connectionsPerAddressMax how many of them from one address
 * @param fetchedBytesMax of records of all connections' fetches that are in memory at a time
 * @param unwrittenBytesMax of records of all connections that the broker has not written yet
 */
record ServerSettings(
        Broker broker,
        int nodeId,
        @Nullable String clusterId,
        int autoCreatePartitions,
        int defaultPartitions,
        int frameBytesMax,
        long inFlightBytesMax,
        int connectionsMax,
        int connectionsPerAddressMax,
        long fetchedBytesMax,
        long unwrittenBytesMax) {

    /** What fetches of a server may take of the heap: there is as much outside of it while they are sent. */
    static final long FETCHED_BYTES_MAX =
            Math.max(64L << 20, Runtime.getRuntime().maxMemory() / 4);

    /** Of the memory outside of the heap, what records may take that the broker has not written yet. */
    static final long UNWRITTEN_BYTES_MAX = Math.max(64L << 20, PlatformDependent.maxDirectMemory() / 4);

    /** With the usual bounds on all connections together. */
    ServerSettings(
            Broker broker,
            int nodeId,
            @Nullable String clusterId,
            int autoCreatePartitions,
            int defaultPartitions,
            int frameBytesMax,
            long inFlightBytesMax,
            int connectionsMax,
            int connectionsPerAddressMax) {
        this(
                broker,
                nodeId,
                clusterId,
                autoCreatePartitions,
                defaultPartitions,
                frameBytesMax,
                inFlightBytesMax,
                connectionsMax,
                connectionsPerAddressMax,
                FETCHED_BYTES_MAX,
                UNWRITTEN_BYTES_MAX);
    }

    /** The same over another broker. */
    ServerSettings over(Broker other) {
        return new ServerSettings(
                other,
                nodeId,
                clusterId,
                autoCreatePartitions,
                defaultPartitions,
                frameBytesMax,
                inFlightBytesMax,
                connectionsMax,
                connectionsPerAddressMax,
                fetchedBytesMax,
                unwrittenBytesMax);
    }

    long runtimeNanos() {
        return broker.runtime().nanoTime();
    }
}
