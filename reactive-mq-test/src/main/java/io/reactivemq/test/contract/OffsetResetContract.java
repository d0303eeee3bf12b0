package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupLag;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.OffsetFetch;
import io.reactivemq.broker.OffsetReset;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionResult;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A group's offsets from outside: where they can be set to, and how far behind they are. */
@DisplayName("offsets from outside")
public abstract class OffsetResetContract extends EngineContract {

    private static final String GROUP = "g";
    private static final TopicPartition P0 = new TopicPartition("t", 0);
    private static final TopicPartition P1 = new TopicPartition("t", 1);

    @Test
    @DisplayName(
            "M13 a group's offset is reset to the beginning, the end, an offset, a timestamp, a duration ago, or shifted")
    void resets() {
        topic("t", 2);
        long now = broker().runtime().currentTimeMillis();
        for (int i = 0; i < 10; i++) {
            send(P0, now - 100_000 + i * 10_000L);
        }
        send(P1, now);

        assertThat(reset(OffsetReset.toLatest())).isEqualTo(Map.of(P0, 10L, P1, 1L));
        assertThat(reset(OffsetReset.toEarliest())).isEqualTo(Map.of(P0, 0L, P1, 0L));
        assertThat(reset(OffsetReset.toOffset(4))).as("within the log").isEqualTo(Map.of(P0, 4L, P1, 1L));
        assertThat(reset(OffsetReset.shiftBy(-3))).isEqualTo(Map.of(P0, 1L, P1, 0L));
        assertThat(reset(OffsetReset.toTime(Instant.ofEpochMilli(now - 50_000))))
                .isEqualTo(Map.of(P0, 5L, P1, 0L));
        assertThat(reset(OffsetReset.toDurationAgo(Duration.ofSeconds(25)))).containsEntry(P1, 0L);
        restartIfDurable();
        assertThat(await(broker().fetchOffsets(CALLER, OffsetFetch.all(GROUP))))
                .hasEntrySatisfying(
                        P0, committed -> assertThat(committed.offset()).isBetween(7L, 8L));
    }

    @Test
    @DisplayName("M13 while the group has members nothing is reset")
    void not_while_there_are_members() {
        topic("t", 2);
        await(broker().commitOffsets(CALLER, OffsetCommit.admin(GROUP, Map.of(P0, CommittedOffset.of(0)))));
        await(broker().heartbeat(CALLER, GroupHeartbeat.join(GROUP, "m", Duration.ofSeconds(30), Set.of("t"))));

        assertFails(OffsetReset.toLatest().on(broker(), GROUP, List.of(P0)), ErrorCode.NON_EMPTY_GROUP);
        assertFails(OffsetReset.shiftBy(1).on(broker(), "other", List.of(P0)), ErrorCode.INVALID_REQUEST);
    }

    @Test
    @DisplayName("K24 consumer lag per group and partition is the log end offset minus the committed offset")
    void lag() {
        topic("t", 2);
        for (int i = 0; i < 10; i++) {
            send(P0, i);
        }
        send(P1, 0);
        assertThat(await(GroupLag.of(broker(), GROUP))).isEmpty();
        await(broker().commitOffsets(
                        CALLER,
                        OffsetCommit.admin(GROUP, Map.of(P0, CommittedOffset.of(4), P1, CommittedOffset.of(1)))));

        restartIfDurable();

        assertThat(await(GroupLag.of(broker(), GROUP))).isEqualTo(Map.of(P0, 6L, P1, 0L));
    }

    @Test
    @DisplayName("K24 for readers of committed records the lag ends at the last stable offset")
    void lag_of_committed_records() {
        topic("t", 1);
        send(P0, 1);
        send(P0, 2);
        await(broker().commitOffsets(CALLER, OffsetCommit.admin(GROUP, Map.of(P0, CommittedOffset.of(1)))));
        RawProducer producer = new RawProducer(
                "tx",
                TransactionVersion.V2,
                await(broker().initProducerId(
                                CALLER, new InitProducerId("tx", Duration.ofSeconds(60), ProducerIdAndEpoch.NONE))));
        await(producer.append(broker(), P0, "open 1", "open 2"));
        send(P0, 3);

        restartIfDurable();
        assertThat(lag(IsolationLevel.READ_UNCOMMITTED)).isEqualTo(4);
        assertThat(lag(IsolationLevel.READ_COMMITTED))
                .as("nothing from the open transaction on")
                .isEqualTo(1);
        await(producer.end(broker(), TransactionResult.COMMIT));

        engine().eventually(() -> lag(IsolationLevel.READ_COMMITTED) == 5);
        assertThat(lag(IsolationLevel.READ_UNCOMMITTED)).as("with the marker").isEqualTo(5);
        restartIfDurable();
        assertThat(lag(IsolationLevel.READ_COMMITTED)).isEqualTo(5);
    }

    private long lag(IsolationLevel isolation) {
        return await(GroupLag.of(broker(), CALLER, GROUP, isolation)).getOrDefault(P0, -1L);
    }

    private Map<TopicPartition, Long> reset(OffsetReset reset) {
        return await(reset.on(broker(), GROUP, List.of(P0, P1)));
    }

    private void send(TopicPartition partition, long timestamp) {
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
        await(sender.send(SenderRecord.of(partition.topic(), "k", "v")
                .withPartition(partition.partition())
                .withTimestamp(timestamp)));
    }
}
