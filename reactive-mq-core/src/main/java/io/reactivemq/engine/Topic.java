package io.reactivemq.engine;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.metadata.TopicImage;
import io.reactivemq.topic.Partition;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A topic that is served: what the metadata says of it, and its partitions, each open or offline. One is offline whose log could not be opened
 * for what is wrong with that log alone; nothing of its files is read or changed until the broker is opened again. Immutable.
 */
final class Topic {

    private final TopicImage image;

    /** By index; null: offline. */
    private final @Nullable Partition[] partitions;

    /** Why, by index. */
    private final Map<Integer, MqException> offline;

    /** Takes what it is given: nobody changes it any more. */
    Topic(TopicImage image, @Nullable Partition[] partitions, Map<Integer, MqException> offline) {
        this.image = image;
        this.partitions = partitions;
        this.offline = Collections.unmodifiableMap(new TreeMap<>(offline));
    }

    TopicImage image() {
        return image;
    }

    /** The same partitions, of a topic that has been changed otherwise. */
    Topic with(TopicImage changed) {
        return new Topic(changed, partitions, offline);
    }

    /** How many there are, those that are offline too. */
    int count() {
        return partitions.length;
    }

    boolean has(int index) {
        return index < partitions.length;
    }

    /**
     * One that there is.
     *
     * @throws MqException KAFKA_STORAGE_ERROR where it is offline
     */
    Partition partition(int index) {
        MqException why = offline.get(index);
        if (why != null) {
            throw new MqException(
                    ErrorCode.KAFKA_STORAGE_ERROR,
                    "partition " + new TopicPartition(image.name(), index) + " is offline: " + why.getMessage(),
                    why);
        }
        return Objects.requireNonNull(partitions[index]);
    }

    /** Those that are open. */
    List<Partition> open() {
        return openFrom(0);
    }

    /** Those from an index on that are open. */
    List<Partition> openFrom(int from) {
        return Arrays.stream(partitions, from, partitions.length)
                .filter(Objects::nonNull)
                .toList();
    }

    /** What is wrong with those that are offline, by index. */
    Map<Integer, String> offline() {
        return offline.entrySet().stream()
                .collect(Collectors.toMap(
                        Map.Entry::getKey,
                        entry -> String.valueOf(entry.getValue().getMessage())));
    }

    /** What of it goes into the topic when it grows. */
    void copyTo(@Nullable Partition[] places, Map<Integer, MqException> whyOffline) {
        System.arraycopy(partitions, 0, places, 0, partitions.length);
        whyOffline.putAll(offline);
    }
}
