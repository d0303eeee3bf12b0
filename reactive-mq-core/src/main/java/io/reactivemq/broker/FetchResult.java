package io.reactivemq.broker;

import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import java.nio.ByteBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a fetch brought, a part for each partition asked for, in the order of the request.
 *
 * @param partitions the parts
 */
public record FetchResult(List<Partition> partitions) {

    public FetchResult {
        partitions = List.copyOf(partitions);
    }

    /**
     * One partition's share.
     *
     * @param partition the partition
     * @param error why there are no records; null where all is well
     * @param logStartOffset the partition's first offset; -1 with an error that leaves it unknown
     * @param highWatermark the offset behind the last durable record; -1 with an error that leaves it unknown
     * @param lastStableOffset where the first open transaction begins, or the high watermark; -1 with an error that leaves it unknown
     * @param abortedTransactions for readers of committed records: what to leave out, by producer, each from its first offset up to the
     *     producer's next control batch
     * @param records whole batches; read-only; the first may begin before the offset asked for, and records below it are
     *     to be skipped; empty where there is nothing, and where they are lent
     * @param lent the batches where they were lent to the {@linkplain FetchRequest#lease lease} of the request, else null
     */
    public record Partition(
            TopicPartition partition,
            @Nullable MqException error,
            long logStartOffset,
            long highWatermark,
            long lastStableOffset,
            List<AbortedTransaction> abortedTransactions,
            ByteBuffer records,
            @Nullable LentRecords lent) {

        public Partition {
            abortedTransactions = List.copyOf(abortedTransactions);
        }

        /** With records of the caller's own. */
        public Partition(
                TopicPartition partition,
                @Nullable MqException error,
                long logStartOffset,
                long highWatermark,
                long lastStableOffset,
                List<AbortedTransaction> abortedTransactions,
                ByteBuffer records) {
            this(partition, error, logStartOffset, highWatermark, lastStableOffset, abortedTransactions, records, null);
        }

        /** Without open or aborted transactions. */
        public Partition(
                TopicPartition partition,
                @Nullable MqException error,
                long logStartOffset,
                long highWatermark,
                ByteBuffer records) {
            this(partition, error, logStartOffset, highWatermark, highWatermark, List.of(), records);
        }

        /** Of the batches, lent or not. */
        public int sizeInBytes() {
            return lent == null ? records.remaining() : lent.size();
        }
    }

    /**
     * A transaction that was aborted.
     *
     * @param producerId whose it was
     * @param firstOffset of its first record
     */
    public record AbortedTransaction(long producerId, long firstOffset) {}
}
