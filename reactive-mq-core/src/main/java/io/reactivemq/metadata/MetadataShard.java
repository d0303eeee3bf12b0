package io.reactivemq.metadata;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.ConfigChange;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.coordinator.CoordinatorRecord;
import io.reactivemq.coordinator.CoordinatorResult;
import io.reactivemq.coordinator.CoordinatorShard;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The state machine of the broker's topics, of the offsets their logs start at, of the producer ids it has given out, and of its {@linkplain SecurityState security}. Creating, growing and
 * deleting take two records each, with the work on the folders between
 * them, so that an open after a crash knows what to finish.
 */
public final class MetadataShard implements CoordinatorShard {

    /** The log of the metadata, opened by fixed name before anything else is known. */
    public static final String TOPIC = "__cluster_metadata";

    /** Partitions of one topic: a bound on what one request may create. */
    private static final int PARTITIONS_MAX = 100_000;

    private static final int NAME_CHARS_MAX = 249;
    private static final Pattern LEGAL_NAME = Pattern.compile("[a-zA-Z0-9._-]{1," + NAME_CHARS_MAX + "}");

    private final Map<String, TopicImage> topics = new TreeMap<>();

    /** Of partitions whose records were deleted up to an offset: those offsets, by topic id and partition. */
    private final Map<UUID, Map<Integer, Long>> logStarts = new HashMap<>();

    /** The first producer id that is not given out. */
    private long nextProducerId;

    private final SecurityState security = new SecurityState();

    /** Announces a topic; its folders come next, then {@link #ready}. */
    public CoordinatorResult<TopicImage> create(NewTopic wanted, UUID id, boolean internal) {
        String name = wanted.name();
        if (!LEGAL_NAME.matcher(name).matches() || name.equals(".") || name.equals("..")) {
            throw new MqException(
                    ErrorCode.INVALID_TOPIC_EXCEPTION,
                    "topic name '" + shortened(name) + "' is not legal: 1 to " + NAME_CHARS_MAX
                            + " letters, digits, '.', '_' and '-', and neither '.' nor '..'");
        }
        requirePartitions(name, 1, wanted.partitions());
        if (topics.containsKey(name) || name.equals(TOPIC)) {
            throw new MqException(ErrorCode.TOPIC_ALREADY_EXISTS, "topic " + name + " exists already");
        }
        return changed(TopicImage.creating(name, id, wanted.partitions(), wanted.configs(), internal));
    }

    private static void requirePartitions(String name, int least, int actual) {
        if (actual < least || actual > PARTITIONS_MAX) {
            throw new MqException(
                    ErrorCode.INVALID_PARTITIONS,
                    "topic " + name + ": the number of partitions must be " + least + " to " + PARTITIONS_MAX + ", was "
                            + actual);
        }
    }

    /** The folders of all partitions that were announced are there. */
    public CoordinatorResult<TopicImage> ready(String name) {
        TopicImage topic = require(name);
        if (topic.state() == TopicImage.State.DELETING) {
            throw new MqException(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "topic " + name + " was deleted meanwhile");
        }
        return changed(topic.ready(topic.partitions()));
    }

    /** Announces more partitions of a topic that is ready; their folders come next, then {@link #ready}, or {@link #grownBack}. */
    public CoordinatorResult<TopicImage> growing(String name, int total) {
        TopicImage topic = requireReadyOfUsers(name);
        requirePartitions(name, topic.partitions() + 1, total);
        return changed(topic.growing(total));
    }

    /** The partitions that were announced can not be made, and their folders are gone again. */
    public CoordinatorResult<TopicImage> grownBack(String name) {
        TopicImage topic = require(name);
        return changed(topic.ready(topic.made()));
    }

    private TopicImage requireReadyOfUsers(String name) {
        TopicImage topic = require(name);
        if (topic.internal()) {
            throw new MqException(
                    ErrorCode.INVALID_TOPIC_EXCEPTION, "topic " + name + " is the broker's own and is not altered");
        }
        if (topic.state() != TopicImage.State.READY) {
            throw new MqException(
                    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                    "topic " + name + " is being created, enlarged or deleted and can't be altered");
        }
        return topic;
    }

    /**
     * Changes settings of a topic that is ready.
     *
     * @param check throws where the settings that come out are not valid
     */
    public CoordinatorResult<TopicImage> alter(
            String name, List<ConfigChange> changes, Consumer<Map<String, String>> check) {
        TopicImage topic = requireReadyOfUsers(name);
        Map<String, String> configs = new HashMap<>(topic.configs());
        Set<String> changed = new HashSet<>();
        for (ConfigChange change : changes) {
            if (!changed.add(change.name())) {
                throw new MqException(
                        ErrorCode.INVALID_CONFIG,
                        "topic setting " + change.name() + " is changed twice in one request");
            }
            String value = change.value();
            if (value == null) {
                configs.remove(change.name());
            } else {
                configs.put(change.name(), value);
            }
        }
        check.accept(configs);
        return changed(topic.with(configs));
    }

    /** Announces a deletion; the folders go next, then {@link #deleted}. */
    public CoordinatorResult<TopicImage> deleting(String name) {
        TopicImage topic = require(name);
        if (topic.internal()) {
            throw new MqException(
                    ErrorCode.INVALID_TOPIC_EXCEPTION, "topic " + name + " is the broker's own and is not deleted");
        }
        if (topic.state() == TopicImage.State.GROWING) {
            throw new MqException(
                    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                    "topic " + name + " is being enlarged; it can be deleted when that has ended");
        }
        return changed(topic.deleting());
    }

    /** Announces that a topic whose creation has failed goes again, the broker's own too; the folders go next, then {@link #deleted}. */
    public CoordinatorResult<TopicImage> givenUp(String name) {
        return changed(require(name).deleting());
    }

    /** The folders of a topic are gone. */
    public CoordinatorResult<Boolean> deleted(String name) {
        List<CoordinatorRecord> records = new ArrayList<>();
        TopicImage topic = topics.get(name);
        if (topic != null) {
            logStarts
                    .getOrDefault(topic.id(), Map.of())
                    .keySet()
                    .forEach(partition -> records.add(LogStartRecords.tombstone(topic.id(), partition)));
        }
        records.add(TopicRecords.tombstone(name));
        return new CoordinatorResult<>(records, Boolean.TRUE);
    }

    /**
     * The records of a partition are deleted below an offset; the response is that offset. Nothing is recorded of a topic that is gone, and
     * nothing that was recorded moves back.
     */
    public CoordinatorResult<Long> logStart(String name, UUID id, int partition, long offset) {
        TopicImage topic = topics.get(name);
        boolean isKnown = topic != null && topic.id().equals(id);
        boolean isNews = offset > logStarts.getOrDefault(id, Map.of()).getOrDefault(partition, 0L);
        return isKnown && isNews
                ? new CoordinatorResult<>(List.of(LogStartRecords.of(id, partition, offset)), offset)
                : CoordinatorResult.of(offset);
    }

    /** The offsets that records were deleted up to, by topic id and partition; of others there was nothing to record. */
    public Map<UUID, Map<Integer, Long>> logStarts() {
        Map<UUID, Map<Integer, Long>> copy = new HashMap<>();
        logStarts.forEach((id, starts) -> copy.put(id, Map.copyOf(starts)));
        return copy;
    }

    /** All topics, by name, whatever their state. */
    public List<TopicImage> topics() {
        return List.copyOf(topics.values());
    }

    /** Gives out that many producer ids; the response is the first of them. */
    public CoordinatorResult<Long> allocateProducerIds(long count) {
        return new CoordinatorResult<>(List.of(ProducerIdRecords.of(nextProducerId + count)), nextProducerId);
    }

    /** ACLs, credentials and quotas. */
    public SecurityState security() {
        return security;
    }

    private static CoordinatorResult<TopicImage> changed(TopicImage topic) {
        List<CoordinatorRecord> records = List.of(TopicRecords.of(topic));
        return new CoordinatorResult<>(records, topic);
    }

    private TopicImage require(String name) {
        TopicImage topic = topics.get(name);
        if (topic == null) {
            throw new MqException(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "there is no topic '" + shortened(name) + "'");
        }
        return topic;
    }

    private static String shortened(String name) {
        return name.length() <= NAME_CHARS_MAX ? name : name.substring(0, NAME_CHARS_MAX) + "...";
    }

    @Override
    public void replay(ByteBuffer key, @Nullable ByteBuffer value) {
        if (key.getShort(key.position()) == ProducerIdRecords.KIND) {
            if (value != null) {
                nextProducerId = ProducerIdRecords.readValue(value);
            }
            return;
        }
        if (security.replay(key, value)) {
            return;
        }
        if (key.getShort(key.position()) == LogStartRecords.KIND) {
            replayLogStart(LogStartRecords.readTopicId(key), key.getInt(), value);
            return;
        }
        String name = TopicRecords.readKey(key);
        if (value == null) {
            topics.remove(name);
        } else {
            topics.put(name, TopicRecords.readValue(name, value));
        }
    }

    private void replayLogStart(UUID topicId, int partition, @Nullable ByteBuffer value) {
        if (value != null) {
            logStarts.computeIfAbsent(topicId, id -> new HashMap<>()).put(partition, LogStartRecords.readValue(value));
            return;
        }
        Map<Integer, Long> own = logStarts.get(topicId);
        if (own != null) {
            own.remove(partition);
            if (own.isEmpty()) {
                logStarts.remove(topicId);
            }
        }
    }
}
