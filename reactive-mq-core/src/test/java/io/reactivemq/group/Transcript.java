package io.reactivemq.group;

import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ClassicHeartbeat;
import io.reactivemq.broker.ClassicJoin;
import io.reactivemq.broker.ClassicJoinResult;
import io.reactivemq.broker.ClassicLeave;
import io.reactivemq.broker.ClassicSync;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.GroupListing;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.OffsetFetch;
import io.reactivemq.coordinator.Answer;
import io.reactivemq.coordinator.CoordinatorRecord;
import io.reactivemq.coordinator.Deferred;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import org.assertj.core.api.Assertions;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * A conversation with the coordinator, written down. A line that begins with {@code >} is what somebody says, what follows it is what comes of it:
 * the answers, and which records were written. {@link TranscriptsTest} has the words.
 *
 * <p>After each line the records so far are replayed into a state machine of their own, which must have the same groups and offsets.
 */
final class Transcript {

    private static final String GROUP = "g";
    private static final Map<Integer, String> KINDS = Map.of(
            1, "offset", 2, "classic group", 3, "epoch", 5, "member", 6, "target epoch", 7, "target", 8, "current");

    private final TestTopics topics = new TestTopics();
    private GroupConfig config;
    private final List<CoordinatorRecord> log = new ArrayList<>();
    private final Map<String, String> aliases = new LinkedHashMap<>();
    private final Map<String, Client> clients = new HashMap<>();
    private final List<String> out = new ArrayList<>();
    private GroupShard shard;
    private boolean dropped;
    private long nanos;

    Transcript() {
        config = GroupConfig.DEFAULT.withClassic(
                Duration.ofSeconds(3),
                GroupConfig.DEFAULT.classicSessionTimeoutMin(),
                GroupConfig.DEFAULT.classicSessionTimeoutMax());
        shard = replayed();
    }

    private GroupShard newShard() {
        return new GroupShard(config, topics, new Random(log.size()));
    }

    /** The whole text with what comes of each line. */
    String play(List<String> lines) {
        for (String line : lines) {
            if (line.startsWith("#") || line.isBlank()) {
                out.add(line);
            } else if (line.startsWith(">")) {
                out.add(line);
                say(line.substring(1).trim());
                checkReplay(line);
            }
        }
        return String.join("\n", out) + "\n";
    }

    /** All records that were written. */
    List<CoordinatorRecord> records() {
        return List.copyOf(log);
    }

    private void say(String line) {
        String[] words = line.split(" +", -1);
        Words rest = new Words(Arrays.copyOfRange(words, 1, words.length));
        try {
            switch (words[0]) {
                case "topic" -> topics.put(rest.next(), Integer.parseInt(rest.next()));
                case "drop" -> drop(rest.next());
                case "pass" -> pass(Duration.parse("PT" + rest.next()));
                case "restart" -> restart(rest);
                case "heartbeat" -> heartbeat(rest.next(), rest);
                case "join" -> join(rest.next(), rest);
                case "sync" -> sync(rest.next(), rest);
                case "beat" -> beat(rest.next(), rest);
                case "leave" -> leave(rest);
                case "commit" -> commit(rest.next(), rest);
                case "describe" -> describe();
                case "offsets" -> offsets();
                case "delete" -> written(shard.delete(GROUP, step()).records());
                case "expire" -> written(shard.expire(step()).records());
                default -> throw new IllegalArgumentException("no word of a transcript: " + line);
            }
        } catch (MqException e) {
            out.add("  " + e.errorCode());
        }
        answers();
    }

    private void drop(String topic) {
        dropped = true;
        UUID topicId = topics.remove(topic);
        written(shard.forget(topic, topicId, step()).records());
    }

    private Step step() {
        return new Step(nanos, nanos / 1_000_000);
    }

    private void answers() {
        shard.takeAnswers().forEach(Answer::give);
    }

    private void written(List<CoordinatorRecord> records) {
        if (records.isEmpty()) {
            return;
        }
        List<String> texts = new ArrayList<>();
        for (CoordinatorRecord written : records) {
            log.add(written);
            byte[] value = written.value();
            shard.replay(ByteBuffer.wrap(written.key()), value == null ? null : ByteBuffer.wrap(value));
            Decoder key = new Decoder(ByteBuffer.wrap(written.key()));
            int kind = key.int16();
            key.string();
            String who = kind == 1
                    ? " " + key.string() + "-" + key.int32()
                    : kind == 5 || kind == 7 || kind == 8 ? " " + alias(key.string()) : "";
            texts.add((value == null ? "no " : "") + KINDS.get(kind) + who);
        }
        out.add("  written: " + String.join(", ", texts));
    }

    private void pass(Duration time) {
        long end = nanos + time.toNanos();
        for (long next = shard.nextDeadlineNanos(); next <= end; next = shard.nextDeadlineNanos()) {
            nanos = Math.max(nanos, next);
            List<CoordinatorRecord> records = shard.onDeadline(nanos, nanos / 1_000_000);
            if (!records.isEmpty()) {
                out.add("  at " + seconds(nanos));
            }
            written(records);
            answers();
        }
        nanos = end;
    }

    private static String seconds(long nanos) {
        return Duration.ofNanos(nanos).toMillis() / 1000.0 + " s";
    }

    private void restart(Words rest) {
        if (rest.hasNext()) {
            config = config.withMembersMax(Integer.parseInt(rest.next()));
        }
        shard = replayed();
        written(shard.opened(step()).records());
    }

    private GroupShard replayed() {
        GroupShard fresh = newShard();
        for (CoordinatorRecord written : log) {
            byte[] value = written.value();
            fresh.replay(ByteBuffer.wrap(written.key()), value == null ? null : ByteBuffer.wrap(value));
        }
        fresh.loaded(nanos, nanos / 1_000_000);
        return fresh;
    }

    private void checkReplay(String line) {
        GroupShard fresh = replayed();
        Assertions.assertThat(fresh.offsets(OffsetFetch.all(GROUP)))
                .as("offsets replayed after: %s", line)
                .isEqualTo(shard.offsets(OffsetFetch.all(GROUP)));
        for (GroupListing group : shard.list()) {
            boolean onTheWay = group.state() == GroupDescription.State.PREPARING_REBALANCE
                    || group.state() == GroupDescription.State.COMPLETING_REBALANCE;
            boolean unrecorded = group.state() == GroupDescription.State.EMPTY
                    && fresh.list().stream().noneMatch(other -> other.groupId().equals(group.groupId()));
            if (!onTheWay && !unrecorded) {
                GroupDescription expected = shard.describe(group.groupId());
                GroupDescription replayed = fresh.describe(group.groupId());
                // what members have to release of a topic that is gone is not recorded, and keeps them from being
                // settled
                Assertions.assertThat(dropped ? replayed.members() : replayed)
                        .as("replayed after: %s", line)
                        .isEqualTo(dropped ? expected.members() : expected);
            }
        }
    }

    private Client client(String name) {
        return clients.computeIfAbsent(name, Client::new);
    }

    private String alias(String memberId) {
        return aliases.getOrDefault(memberId, memberId.replaceFirst("-[0-9a-f-]{36}$", "-?"));
    }

    /** Ids that the broker made have a part by chance: the text has the client's name, with a mark for each later id. */
    private void learn(Client client, String memberId) {
        client.memberId = memberId;
        if (!aliases.containsKey(memberId)) {
            String name = client.name;
            while (aliases.containsValue(name)) {
                name += "'";
            }
            aliases.put(memberId, name);
        }
    }

    /** One whose name begins with "in" lives in the broker's JVM. */
    private static Caller caller(String name) {
        return name.startsWith("in") ? Caller.embedded(name) : new Caller("User:test", name, "host", "test");
    }

    // ---------------------------------------------------------------- KIP-848

    private void heartbeat(String name, Words words) {
        Client client = client(name);
        String kind = words.next();
        Map<String, String> options = words.options();
        int epoch = switch (kind) {
            case "join" -> GroupHeartbeat.JOIN;
            case "leave" -> GroupHeartbeat.LEAVE;
            case "away" -> GroupHeartbeat.LEAVE_FOR_A_WHILE;
            case "stay" -> client.epoch;
            default -> Integer.parseInt(kind);
        };
        boolean joins = epoch == GroupHeartbeat.JOIN;
        if (client.memberId.isEmpty()) {
            client.memberId = options.getOrDefault("id", name);
        }
        String instance = options.getOrDefault("instance", client.instance);
        client.instance = instance;
        String owned = options.get("owned");
        String wanted = options.get("topics");
        var handled = shard.heartbeat(
                caller(name),
                new GroupHeartbeat(
                        GROUP,
                        client.memberId,
                        epoch,
                        instance,
                        null,
                        joins ? Duration.ofSeconds(60) : null,
                        wanted != null ? Set.of(wanted.split(",", -1)) : joins ? Set.of() : null,
                        options.get("regex"),
                        options.get("assignor"),
                        joins ? Set.of() : owned == null ? null : partitions(owned)),
                step());
        GroupHeartbeatResult result = handled.response();
        client.epoch = result.memberEpoch();
        Set<TopicPartition> assignment = result.assignment();
        out.add("  epoch " + result.memberEpoch()
                + (assignment == null ? "" : ", owns " + text(assignment))
                + ", next in " + result.heartbeatInterval().toMillis() + " ms");
        written(handled.records());
    }

    // ---------------------------------------------------------------- classic

    private void join(String name, Words words) {
        Client client = client(name);
        Map<String, String> options = words.options();
        if (options.containsKey("id")) {
            client.memberId = options.get("id").equals("none") ? "" : options.get("id");
        }
        client.instance = options.getOrDefault("instance", client.instance);
        Set<String> wanted = Set.of(options.getOrDefault("topics", "t").split(",", -1));
        Set<TopicPartition> owned = partitions(options.getOrDefault("owned", ""));
        List<ClassicJoin.Protocol> protocols = Arrays.stream(
                        options.getOrDefault("protocols", "range").split(",", -1))
                .map(protocol -> new ClassicJoin.Protocol(protocol, ConsumerProtocol.subscription(wanted, owned)))
                .toList();
        ClassicJoin request = new ClassicJoin(
                GROUP,
                client.memberId,
                client.instance,
                options.getOrDefault("type", "consumer"),
                protocols,
                Duration.parse("PT" + options.getOrDefault("session", "10s")),
                Duration.parse("PT" + options.getOrDefault("rebalance", "60s")),
                !options.containsKey("old"),
                !options.containsKey("old"),
                null);
        var handled = shard.join(caller(name), request, step());
        heard(name, handled.response(), (ClassicJoinResult result) -> joined(client, result));
        written(handled.records());
    }

    private String joined(Client client, ClassicJoinResult result) {
        learn(client, result.memberId());
        if (result instanceof ClassicJoinResult.Joined joined) {
            client.epoch = joined.generation();
            return alias(joined.memberId()) + " is in generation " + joined.generation() + " of "
                    + joined.protocolName()
                    + (joined.leaderId().isEmpty() ? "" : ", led by " + alias(joined.leaderId()))
                    + (joined.skipAssignment() ? ", which assigns nothing" : "")
                    + (joined.members().isEmpty()
                            ? ""
                            : ", members "
                                    + joined.members().stream()
                                            .map(member -> alias(member.memberId()))
                                            .collect(Collectors.joining(" ")));
        }
        return "join again as " + alias(result.memberId());
    }

    private void sync(String name, Words words) {
        Client client = client(name);
        Map<String, String> options = words.options();
        Map<String, ByteBuffer> assignments = new HashMap<>();
        options.forEach((key, value) -> {
            if (key.startsWith("@")) {
                assignments.put(client(key.substring(1)).memberId, ConsumerProtocol.assignment(partitions(value)));
            }
        });
        var handled = shard.sync(
                new ClassicSync(
                        GROUP,
                        client.memberId,
                        client.instance,
                        generation(client, options),
                        "consumer",
                        null,
                        assignments),
                step());
        heard(
                name,
                handled.response(),
                result ->
                        alias(client.memberId) + " owns " + text(ConsumerProtocol.readAssignment(result.assignment())));
        written(handled.records());
    }

    private static int generation(Client client, Map<String, String> options) {
        String given = options.get("generation");
        return given == null ? client.epoch : Integer.parseInt(given);
    }

    private void beat(String name, Words words) {
        Client client = client(name);
        int generation = generation(client, words.options());
        written(shard.heartbeat(new ClassicHeartbeat(GROUP, client.memberId, client.instance, generation), step())
                .records());
        out.add("  ok");
    }

    private void leave(Words words) {
        List<ClassicLeave.Member> who = new ArrayList<>();
        while (words.hasNext()) {
            String name = words.next();
            who.add(
                    name.startsWith("instance=")
                            ? new ClassicLeave.Member("", name.substring("instance=".length()), null)
                            : new ClassicLeave.Member(client(name).memberId, client(name).instance, null));
        }
        var handled = shard.leave(new ClassicLeave(GROUP, who), step());
        handled.response()
                .members()
                .forEach(member -> out.add("  " + alias(member.memberId())
                        + (member.instanceId() == null ? "" : "/" + member.instanceId()) + ": "
                        + (member.error() == null ? "left" : member.error())));
        written(handled.records());
    }

    private <R> void heard(String name, Deferred<R> answer, java.util.function.Function<R, String> told) {
        Mono<R> response = answer.response();
        response.subscribe(
                result -> out.add("  to " + name + ": " + told.apply(result)),
                error -> out.add("  to " + name + ": " + ((MqException) error).errorCode()));
    }

    // ---------------------------------------------------------------- offsets

    private void commit(String name, Words words) {
        TopicPartition partition = partition(words.next());
        long offset = Long.parseLong(words.next());
        Map<String, String> options = words.options();
        Map<TopicPartition, CommittedOffset> offsets = Map.of(partition, CommittedOffset.of(offset));
        Client client = client(name);
        OffsetCommit commit = name.equals("nobody")
                ? OffsetCommit.admin(GROUP, offsets)
                : new OffsetCommit(GROUP, client.memberId, generation(client, options), client.instance, offsets, null);
        var handled = shard.commit(commit, step());
        handled.response().values().forEach(error -> out.add("  " + error));
        written(handled.records());
    }

    private void offsets() {
        Map<TopicPartition, CommittedOffset> all = new TreeMap<>(shard.offsets(OffsetFetch.all(GROUP)));
        out.add("  "
                + (all.isEmpty()
                        ? "nothing"
                        : all.entrySet().stream()
                                .map(entry -> entry.getKey() + " at "
                                        + entry.getValue().offset())
                                .collect(Collectors.joining(", "))));
    }

    private void describe() {
        GroupDescription group = shard.describe(GROUP);
        out.add("  " + group.type().text() + ", " + group.state().text() + ", epoch " + group.groupEpoch() + ", target "
                + group.assignmentEpoch() + ", " + group.assignor());
        for (GroupDescription.Member member : group.members()) {
            out.add("  " + alias(member.memberId()) + ": epoch " + member.memberEpoch()
                    + (member.type() == group.type() ? "" : ", " + member.type().text())
                    + (member.instanceId() == null ? "" : ", instance " + member.instanceId())
                    + (member.assignment().hasRemaining()
                            ? ", owns " + text(ConsumerProtocol.readAssignment(member.assignment()))
                            : ", owns " + text(member.assigned()) + " of " + text(member.target())));
        }
    }

    private static String text(Set<TopicPartition> partitions) {
        return partitions.isEmpty()
                ? "nothing"
                : new TreeSet<>(partitions)
                        .stream().map(TopicPartition::toString).collect(Collectors.joining(" "));
    }

    private static Set<TopicPartition> partitions(String text) {
        Set<TopicPartition> partitions = new TreeSet<>();
        if (!text.isEmpty() && !text.equals("nothing")) {
            for (String one : text.split(",", -1)) {
                partitions.add(partition(one));
            }
        }
        return partitions;
    }

    private static TopicPartition partition(String text) {
        int dash = text.lastIndexOf('-');
        return new TopicPartition(text.substring(0, dash), Integer.parseInt(text.substring(dash + 1)));
    }

    private static final class Client {
        final String name;
        String memberId = "";

        @Nullable String instance;

        int epoch;

        Client(String name) {
            this.name = name;
        }
    }

    private static final class Words {
        private final String[] words;
        private int next;

        Words(String[] words) {
            this.words = words;
        }

        boolean hasNext() {
            return next < words.length;
        }

        String next() {
            return words[next++];
        }

        /** The rest, each {@code name=value} or a name. */
        Map<String, String> options() {
            Map<String, String> options = new HashMap<>();
            while (hasNext()) {
                String[] parts = next().split("=", 2);
                options.put(parts[0], parts.length == 1 ? "" : parts[1]);
            }
            return options;
        }
    }
}
