package io.reactivemq.transaction;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.EndTransaction;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionResult;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.coordinator.CoordinatorRecord;
import io.reactivemq.coordinator.CoordinatorResult;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The broker aborts the transaction of a producer that has the last epoch there is: the markers carry the one above, which nobody is given. */
class LastEpochTest {

    private static final String ID = "id";
    private static final ProducerIdAndEpoch LAST = new ProducerIdAndEpoch(7, TransactionMetadata.EPOCH_LAST);
    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    private final TransactionShard machine = new TransactionShard(TransactionConfig.DEFAULT);

    @BeforeEach
    void abortedByTheBroker() {
        TransactionMetadata empty = TransactionMetadata.empty(7, (int) TIMEOUT.toMillis(), 0)
                .begin(LAST, LAST, (int) TIMEOUT.toMillis(), 0);
        replay(TransactionRecords.of(ID, empty));
        apply(machine.add(ID, LAST, Set.of(new TopicPartition("t", 0)), TransactionVersion.V2, 0));
        apply(machine.check(TIMEOUT.toMillis()));
        ProducerIdAndEpoch marked = machine.prepared(ID).orElseThrow().producer();
        assertThat(marked.epoch()).isEqualTo(Short.MAX_VALUE);
        apply(machine.complete(ID, marked, 0));
    }

    @Test
    @DisplayName("K13 a producer with the last epoch that begins anew gets a new id")
    void beginsAnew() {
        assertThat(apply(machine.init(new InitProducerId(ID, TIMEOUT, LAST), 8, 0)))
                .contains(new ProducerIdAndEpoch(8, (short) 0));
    }

    @Test
    @DisplayName("K13 a producer with the last epoch that aborts what the broker has aborted is fenced")
    void aborts() {
        EndTransaction abort = new EndTransaction(ID, LAST, TransactionVersion.V2, TransactionResult.ABORT);
        assertThatThrownBy(() -> machine.end(abort, Set.of(), 8, 0))
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.PRODUCER_FENCED));
    }

    private <R> R apply(CoordinatorResult<R> result) {
        result.records().forEach(this::replay);
        return result.response();
    }

    private void replay(CoordinatorRecord r) {
        machine.replay(ByteBuffer.wrap(r.key()), ByteBuffer.wrap(Objects.requireNonNull(r.value())));
    }
}
