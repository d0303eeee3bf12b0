package io.reactivemq.examples.parcels;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;

/**
 * What can be set of the application.
 *
 * @param depots the depots there are; a scan at another one is refused
 * @param topic where scans go
 * @param partitions of the topic, when it is made
 * @param data the directory of the broker; none: it is in memory
 * @param memory how many bytes of records a broker in memory holds at most
 * @param kafkaPort where Kafka's clients connect to, on loopback; 0: any that is free
 * @param group the consumer group that keeps the state of the depots
 * @param browserBuffer how many scans wait for a slow browser before the oldest go
 * @param lagMax how many records the group may be behind before the application is unhealthy
 * @param healthTimeout how long the lag may take to be told
 * @param drain how long each part may take to end in good order
 */
@ConfigurationProperties("parcels")
record ParcelsProperties(
        Set<String> depots,
        @DefaultValue("parcel-scans") String topic,
        @DefaultValue("4") int partitions,
        @Nullable Path data,
        @DefaultValue("64MB") DataSize memory,
        @DefaultValue("9092") int kafkaPort,
        @DefaultValue("depot-board") String group,
        @DefaultValue("256") int browserBuffer,
        @DefaultValue("10000") long lagMax,
        @DefaultValue("5s") Duration healthTimeout,
        @DefaultValue("5s") Duration drain) {}
