package io.reactivemq.engine;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.ConfigChange;
import io.reactivemq.broker.ConfigEntry;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.LogDirDescription;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.RecordsToDelete;
import io.reactivemq.broker.TopicDescription;
import io.reactivemq.coordinator.Coordinator;
import io.reactivemq.coordinator.CoordinatorResult;
import io.reactivemq.group.TopicCatalog;
import io.reactivemq.log.LogConfig;
import io.reactivemq.log.LogFolder;
import io.reactivemq.log.LogRepair;
import io.reactivemq.log.PartitionLog;
import io.reactivemq.log.RecoveryReport;
import io.reactivemq.metadata.MetadataShard;
import io.reactivemq.metadata.TopicImage;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StorageException.Operation;
import io.reactivemq.topic.Admission;
import io.reactivemq.topic.CleanupPolicy;
import io.reactivemq.topic.Partition;
import io.reactivemq.topic.TopicConfig;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The topics of this broker and the partitions behind them.
 *
 * <p>Creation: the topic is announced in the metadata and forced; the folders are made, each with its {@code
 * partition.metadata}, and their directory is forced; then the marker follows that they are there. Deletion is the same,
 * backwards. An open finishes what a crash has left between two steps. A partition whose log is damaged, or missing behind its marker, is {@linkplain
 * Topic offline}, and the others are served; one of the broker's own topics refuses the open. A folder that nobody announced is moved
 * aside, never deleted.
 *
 * <p>Safe for many threads: {@code topics} is what readers see, and changes only when a step is complete.
 */
final class TopicRegistry implements TopicCatalog {

    private static final Logger LOG = LoggerFactory.getLogger(TopicRegistry.class);

    private static final String PARTITION_METADATA = "partition.metadata";
    private static final Pattern PARTITION_FOLDER = Pattern.compile("[a-zA-Z0-9._-]+-[0-9]+");
    private static final String COMPRESSION_TYPE = "compression.type";
    private static final String ASIDE = ".unknown";

    /** The broker's own topics take what the broker writes, however small a user sets the limits of other topics. */
    private static final int INTERNAL_MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

    /** Their active segments are never compacted: what they hold at most, beside the last record of each key and about as much again. */
    private static final int INTERNAL_SEGMENT_BYTES = 16 * 1024 * 1024;

    private static final int INTERNAL_SEGMENT_IN_MEMORY_BYTES = 1024 * 1024;

    /** Topics and partitions opened or closed at the same time; more than the io threads would only wait. */
    private static final int OPENS_AT_ONCE = 4;

    /** Partitions that one of them opens before it hands on: hopping between threads for each would cost more than some do. */
    private static final int OPENED_IN_TURN = 64;

    private final FileStore store;
    private final Path directory;
    private final TopicConfig defaults;
    private final TopicConfig internal;
    private final MqRuntime runtime;
    private final Admission admission;
    private final Partition metadataPartition;
    private final Coordinator<MetadataShard> metadata;
    private final SecurityStore security;

    private final Map<String, Topic> topics = new ConcurrentHashMap<>();
    /** Those whose creation has failed and could not be taken back. */
    private final Set<String> halfMade = ConcurrentHashMap.newKeySet();

    private final AtomicLong version = new AtomicLong();

    /** As the metadata has them when the broker opens, by topic id and partition; empty once the topics are open. */
    private volatile Map<UUID, Map<Integer, Long>> logStarts = Map.of();

    private final Queue<CutTail> cutTails = new ConcurrentLinkedQueue<>();

    TopicRegistry(FileStore store, Path directory, TopicConfig defaults, MqRuntime runtime, Admission admission) {
        this.store = store;
        this.directory = directory;
        this.defaults = defaults;
        this.runtime = runtime;
        this.admission = admission;
        store.createForcedDirectories(directory);
        TopicPartition id = new TopicPartition(MetadataShard.TOPIC, 0);
        Durability durability = defaults.durability() == Durability.MEMORY ? Durability.MEMORY : Durability.FSYNC;
        this.internal = ofTheBroker(defaults.durability());
        this.metadataPartition = open(id, LogFolder.of(store, folder(id)), ofTheBroker(durability), 0, Admission.OPEN);
        this.metadata = new Coordinator<>(metadataPartition, runtime, MetadataShard::new);
        this.security = new SecurityStore(metadata);
    }

    SecurityStore security() {
        return security;
    }

    /** Nothing of the broker's own state goes because it is old. */
    private static TopicConfig ofTheBroker(Durability durability) {
        LogConfig log = LogConfig.defaults()
                .withMaxMessageBytes(INTERNAL_MESSAGE_BYTES_MAX)
                .withSegmentBytes(
                        durability == Durability.MEMORY ? INTERNAL_SEGMENT_IN_MEMORY_BYTES : INTERNAL_SEGMENT_BYTES);
        return new TopicConfig(durability, log).withCleanup(Set.of(CleanupPolicy.COMPACT));
    }

    /** Replays the metadata, opens every topic, and finishes what a crash has interrupted. */
    Mono<Void> load() {
        return security.load()
                .then(metadata.read(MetadataShard::logStarts))
                .doOnNext(starts -> logStarts = starts)
                .then(metadata.read(MetadataShard::topics))
                .flatMap(images -> onIo(() -> moveUnknownAside(images)))
                .flatMapMany(Flux::fromIterable)
                // to the end of each, also where one fails: none is being opened any more when the broker is closed
                // again
                .flatMapDelayError(
                        image -> switch (image.state()) {
                            case READY ->
                                openPartitions(image, null)
                                        .doOnNext(this::publish)
                                        .thenReturn(image);
                            case CREATING -> finishCreating(image);
                            case GROWING -> finishGrowing(image);
                            case DELETING -> finishDeleting(image);
                        },
                        OPENS_AT_ONCE,
                        1)
                .then()
                .onErrorMap(TopicRegistry::firstOf)
                .doOnSuccess(loaded -> logStarts = Map.of());
    }

    /** Creates a topic; once subscribed it runs to its end, whoever cancels. */
    Mono<TopicDescription> create(NewTopic wanted, boolean internal) {
        Mono<TopicDescription> work = Mono.defer(() -> {
            UUID id = new UUID(runtime.random().nextLong(), runtime.random().nextLong());
            return checked(wanted.configs())
                    .then(clearHalfMade(wanted.name()))
                    .then(Mono.defer(() -> metadata.handle(machine -> machine.create(wanted, id, internal))))
                    .flatMap(this::finishCreating)
                    .map(this::describe);
        });
        return Uncancelled.of(work);
    }

    /** Looks whether a topic could be created, and tells the settings it would have. */
    Mono<List<ConfigEntry>> validate(NewTopic wanted) {
        return checked(wanted.configs())
                .then(Mono.defer(() ->
                        metadata.handle(machine -> tried(machine.create(wanted, new UUID(0, 0), false)))))
                .map(this::configsOf);
    }

    /** Looks whether a topic could get that many partitions. */
    Mono<Void> validateGrow(String name, int total) {
        return Mono.defer(() -> metadata.handle(machine -> tried(machine.growing(name, total))))
                .then();
    }

    /** Looks whether settings of a topic could be changed so. */
    Mono<Void> validateAlter(String name, List<ConfigChange> changes) {
        return checked(librariesOf(changes))
                .then(Mono.defer(() -> metadata.handle(machine -> tried(altered(machine, name, changes)))))
                .then();
    }

    /** What it would be, and nothing is recorded. */
    private static <T> CoordinatorResult<T> tried(CoordinatorResult<T> result) {
        return CoordinatorResult.of(result.response());
    }

    /** Adds partitions to a topic; once subscribed it runs to its end, whoever cancels. */
    Mono<TopicDescription> grow(String name, int total) {
        Mono<TopicDescription> work = Mono.defer(() -> metadata.handle(machine -> machine.growing(name, total)))
                .flatMap(this::finishGrowing)
                .map(this::describe);
        return Uncancelled.of(work);
    }

    /** Ends with an error where the settings are not valid, or ask for a library that is missing. */
    private Mono<Void> checked(Map<String, String> configs) {
        TopicConfig config;
        try {
            config = defaults.with(configs);
        } catch (MqException e) {
            return Blocking.failed(e);
        }
        // in memory, too: loading a library reads files, and who asks may be a thread that must not block
        return configs.containsKey(COMPRESSION_TYPE)
                ? Blocking.call(
                                () -> {
                                    config.loadLibraries();
                                    return true;
                                },
                                runtime.io())
                        .then()
                : Mono.empty();
    }

    /** Changes settings of a topic; once subscribed it runs to its end, whoever cancels. */
    Mono<TopicDescription> alter(String name, List<ConfigChange> changes) {
        Mono<TopicDescription> work = checked(librariesOf(changes))
                .then(Mono.defer(() -> metadata.handle(machine -> altered(machine, name, changes))))
                .flatMap(image -> apply(image).thenReturn(describe(image)));
        return Uncancelled.of(work);
    }

    private CoordinatorResult<TopicImage> altered(MetadataShard machine, String name, List<ConfigChange> changes) {
        return machine.alter(name, changes, configs -> {
            changes.forEach(change -> TopicConfig.requireSetting(change.name()));
            defaults.with(configs);
        });
    }

    /** Those of the new settings that may ask for a library. */
    private static Map<String, String> librariesOf(List<ConfigChange> changes) {
        Map<String, String> set = new LinkedHashMap<>();
        changes.stream()
                .filter(change -> change.name().equals(COMPRESSION_TYPE) && change.value() != null)
                .forEach(change -> set.put(change.name(), String.valueOf(change.value())));
        return set;
    }

    /** Settings reach the partitions in the order in which they were recorded: the answers come in that order, on one thread at a time. */
    private Mono<Void> apply(TopicImage image) {
        Topic altered = topics.computeIfPresent(image.name(), (name, topic) -> topic.with(image));
        if (altered == null) {
            return Mono.empty(); // deleted meanwhile
        }
        TopicConfig config = configOf(image);
        // all are told at once, and then waited for
        return Flux.merge(Flux.fromIterable(altered.open().stream()
                        .map(partition -> partition.configure(config))
                        .toList()))
                .then();
    }

    /** All settings of a topic as they hold; null where there is no such topic. */
    @Nullable List<ConfigEntry> describeConfigs(String name) {
        Topic topic = topics.get(name);
        return topic == null ? null : configsOf(topic.image());
    }

    private List<ConfigEntry> configsOf(TopicImage image) {
        Set<String> given = image.configs().keySet();
        List<ConfigEntry> entries = new ArrayList<>();
        configOf(image)
                .asText()
                .forEach((setting, value) -> entries.add(new ConfigEntry(
                        setting,
                        value,
                        given.contains(setting) ? ConfigEntry.Source.TOPIC : ConfigEntry.Source.BROKER)));
        return entries;
    }

    /**
     * Deletes a topic; once subscribed it runs to its end, whoever cancels.
     *
     * @param forget what others know of the topic with that id, before one of that name can be made anew; where it fails the topic is served no more, and
     *     a further deletion finishes the work
     */
    Mono<Void> delete(String name, Function<UUID, Mono<Void>> forget) {
        Mono<Void> work = Mono.defer(() -> metadata.handle(machine -> machine.deleting(name)))
                .flatMap(image -> finishDeleting(image, forget.apply(image.id())))
                .then();
        return Uncancelled.of(work);
    }

    /** Gives out that many producer ids, none of them twice; the Mono is the first of them. */
    Mono<Long> allocateProducerIds(long count) {
        return metadata.handle(machine -> machine.allocateProducerIds(count));
    }

    /** The topics that are ready, by name. */
    @Override
    public List<TopicDescription> list() {
        return topics.values().stream()
                .map(topic -> describe(topic.image()))
                .sorted(Comparator.comparing(TopicDescription::name))
                .toList();
    }

    @Nullable TopicDescription describe(String name) {
        Topic topic = topics.get(name);
        return topic == null ? null : describe(topic.image());
    }

    private TopicDescription describe(TopicImage image) {
        Topic topic = topics.get(image.name());
        boolean isServed = topic != null && topic.image().id().equals(image.id());
        return new TopicDescription(
                image.name(),
                image.id(),
                image.partitions(),
                image.configs(),
                configOf(image).log().maxMessageBytes(),
                image.internal(),
                topic != null && isServed ? topic.offline() : Map.of());
    }

    private TopicConfig configOf(TopicImage image) {
        return (image.internal() ? internal : defaults).with(image.configs());
    }

    /**
     * Deletes records of a partition. How far is recorded in the metadata, too, before the answer: the log's own checkpoint can be lost. Whole
     * segments need no record, their files are gone. Requests that come at the same time share an append to the metadata.
     *
     * @return where the log starts then
     */
    Mono<Long> deleteRecords(Partition partition, RecordsToDelete records) {
        TopicPartition id = partition.id();
        Topic topic = topics.get(id.topic());
        if (topic == null) {
            return Mono.error(new MqException(
                    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "partition " + id + " was deleted meanwhile"));
        }
        return partition
                .deleteRecords(records)
                .flatMap(start -> records.precision() == RecordsToDelete.Precision.EXACT
                        ? metadata.handle(machine ->
                                machine.logStart(id.topic(), topic.image().id(), id.partition(), start))
                        : Mono.just(start));
    }

    /**
     * The partition; null where there is no such.
     *
     * @throws MqException KAFKA_STORAGE_ERROR where it is offline
     */
    @Nullable Partition find(TopicPartition id) {
        return find(id, null);
    }

    /** As {@link #find(TopicPartition)}, the partition that is meant, if its topic is. */
    @Nullable Partition find(FetchRequest.Partition wanted) {
        return find(wanted.partition(), wanted.topicId());
    }

    private @Nullable Partition find(TopicPartition id, @Nullable UUID topicId) {
        Topic topic = topics.get(id.topic());
        return topic == null
                        || !topic.has(id.partition())
                        || (topicId != null && !topicId.equals(topic.image().id()))
                ? null
                : topic.partition(id.partition());
    }

    /** Where the partitions are, and how many bytes they have. */
    LogDirDescription describeDirectory() {
        return new LogDirDescription(
                directory.toString(),
                partitions().stream().collect(Collectors.toMap(Partition::id, Partition::sizeInBytes)));
    }

    /** Whether the topic is the broker's own. */
    boolean isInternal(String name) {
        Topic topic = topics.get(name);
        return topic != null && topic.image().internal();
    }

    /** The open partitions of the topics that are not the broker's own. */
    List<Partition> partitionsOfUsers() {
        return topics.values().stream()
                .filter(topic -> !topic.image().internal())
                .flatMap(topic -> topic.open().stream())
                .toList();
    }

    /** The open partitions that are compacted, the broker's own too. */
    List<Partition> compactedPartitions() {
        List<Partition> all = new ArrayList<>();
        all.add(metadataPartition);
        topics.values().stream()
                .filter(topic -> configOf(topic.image()).compacts())
                .forEach(topic -> all.addAll(topic.open()));
        return all;
    }

    /** All open partitions, the broker's own too. */
    List<Partition> partitions() {
        List<Partition> all = new ArrayList<>();
        all.add(metadataPartition);
        topics.values().forEach(topic -> all.addAll(topic.open()));
        return all;
    }

    @Override
    public long version() {
        return version.get();
    }

    /** What was cut from the ends of logs when they were opened. */
    List<CutTail> cutTails() {
        return List.copyOf(cutTails);
    }

    /** Closes all partitions that are open, the metadata last. Those that are offline stay as they are. */
    Mono<Void> close() {
        return Flux.fromIterable(topics.values())
                .flatMapIterable(Topic::open)
                .flatMapDelayError(Partition::close, OPENS_AT_ONCE, 1)
                .then(Mono.defer(() -> {
                    metadata.close();
                    return metadataPartition.close();
                }));
    }

    private Mono<TopicImage> finishCreating(TopicImage image) {
        return openPartitions(image, null)
                .flatMap(opened -> metadata.handle(machine -> machine.ready(image.name()))
                        .doOnNext(ready -> publish(opened.with(ready)))
                        .onErrorResume(failure -> close(opened, 0).then(Blocking.failed(failure))))
                .onErrorResume(failure -> {
                    LOG.warn("topic {} could not be created", image.name(), failure);
                    return giveUp(image.name()).onErrorComplete().then(Blocking.failed(failure));
                });
    }

    /**
     * Takes back a creation that has failed. Its end is written first: that the folders are there may stand in the log although it was told as failed. Where this
     * fails, too, as on a disk that is full, the next creation tries it, or an opening.
     */
    private Mono<Void> giveUp(String name) {
        return metadata.handle(machine -> machine.givenUp(name))
                .flatMap(this::finishDeleting)
                .then()
                .doOnError(failure -> halfMade.add(name));
    }

    private Mono<Void> clearHalfMade(String name) {
        return Mono.defer(() -> halfMade.remove(name) ? giveUp(name) : Mono.empty());
    }

    private static Mono<Void> close(Topic opened, int from) {
        return Flux.fromIterable(opened.openFrom(from))
                .flatMap(Partition::close)
                .then();
    }

    /**
     * Opens the partitions that are not there yet, and makes their folders; where that fails the topic is what it was. Where it can't be recorded that they are there, which may be recorded
     * all the same, they stay, and the next opening finishes it.
     */
    private Mono<TopicImage> finishGrowing(TopicImage image) {
        Topic before = topics.get(image.name());
        return openPartitions(image, before)
                .onErrorResume(failure -> {
                    LOG.warn("topic {} could not get {} partitions", image.name(), image.partitions(), failure);
                    return onIo(() -> {
                                deleteFolders(image, image.made());
                                return image;
                            })
                            .then(metadata.handle(machine -> machine.grownBack(image.name())))
                            .then(Blocking.failed(failure));
                })
                .flatMap(grown -> metadata.handle(machine -> machine.ready(image.name()))
                        .doOnNext(ready -> publish(grown.with(ready)))
                        .onErrorResume(failure -> close(grown, before == null ? 0 : before.count())
                                .then(Blocking.failed(failure))));
    }

    /** As the broker opens; what others know of the topic is forgotten when they are there. */
    private Mono<TopicImage> finishDeleting(TopicImage image) {
        return finishDeleting(image, Mono.empty());
    }

    private Mono<TopicImage> finishDeleting(TopicImage image, Mono<Void> forget) {
        Topic gone = topics.remove(image.name());
        version.incrementAndGet();
        Flux<Partition> open = gone == null ? Flux.empty() : Flux.fromIterable(gone.open());
        return open.flatMap(Partition::closeForDeletion)
                .then(forget)
                .then(onIo(() -> {
                    deleteFolders(image, 0);
                    return image;
                }))
                .delayUntil(deleted -> metadata.handle(machine -> machine.deleted(image.name())));
    }

    private void publish(Topic topic) {
        topics.put(topic.image().name(), topic);
        version.incrementAndGet();
    }

    /**
     * Opens the partitions; makes the folders of those that are being created.
     *
     * @param before the topic as it is served, with fewer partitions; null: it is not yet
     */
    private Mono<Topic> openPartitions(TopicImage image, @Nullable Topic before) {
        TopicConfig config = configOf(image);
        @Nullable Partition[] partitions = new @Nullable Partition[image.partitions()];
        Map<Integer, MqException> offline = new ConcurrentHashMap<>();
        int from = before == null ? 0 : before.count();
        if (before != null) {
            before.copyTo(partitions, offline);
        }
        return Flux.range(from, partitions.length - from)
                .window(OPENED_IN_TURN)
                .flatMapDelayError(
                        some -> some.collectList()
                                .flatMap(indexes -> onIo(() -> {
                                    for (int i : indexes) {
                                        partitions[i] = openOrOffline(image, i, config, offline);
                                    }
                                    return true;
                                })),
                        OPENS_AT_ONCE,
                        1)
                .then(onIo(() -> {
                    if (image.made() < image.partitions()) {
                        store.forceDirectory(directory);
                    }
                    return new Topic(image, partitions, offline);
                }))
                .onErrorResume(failure -> Flux.range(from, partitions.length - from)
                        .mapNotNull(i -> partitions[i])
                        .flatMapDelayError(Partition::close, OPENS_AT_ONCE, 1)
                        .onErrorComplete()
                        .then(Blocking.failed(firstOf(failure))));
    }

    /** Of the errors of several that were let run to their ends. */
    private static Throwable firstOf(Throwable failure) {
        return Exceptions.isMultiple(failure)
                ? Exceptions.unwrapMultiple(failure).get(0)
                : failure;
    }

    /** Null where the partition is offline from now on; then it is told why. */
    private @Nullable Partition openOrOffline(
            TopicImage image, int index, TopicConfig config, Map<Integer, MqException> offline) {
        try {
            return openPartition(image, index, config);
        } catch (MqException e) {
            if (index >= image.made() || !isOfThisLog(e)) {
                throw e;
            }
            TopicPartition id = new TopicPartition(image.name(), index);
            if (image.internal()) {
                throw new MqException(
                        e.errorCode(),
                        "the broker keeps its own state in partition " + id + " and does not open without it: "
                                + e.getMessage(),
                        e);
            }
            LOG.error("partition {} is offline, and the others are served: {}", id, e.getMessage());
            offline.put(index, e);
            return null;
        }
    }

    /**
     * Whether the error is that of one log, with which others have nothing to do. A disk that is full, or takes no force, is not, nor are files that can't be opened:
     * the process has too many, or may not.
     */
    private static boolean isOfThisLog(MqException failure) {
        return failure instanceof StorageException storage
                ? storage.operation() == Operation.READ && !(storage.getCause() instanceof ClosedByInterruptException)
                : failure.errorCode() == ErrorCode.CORRUPT_MESSAGE
                        || failure.errorCode() == ErrorCode.KAFKA_STORAGE_ERROR;
    }

    private Partition openPartition(TopicImage image, int index, TopicConfig config) {
        TopicPartition id = new TopicPartition(image.name(), index);
        Path path = folder(id);
        if (index >= image.made()) {
            store.createDirectories(path);
        }
        LogFolder folder = LogFolder.of(store, path);
        if (index < image.made() && !folder.hasSegments()) {
            throw new MqException(
                    ErrorCode.KAFKA_STORAGE_ERROR,
                    "the log of partition " + id + " is missing: expected segments in " + path
                            + ", which the metadata says were made, found "
                            + (folder.exists() ? "none" : "no such folder") + "; nothing was changed; "
                            + LogRepair.advice(path));
        }
        checkIdentity(folder, image);
        long logStart = logStarts.getOrDefault(image.id(), Map.of()).getOrDefault(index, 0L);
        return open(id, folder, config, logStart, image.internal() ? Admission.OPEN : admission);
    }

    private Partition open(TopicPartition id, LogFolder folder, TopicConfig config, long logStart, Admission gate) {
        PartitionLog log = PartitionLog.open(store, folder, id, config.effectiveLog(), logStart);
        RecoveryReport found = log.recovery();
        Path cut = found.cutFile();
        if (cut != null) {
            cutTails.add(new CutTail(id, cut, found.cutPosition(), found.cutBytes(), found.cutReason()));
        }
        return new Partition(id, log, config, runtime, gate);
    }

    /** The folder says which topic it belongs to, as Kafka writes it; where it says nothing it is told. */
    private void checkIdentity(LogFolder folder, TopicImage image) {
        Path file = folder.path().resolve(PARTITION_METADATA);
        String expected = "version: 0\ntopic_id: " + kafkaId(image.id()) + "\n";
        if (!folder.has(PARTITION_METADATA)) {
            store.replaceFile(file, StandardCharsets.UTF_8.encode(expected));
            return;
        }
        String actual = StandardCharsets.UTF_8.decode(store.readFile(file)).toString();
        if (!actual.equals(expected)) {
            throw new MqException(
                    ErrorCode.KAFKA_STORAGE_ERROR,
                    file + " belongs to another topic: expected '" + inOneLine(expected) + "', was '"
                            + inOneLine(actual) + "'; nothing was changed; restore the partition's own folder");
        }
    }

    private static String inOneLine(String text) {
        return text.strip().replace('\n', ' ');
    }

    private static String kafkaId(UUID id) {
        ByteBuffer bytes = ByteBuffer.allocate(16);
        bytes.putLong(id.getMostSignificantBits()).putLong(id.getLeastSignificantBits());
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes.array());
    }

    private void deleteFolders(TopicImage image, int from) {
        for (int i = from; i < image.partitions(); i++) {
            Path folder = folder(new TopicPartition(image.name(), i));
            if (store.exists(folder)) {
                store.deleteRecursively(folder);
            }
        }
        store.forceDirectory(directory);
    }

    private List<TopicImage> moveUnknownAside(List<TopicImage> known) {
        Set<String> expected = new HashSet<>();
        expected.add(metadataPartition.id().toString());
        for (TopicImage image : known) {
            for (int i = 0; i < image.partitions(); i++) {
                expected.add(image.name() + "-" + i);
            }
        }
        for (Path child : store.list(directory)) {
            String name = String.valueOf(child.getFileName());
            if (!expected.contains(name) && PARTITION_FOLDER.matcher(name).matches() && store.isDirectory(child)) {
                Path aside = child.resolveSibling(name + ASIDE);
                LOG.warn("{} belongs to no topic of this broker and is moved to {}", child, aside);
                store.rename(child, aside);
                store.forceDirectory(directory);
            }
        }
        return known;
    }

    private Path folder(TopicPartition id) {
        return directory.resolve(id.toString());
    }

    private <T> Mono<T> onIo(Callable<T> work) {
        return Blocking.call(work, metadataPartition.isBlocking() ? runtime.io() : null);
    }

    @Override
    public String toString() {
        return topics.size() + " topics in " + directory;
    }
}
