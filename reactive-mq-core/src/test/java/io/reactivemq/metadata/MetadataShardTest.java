package io.reactivemq.metadata;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.coordinator.CoordinatorRecord;
import io.reactivemq.coordinator.CoordinatorResult;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MetadataShardTest {

    private static final UUID ID = new UUID(1, 2);

    private final MetadataShard shard = new MetadataShard();
    private final List<CoordinatorRecord> log = new ArrayList<>();

    @Test
    void aTopicGoesThroughItsStatesAndAReplayGivesTheSame() {
        NewTopic wanted = new NewTopic("orders", 3, Map.of("durability", "fsync", "segment.bytes", "4096"));
        apply(shard.create(wanted, ID, false));
        assertThat(states(shard)).containsExactly(TopicImage.State.CREATING);
        apply(shard.ready("orders"));
        apply(shard.create(NewTopic.of("inner", 1), new UUID(3, 4), true));
        apply(shard.ready("inner"));

        MetadataShard again = new MetadataShard();
        replay(again, log);

        assertThat(again.topics()).isEqualTo(shard.topics());
        assertThat(again.topics().get(1))
                .isEqualTo(new TopicImage("orders", ID, 3, 3, wanted.configs(), false, TopicImage.State.READY));

        apply(shard.deleting("orders"));
        assertThat(states(shard)).containsExactly(TopicImage.State.READY, TopicImage.State.DELETING);
        apply(shard.deleted("orders"));
        assertThat(shard.topics()).extracting(TopicImage::name).containsExactly("inner");
    }

    @Test
    void theStartOfALogIsKeptForItsTopicAloneAndOnlyMovesOn() {
        apply(shard.create(NewTopic.of("orders", 2), ID, false));
        apply(shard.ready("orders"));
        apply(shard.logStart("orders", ID, 1, 7));
        assertThat(shard.logStart("orders", ID, 1, 7).records()).isEmpty();
        assertThat(shard.logStart("orders", ID, 1, 3).records()).isEmpty();
        assertThat(shard.logStart("orders", new UUID(5, 6), 1, 9).records()).isEmpty();
        assertThat(shard.logStart("others", ID, 1, 9).records()).isEmpty();
        apply(shard.logStart("orders", ID, 1, 9));
        apply(shard.logStart("orders", ID, 0, 1));

        MetadataShard again = new MetadataShard();
        replay(again, log);
        assertThat(again.logStarts()).isEqualTo(Map.of(ID, Map.of(0, 1L, 1, 9L)));

        apply(shard.deleting("orders"));
        apply(shard.deleted("orders"));
        assertThat(shard.logStarts()).isEmpty();
        assertThat(shard.logStart("orders", ID, 0, 2).records()).isEmpty();
        // a tombstone for each key: compaction leaves nothing of a topic that is gone
        replay(again, log);
        assertThat(again.logStarts()).isEmpty();
        assertThat(log.subList(log.size() - 3, log.size()))
                .extracting(CoordinatorRecord::value)
                .containsOnlyNulls();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ".", "..", "a/b", "a b", "../etc", "a\u0000", "ä"})
    void aNameThatIsNotLegalIsRefused(String name) {
        assertError(ErrorCode.INVALID_TOPIC_EXCEPTION, () -> shard.create(NewTopic.of(name, 1), ID, false));
    }

    @Test
    void theLengthOfANameIsBound() {
        assertError(ErrorCode.INVALID_TOPIC_EXCEPTION, () -> shard.create(NewTopic.of("x".repeat(250), 1), ID, false));
        apply(shard.create(NewTopic.of("x".repeat(249), 1), ID, false));
    }

    @Test
    void theNumberOfPartitionsIsBound() {
        assertError(ErrorCode.INVALID_PARTITIONS, () -> shard.create(NewTopic.of("t", 0), ID, false));
        assertError(ErrorCode.INVALID_PARTITIONS, () -> shard.create(NewTopic.of("t", 100_001), ID, false));
    }

    @Test
    void aNameIsTakenFromTheAnnouncementToTheEndOfTheDeletion() {
        apply(shard.create(NewTopic.of("t", 1), ID, false));
        assertError(ErrorCode.TOPIC_ALREADY_EXISTS, () -> shard.create(NewTopic.of("t", 1), ID, false));
        apply(shard.deleting("t"));
        assertError(ErrorCode.TOPIC_ALREADY_EXISTS, () -> shard.create(NewTopic.of("t", 1), ID, false));
        apply(shard.deleted("t"));
        apply(shard.create(NewTopic.of("t", 1), ID, false));
    }

    @Test
    void theBrokersOwnTopicsAreNotDeletedAndUnknownOnesAreAnError() {
        apply(shard.create(NewTopic.of("inner", 1), ID, true));
        assertError(ErrorCode.INVALID_TOPIC_EXCEPTION, () -> shard.deleting("inner"));
        assertError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, () -> shard.deleting("nowhere"));
        assertError(ErrorCode.TOPIC_ALREADY_EXISTS, () -> shard.create(NewTopic.of(MetadataShard.TOPIC, 1), ID, false));
    }

    private void apply(CoordinatorResult<?> result) {
        log.addAll(result.records());
        replay(shard, result.records());
    }

    private static void replay(MetadataShard shard, List<CoordinatorRecord> records) {
        for (CoordinatorRecord r : records) {
            byte[] value = r.value();
            shard.replay(ByteBuffer.wrap(r.key()), value == null ? null : ByteBuffer.wrap(value));
        }
    }

    private static List<TopicImage.State> states(MetadataShard shard) {
        return shard.topics().stream().map(TopicImage::state).toList();
    }

    private static void assertError(ErrorCode code, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(code));
    }
}
