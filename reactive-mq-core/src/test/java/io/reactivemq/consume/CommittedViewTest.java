package io.reactivemq.consume;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Headers;
import io.reactivemq.broker.FetchResult.AbortedTransaction;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.record.TransactionMarker;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("K04 which batches a reader of committed records sees")
class CommittedViewTest {

    private final List<RecordBatch> log = new ArrayList<>();
    private long end;

    private void records(long producer, boolean transactional, int count) {
        RecordBatchBuilder builder = new RecordBatchBuilder(1024, 1 << 16);
        for (int i = 0; i < count; i++) {
            builder.tryAppend(1, null, new byte[] {1}, Headers.empty());
        }
        RecordBatch batch = add(builder.build());
        if (producer >= 0) {
            batch.setProducer(producer, (short) 0, 0, transactional);
        }
    }

    private void marker(long producer, TransactionMarker.Outcome outcome) {
        add(new TransactionMarker(outcome, 0).toBatch(producer, (short) 0, 1));
    }

    private RecordBatch add(ByteBuffer bytes) {
        RecordBatch batch = RecordBatch.at(bytes, bytes.position());
        batch.setBaseOffset(end);
        end = batch.nextOffset();
        log.add(batch);
        return batch;
    }

    private List<Long> seen(AbortedTransaction... aborted) {
        CommittedView view = new CommittedView(List.of(aborted));
        return log.stream()
                .filter(batch -> view.shows(batch) && !batch.isControl())
                .map(RecordBatch::baseOffset)
                .toList();
    }

    @Test
    void abortedOnesAreHiddenUpToTheirProducersMarkerAndNoOthers() {
        records(1, true, 2); // 0, aborted
        records(2, true, 1); // 2, committed
        records(-1, false, 1); // 3
        records(1, true, 1); // 4, aborted
        marker(2, TransactionMarker.Outcome.COMMIT); // 5
        marker(1, TransactionMarker.Outcome.ABORT); // 6
        records(1, true, 1); // 7, committed
        records(2, true, 1); // 8, aborted
        marker(1, TransactionMarker.Outcome.COMMIT); // 9
        records(1, false, 1); // 10, idempotent
        marker(2, TransactionMarker.Outcome.ABORT); // 11
        records(2, true, 1); // 12

        assertThat(seen(new AbortedTransaction(2, 8), new AbortedTransaction(1, 0)))
                .containsExactly(2L, 3L, 7L, 10L, 12L);
        assertThat(seen()).containsExactly(0L, 2L, 3L, 4L, 7L, 8L, 10L, 12L);
    }

    @Test
    void oneThatBeganBeforeTheAnswerIsHiddenFromItsFirstBatchOn() {
        end = 50;
        records(7, true, 1);
        marker(7, TransactionMarker.Outcome.ABORT);
        records(7, true, 1);
        assertThat(seen(new AbortedTransaction(7, 3))).containsExactly(52L);
    }
}
