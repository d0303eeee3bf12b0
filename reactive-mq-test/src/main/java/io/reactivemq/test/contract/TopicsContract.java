package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.ConfigChange;
import io.reactivemq.broker.ConfigEntry;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.broker.TopicDescription;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Topics: created, listed, described, deleted, and all that again after a restart. */
@DisplayName("topics")
public abstract class TopicsContract extends EngineContract {

    private static final String LONGEST_NAME = "x".repeat(249);

    static Stream<String> invalidNames() {
        return Stream.of(
                "",
                " ",
                ".",
                "..",
                "a/b",
                "../up",
                "/etc",
                "a\\b",
                "a b",
                "ü",
                "a\u0000b",
                "a:b",
                "a\n",
                "x".repeat(250));
    }

    @Test
    void a_new_topic_is_described_and_listed() {
        TopicDescription created =
                await(broker().createTopic(CALLER, new NewTopic("orders", 3, Map.of("max.message.bytes", "2000"))));

        assertThat(created.name()).isEqualTo("orders");
        assertThat(created.partitions()).isEqualTo(3);
        assertThat(created.configs()).containsEntry("max.message.bytes", "2000");
        assertThat(created.internal()).isFalse();
        assertThat(await(broker().describeTopic(CALLER, "orders"))).isEqualTo(created);
        assertThat(await(broker().listTopics(CALLER))).contains(created);
    }

    @Test
    void all_partitions_of_a_new_topic_are_there_and_empty() {
        topic("orders", 3);

        for (int partition = 0; partition < 3; partition++) {
            TopicPartition orders = new TopicPartition("orders", partition);
            assertThat(await(broker().listOffset(CALLER, orders, OffsetSpec.earliest())))
                    .isZero();
            assertThat(endOf(orders)).isZero();
            assertThat(readAll(orders)).isEmpty();
        }
        assertFails(
                broker().listOffset(CALLER, new TopicPartition("orders", 3), OffsetSpec.latest()),
                ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }

    @Test
    void topics_are_listed_by_name() {
        for (String name : List.of("b", "a.z", "C", "a-1", "a")) {
            topic(name, 1);
        }

        assertThat(userTopics()).containsExactly("C", "a", "a-1", "a.z", "b");
    }

    @Test
    void every_topic_has_an_id_of_its_own() {
        topic("a", 1);
        topic("b", 1);
        TopicDescription first = await(broker().describeTopic(CALLER, "a"));
        await(broker().deleteTopic(CALLER, "a"));
        topic("a", 1);

        assertThat(Stream.of("a", "b")
                        .map(name -> await(broker().describeTopic(CALLER, name)).topicId()))
                .doesNotContain(first.topicId())
                .doesNotHaveDuplicates();
    }

    @Test
    void topics_whose_names_differ_only_in_case_or_in_a_number_at_the_end_are_different() {
        topic("orders", 2);
        topic("Orders", 1);
        topic("orders-1", 1);
        append(new TopicPartition("orders-1", 0), StoredRecord.values("of orders-1"));
        append(new TopicPartition("orders", 1), StoredRecord.values("of orders"));
        restartIfDurable();

        assertThat(readAll(new TopicPartition("orders-1", 0)))
                .extracting(StoredRecord::value)
                .containsExactly("of orders-1");
        assertThat(readAll(new TopicPartition("orders", 1)))
                .extracting(StoredRecord::value)
                .containsExactly("of orders");
        assertThat(readAll(new TopicPartition("Orders", 0))).isEmpty();
    }

    @Test
    void a_topic_that_exists_is_not_created_again() {
        topic("orders", 3);
        append(new TopicPartition("orders", 0), StoredRecord.values("kept"));

        assertFails(broker().createTopic(CALLER, NewTopic.of("orders", 5)), ErrorCode.TOPIC_ALREADY_EXISTS);

        assertThat(await(broker().describeTopic(CALLER, "orders")).partitions()).isEqualTo(3);
        assertThat(readAll(new TopicPartition("orders", 0))).hasSize(1);
    }

    @Test
    void of_many_who_create_a_topic_at_once_one_succeeds() {
        Mono<List<String>> outcomes = Flux.fromStream(IntStream.range(1, 9).boxed())
                .flatMap(partitions -> broker().createTopic(CALLER, NewTopic.of("orders", partitions))
                        .map(created -> "created " + created.partitions())
                        .onErrorResume(
                                MqException.class, e -> Mono.just(e.errorCode().name())))
                .collectList();

        List<String> all = await(outcomes);

        int partitions = await(broker().describeTopic(CALLER, "orders")).partitions();
        assertThat(all).hasSize(8).containsOnlyOnce("created " + partitions);
        assertThat(all.stream().filter(outcome -> outcome.equals("TOPIC_ALREADY_EXISTS")))
                .hasSize(7);
    }

    @ParameterizedTest(name = "[{index}]")
    @MethodSource("invalidNames")
    void an_invalid_name_is_refused_and_leaves_nothing(String name) {
        assertFails(broker().createTopic(CALLER, NewTopic.of(name, 1)), ErrorCode.INVALID_TOPIC_EXCEPTION);

        assertThat(userTopics()).isEmpty();
    }

    @Test
    void the_longest_name_there_may_be_works() {
        topic(LONGEST_NAME, 11);
        TopicPartition last = new TopicPartition(LONGEST_NAME, 10);
        append(last, StoredRecord.values("v"));
        restartIfDurable();

        assertThat(readAll(last)).hasSize(1);
        await(broker().deleteTopic(CALLER, LONGEST_NAME));
        restartIfDurable();
        assertThat(userTopics()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -1, Integer.MIN_VALUE})
    void a_topic_has_at_least_one_partition(int partitions) {
        assertFails(broker().createTopic(CALLER, NewTopic.of("orders", partitions)), ErrorCode.INVALID_PARTITIONS);

        assertThat(userTopics()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "max.message.bytes=-1",
                "max.message.bytes=many",
                "message.timestamp.type=Sometimes",
                "no.such.config=1"
            })
    void a_setting_that_is_unknown_or_out_of_range_is_refused(String setting) {
        String[] nameAndValue = setting.split("=", 2);
        Map<String, String> configs = Map.of(nameAndValue[0], nameAndValue[1]);

        Throwable error = catchThrowable(() -> await(broker().createTopic(CALLER, new NewTopic("orders", 1, configs))));

        assertThat(error)
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.INVALID_CONFIG));
        assertThat(error).hasMessageContaining(nameAndValue[0]);
        assertThat(userTopics()).isEmpty();
    }

    @Test
    void an_unknown_topic_is_not_described_deleted_or_made_by_a_request() {
        TopicPartition nowhere = new TopicPartition("nowhere", 0);

        assertFails(broker().describeTopic(CALLER, "nowhere"), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        assertFails(broker().deleteTopic(CALLER, "nowhere"), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        assertFails(broker().listOffset(CALLER, nowhere, OffsetSpec.latest()), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        assertFails(
                broker().append(CALLER, nowhere, StoredRecord.values("v"), Acks.ALL),
                ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        assertThat(userTopics()).isEmpty();
    }

    @Test
    @DisplayName("K23 a deleted topic is gone, and one that is created later under its name is empty")
    void a_deleted_topic_is_gone_and_one_created_later_under_its_name_is_empty() {
        TopicPartition orders = new TopicPartition("orders", 0);
        topic("orders", 1);
        append(orders, StoredRecord.values("old"));

        await(broker().deleteTopic(CALLER, "orders"));

        assertThat(userTopics()).isEmpty();
        assertFails(broker().describeTopic(CALLER, "orders"), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        assertFails(
                broker().append(CALLER, orders, StoredRecord.values("v"), Acks.ALL),
                ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        topic("orders", 1);
        assertThat(readAll(orders)).isEmpty();
        assertThat(append(orders, StoredRecord.values("new")).baseOffset()).isZero();
        restartIfDurable();
        assertThat(readAll(orders)).extracting(StoredRecord::value).containsExactly("new");
    }

    @Test
    void topics_are_there_after_a_restart_as_they_were() {
        topic("a", 2, Map.of("max.message.bytes", "2000"));
        topic("b", 1);
        topic("gone", 1);
        await(broker().deleteTopic(CALLER, "gone"));
        List<TopicDescription> before = await(broker().listTopics(CALLER));

        restart();
        assertThat(await(broker().listTopics(CALLER))).isEqualTo(before);
        topic("c", 1);
        await(broker().deleteTopic(CALLER, "b"));

        restart();
        assertThat(userTopics()).containsExactly("a", "c");
        assertFails(broker().createTopic(CALLER, NewTopic.of("a", 1)), ErrorCode.TOPIC_ALREADY_EXISTS);
    }

    @Test
    @DisplayName("K23 a topic's settings are described: those given for it, and the defaults")
    void settings_are_described() {
        topic("orders", 1, Map.of("max.message.bytes", "2000", "retention.ms", "-1"));

        List<ConfigEntry> settings = await(broker().describeTopicConfigs(CALLER, "orders"));

        assertThat(settings)
                .contains(
                        new ConfigEntry("max.message.bytes", "2000", ConfigEntry.Source.TOPIC),
                        new ConfigEntry("retention.ms", "-1", ConfigEntry.Source.TOPIC),
                        new ConfigEntry("retention.bytes", "-1", ConfigEntry.Source.BROKER),
                        new ConfigEntry("segment.ms", "604800000", ConfigEntry.Source.BROKER),
                        new ConfigEntry("cleanup.policy", "delete", ConfigEntry.Source.BROKER));
        assertThat(settings).extracting(ConfigEntry::name).isSorted().doesNotHaveDuplicates();
        assertFails(broker().describeTopicConfigs(CALLER, "nowhere"), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }

    @Test
    @DisplayName("K23 an altered setting holds from then on, leaves the others alone, and survives a restart")
    void settings_are_altered() {
        topic("orders", 2, Map.of("max.message.bytes", "2000", "retention.bytes", "5000"));
        TopicPartition orders = new TopicPartition("orders", 1);
        assertFails(
                broker().append(CALLER, orders, StoredRecord.values("x".repeat(3000)), Acks.ALL),
                ErrorCode.MESSAGE_TOO_LARGE);

        TopicDescription altered = await(
                broker().alterTopicConfigs(CALLER, "orders", List.of(ConfigChange.set("max.message.bytes", "4000"))));

        assertThat(altered.maxMessageBytes()).isEqualTo(4000);
        assertThat(altered).isEqualTo(await(broker().describeTopic(CALLER, "orders")));
        append(orders, StoredRecord.values("x".repeat(3000)));
        restartIfDurable();
        append(orders, StoredRecord.values("y".repeat(3000)));
        assertThat(valueOf("orders", "max.message.bytes")).isEqualTo("4000");
        assertThat(valueOf("orders", "retention.bytes")).isEqualTo("5000");
        await(broker().alterTopicConfigs(CALLER, "orders", List.of(ConfigChange.set("max.message.bytes", "1000"))));
        assertFails(
                broker().append(CALLER, orders, StoredRecord.values("z".repeat(1000)), Acks.ALL),
                ErrorCode.MESSAGE_TOO_LARGE);
        assertThat(readAll(orders)).hasSize(2);
    }

    @Test
    @DisplayName("K23 a setting that is reset has the default again")
    void settings_are_reset() {
        topic("orders", 1);
        String before = valueOf("orders", "segment.ms");
        await(broker().alterTopicConfigs(CALLER, "orders", List.of(ConfigChange.set("segment.ms", "100000"))));
        assertThat(valueOf("orders", "segment.ms")).isEqualTo("100000");

        await(broker().alterTopicConfigs(CALLER, "orders", List.of(ConfigChange.reset("segment.ms"))));

        assertThat(valueOf("orders", "segment.ms")).isEqualTo(before);
        assertThat(await(broker().describeTopic(CALLER, "orders")).configs()).doesNotContainKey("segment.ms");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "max.message.bytes=-1",
                "retention.ms=-2",
                "retention.ms=soon",
                "cleanup.policy=forget",
                "min.cleanable.dirty.ratio=1.1",
                "no.such.config=1"
            })
    @DisplayName("K23 of changes of which one is not valid none holds")
    void settings_that_are_not_valid_are_refused(String setting) {
        topic("orders", 1);
        String[] nameAndValue = setting.split("=", 2);
        List<ConfigEntry> before = await(broker().describeTopicConfigs(CALLER, "orders"));

        assertFails(
                broker().alterTopicConfigs(
                                CALLER,
                                "orders",
                                List.of(
                                        ConfigChange.set("segment.ms", "100000"),
                                        ConfigChange.set(nameAndValue[0], nameAndValue[1]))),
                ErrorCode.INVALID_CONFIG);

        assertThat(await(broker().describeTopicConfigs(CALLER, "orders"))).isEqualTo(before);
        assertFails(
                broker().alterTopicConfigs(CALLER, "nowhere", List.of(ConfigChange.set("segment.ms", "100000"))),
                ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }

    private String valueOf(String topic, String setting) {
        return await(broker().describeTopicConfigs(CALLER, topic)).stream()
                .filter(entry -> entry.name().equals(setting))
                .map(ConfigEntry::value)
                .findFirst()
                .orElseThrow();
    }

    private List<String> userTopics() {
        List<String> names = new ArrayList<>();
        for (TopicDescription topic : await(broker().listTopics(CALLER))) {
            if (!topic.internal()) {
                names.add(topic.name());
            }
        }
        return names;
    }

    @Test
    @DisplayName("K23 whether a topic could be created, enlarged or configured is told, and nothing is done")
    void validated() {
        topic("t", 2, Map.of("retention.ms", "5000"));
        NewTopic wanted = new NewTopic("new", 3, Map.of("retention.ms", "7000"));

        List<ConfigEntry> settings = await(broker().validateTopic(CALLER, wanted));
        await(broker().validatePartitions(CALLER, "t", 3));
        await(broker().validateTopicConfigs(CALLER, "t", List.of(ConfigChange.set("retention.ms", "6000"))));

        assertThat(settings)
                .contains(new ConfigEntry("retention.ms", "7000", ConfigEntry.Source.TOPIC))
                .hasSameSizeAs(await(broker().describeTopicConfigs(CALLER, "t")));
        assertFails(broker().describeTopic(CALLER, "new"), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        TopicDescription left = await(broker().describeTopic(CALLER, "t"));
        assertThat(left.partitions()).isEqualTo(2);
        assertThat(left.configs()).containsEntry("retention.ms", "5000");
        assertFails(broker().validateTopic(CALLER, NewTopic.of("t", 1)), ErrorCode.TOPIC_ALREADY_EXISTS);
        assertFails(broker().validateTopic(CALLER, NewTopic.of("a/b", 1)), ErrorCode.INVALID_TOPIC_EXCEPTION);
        assertFails(
                broker().validateTopic(CALLER, new NewTopic("new", 1, Map.of("retention.ms", "soon"))),
                ErrorCode.INVALID_CONFIG);
        assertFails(broker().validatePartitions(CALLER, "t", 2), ErrorCode.INVALID_PARTITIONS);
        assertFails(broker().validatePartitions(CALLER, "u", 3), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        assertFails(
                broker().validateTopicConfigs(CALLER, "t", List.of(ConfigChange.set("no.such", "1"))),
                ErrorCode.INVALID_CONFIG);
        assertThat(await(broker().createTopic(CALLER, wanted)).partitions()).isEqualTo(3);
    }
}
