package io.reactivemq.topic;

import io.reactivemq.MqException;
import io.reactivemq.log.LogConfig.RecordCheck;
import io.reactivemq.record.RecordBatches;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.jctools.queues.MessagePassingQueue;
import org.jctools.queues.varhandle.MpscChunkedVarHandleArrayQueue;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Sinks;

/** What a partition's writer is to do: appends from any thread, bounded, and administration beside them. The writer takes both. */
final class PartitionQueue {

    /** Appends that may wait for the writer. Senders have a few under way each, so this is room for hundreds of them. */
    static final int APPENDS_MAX = 4096;

    /** Administration that may wait for the writer: a few callers, not traffic. */
    static final int TASKS_MAX = 1024;

    /** What a thread may write at a time that must not wait: a copy of less than a millisecond. */
    static final int BRIEF_BYTES_MAX = 1 << 20;

    private static final int FIRST_APPENDS = 8;

    /** Made by the first append: most partitions of a broker with many are idle. */
    private final AtomicReference<@Nullable MessagePassingQueue<Append>> appends = new AtomicReference<>();

    /** Guarded by itself. */
    private final List<Task<?>> tasks = new ArrayList<>(0);

    /** False where too many wait. */
    boolean offer(Append append) {
        MessagePassingQueue<Append> made = appends.get();
        if (made == null) {
            MessagePassingQueue<Append> mine = new MpscChunkedVarHandleArrayQueue<>(FIRST_APPENDS, APPENDS_MAX);
            made = appends.compareAndSet(null, mine) ? mine : Objects.requireNonNull(appends.get());
        }
        return made.offer(append);
    }

    /** The writer's. */
    @Nullable Append pollAppend() {
        MessagePassingQueue<Append> made = appends.get();
        return made == null ? null : made.poll();
    }

    /** The writer's. */
    boolean hasAppends() {
        MessagePassingQueue<Append> made = appends.get();
        return made != null && !made.isEmpty();
    }

    /** False where too many wait. */
    boolean offer(Task<?> task) {
        synchronized (tasks) {
            return tasks.size() < TASKS_MAX && tasks.add(task);
        }
    }

    /** The writer's. */
    boolean hasTasks() {
        synchronized (tasks) {
            return !tasks.isEmpty();
        }
    }

    /** The writer's. */
    @Nullable Task<?> pollTask() {
        synchronized (tasks) {
            return tasks.isEmpty() ? null : tasks.remove(0);
        }
    }

    /** Work for the writer, and who waits for it. What fails is the waiting caller's to know. */
    record Task<T>(Callable<T> work, Sinks.One<T> result) {
        void run(@Nullable MqException refusal) {
            if (refusal != null) {
                result.tryEmitError(refusal);
                return;
            }
            try {
                result.tryEmitValue(work.call());
            } catch (Exception e) {
                result.tryEmitError(e);
            } catch (Throwable e) {
                result.tryEmitError(e);
                throw e;
            }
        }
    }

    /** An append on its way to the log. */
    record Append(
            ByteBuffer records,
            Content content,
            RecordCheck check,
            BooleanSupplier condition,
            AppendListener listener) {

        Append(ByteBuffer records, Content content, BooleanSupplier condition, AppendListener listener) {
            this(records, content, RecordCheck.BATCH, condition, listener);
        }

        static boolean always() {
            return true;
        }

        /** Whether records are decompressed that somebody else has compressed: to what, nobody knows before. */
        boolean isLong() {
            return check != RecordCheck.BATCH && RecordBatches.isAnyCompressed(records);
        }

        /** Whether a thread may write it that must not wait: nothing is decompressed or forced for it, whatever the topic asks for. */
        boolean isBrief() {
            return records.remaining() <= BRIEF_BYTES_MAX
                    && content != Content.MARKER
                    && content != Content.FORCED_MARKER
                    && !RecordBatches.isAnyCompressed(records);
        }
    }

    /** What an append is. */
    enum Content {
        DATA,
        DATA_FOR_ALL_REPLICAS,
        UNNUMBERED,
        MARKER,
        FORCED_MARKER
    }
}
