package io.reactivemq.produce;

import io.reactivemq.Compression;
import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.metrics.SenderMeters;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatchBuilder;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;

/**
 * The batches of one send between its records and the broker: a lane a partition, in which one batch takes records, closed
 * ones wait and one append is under way. Belongs to the send's worker, on which every method is called; answers and timers
 * come in through {@link Host#execute}.
 *
 * <p>One append at a time keeps the order of a partition when one must be tried again, without the broker's help. It costs
 * little: what arrives meanwhile makes the next batch larger.
 *
 * <p>Invariant: {@code bytes}, the sum over the batches open, closed and sent, is at most {@code bufferBytes}.
 */
final class Outbox {

    /** What the outbox needs of the send it serves. */
    interface Host extends Request.Host {
        /** The batch has failed for good: whether the send goes on with the next. */
        boolean goesOnAfter(Batch batch, MqException failure);

        /** The batch, and with it the send, has failed for good. */
        void ended(Batch batch, MqException failure);

        /** A batch of the topic begins. */
        void opened(Topic topic, long nowNanos);
    }

    /** A batch's buffer begins with that much and doubles. */
    private static final int INITIAL_BUFFER_BYTES = 1024;

    /** The part of bufferBytes that may be kept in free buffers, for reuse. More is free only after a burst. */
    private static final int FREE_PART = 8;

    /** A record's length, attributes, deltas, lengths of key and value and count of headers, each at its longest. */
    private static final int RECORD_OVERHEAD_BYTES_MAX = 5 + 1 + 10 + 5 + 5 + 5 + 5;

    /** While records keep coming, a batch without linger waits no longer than this to be filled. */
    private static final long BUSY_LINGER_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

    /** Codes that say: this attempt has put nothing into the log. They say nothing of the attempts before it. */
    private static final Set<ErrorCode> REFUSED = EnumSet.of(
            ErrorCode.MESSAGE_TOO_LARGE,
            ErrorCode.INVALID_RECORD,
            ErrorCode.INVALID_TIMESTAMP,
            ErrorCode.POLICY_VIOLATION,
            ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);

    private final Host host;
    private final Broker broker;
    private final MqRuntime runtime;
    private final Caller caller;
    private final SenderOptions<?, ?> options;
    private final long lingerNanos;
    private final @Nullable SenderMeters meters;
    private final int batchBytes;
    private final long bufferBytes;

    private final List<Lane> lanes = new ArrayList<>();

    /** Lanes in which a batch was opened since the last flush. */
    private final List<Lane> unflushed = new ArrayList<>();

    private final ArrayDeque<ByteBuffer> freeBuffers = new ArrayDeque<>();

    private long freeBytes;
    private long bytes;
    private int sentBatches;
    private long unflushedSinceNanos;

    /** Batches that begin at this sequence or later are not sent. */
    private long endSequence = Long.MAX_VALUE;

    /** As whom it appends; null: without idempotence, or not known yet. */
    private @Nullable ProducerSession session;

    private @Nullable Disposable lingerTimer;
    private @Nullable Disposable deliveryTimer;

    Outbox(Host host, Broker broker, Caller caller, SenderOptions<?, ?> options) {
        this.host = host;
        this.broker = broker;
        this.runtime = broker.runtime();
        this.caller = caller;
        this.options = options;
        this.meters = options.meters();
        this.lingerNanos = options.linger().toNanos();
        this.batchBytes = Math.max(RecordBatch.HEADER_BYTES, options.batchSizeBytes());
        this.bufferBytes = Math.max(batchBytes, options.bufferBytes());
    }

    /** What the batches take that are open, closed and sent. */
    long bytes() {
        return bytes;
    }

    void sendAs(ProducerSession producer) {
        session = producer;
    }

    /** The lanes of a topic, made on first use; where its records without a key go. */
    final class Topic {
        final String name;
        private @Nullable Lane[] byPartition;
        private int partitions;

        /** Whether its partitions have to be asked for again before the next record. */
        private boolean isStale;

        private int sticky = -1;
        private int lastSticky = -1;

        Topic(String name, int partitions) {
            this.name = name;
            this.byPartition = new Lane[partitions];
            this.partitions = partitions;
        }

        int partitions() {
            return partitions;
        }

        boolean isStale() {
            return isStale;
        }

        /** What is known of it may be over: perhaps it is gone, or made anew. */
        void stale() {
            isStale = true;
        }

        /** It has that many partitions now: fewer, where it was made anew. Lanes stay, for what is in them. */
        void resize(int now) {
            isStale = false;
            if (now > byPartition.length) {
                byPartition = Arrays.copyOf(byPartition, now);
            }
            partitions = now;
            if (sticky >= now) {
                sticky = -1;
            }
            if (lastSticky >= now) {
                lastSticky = -1;
            }
        }

        Lane lane(int partition) {
            Lane lane = byPartition[partition];
            if (lane == null) {
                lane = new Lane(this, new TopicPartition(name, partition));
                byPartition[partition] = lane;
                lanes.add(lane);
            }
            return lane;
        }

        /** The partition whose batch records without a key fill now. */
        Lane stickyLane() {
            if (sticky < 0) {
                int others = partitions - 1;
                if (lastSticky < 0) {
                    sticky = runtime.random().nextInt(partitions);
                } else if (others == 0) {
                    sticky = 0;
                } else {
                    int next = runtime.random().nextInt(others);
                    sticky = next < lastSticky ? next : next + 1;
                }
                lastSticky = sticky;
            }
            return lane(sticky);
        }

        private void batchClosed(int partition) {
            if (sticky == partition) {
                sticky = -1;
            }
        }
    }

    /** One partition. */
    final class Lane {
        final TopicPartition partition;
        final Topic topic;
        private final RecordBatchBuilder builder =
                new RecordBatchBuilder(Math.min(INITIAL_BUFFER_BYTES, batchBytes), batchBytes, options.compression());
        private final ArrayDeque<Batch> closed = new ArrayDeque<>();
        private @Nullable Batch open;
        private @Nullable Batch sent;

        /** Whether it is in {@code unflushed}. */
        private boolean isUnflushed;

        /** Whether the open batch goes as soon as no other is on its way. */
        private boolean isDue;

        private Lane(Topic topic, TopicPartition partition) {
            this.topic = topic;
            this.partition = partition;
        }
    }

    Topic topic(String name, int partitions) {
        return new Topic(name, partitions);
    }

    // ---------------------------------------------------------------- records in

    /** More than the bytes this record adds to the outbox, a new batch's header included. */
    static long bytesBound(byte @Nullable [] key, byte @Nullable [] value, Headers headers) {
        long bound = RecordBatch.HEADER_BYTES + RECORD_OVERHEAD_BYTES_MAX;
        bound += key == null ? 0 : key.length;
        bound += value == null ? 0 : value.length;
        if (!headers.isEmpty()) {
            for (var header : headers) {
                byte[] headerValue = header.value();
                bound += 10 + 3L * header.key().length() + (headerValue == null ? 0 : headerValue.length);
            }
        }
        return bound;
    }

    /** Whether a record of that bound can be taken now: while it is not known as whom to append, as much as no batch is full of. */
    boolean hasRoomFor(long bytesBound) {
        return bytes + bytesBound <= (isHeld() ? batchBytes : bufferBytes);
    }

    /** Whether it is not known as whom to append, so that no batch can be closed. */
    private boolean isHeld() {
        return session == null && options.idempotence();
    }

    /** Whether a record of that bound can ever be taken. */
    boolean couldHold(long bytesBound) {
        return bytesBound <= bufferBytes;
    }

    /** Puts a record into the lane's open batch; null, and nothing has changed, where that batch is full. */
    @Nullable Batch tryAdd(
            Lane lane,
            long sequence,
            long timestampMs,
            byte @Nullable [] key,
            byte @Nullable [] value,
            Headers headers) {
        RecordBatchBuilder builder = lane.builder;
        Batch batch = lane.open;
        if (batch == null) {
            ByteBuffer buffer = freeBuffers.pollLast();
            if (buffer != null) {
                freeBytes -= buffer.capacity();
                builder.reuse(buffer);
            }
        }
        int sizeBefore = builder.sizeInBytes();
        if (!builder.tryAppend(timestampMs, key, value, headers)) {
            return null;
        }
        bytes += builder.sizeInBytes() - sizeBefore;
        assert bytes <= bufferBytes : bytes + " bytes held, bufferBytes is " + bufferBytes;
        if (batch == null) {
            batch = new Batch(lane, sequence, runtime.nanoTime());
            lane.open = batch;
            host.opened(lane.topic, batch.openedNanos);
            if (!lane.isUnflushed) {
                if (unflushed.isEmpty()) {
                    unflushedSinceNanos = batch.openedNanos;
                }
                lane.isUnflushed = true;
                unflushed.add(lane);
            }
        }
        return batch;
    }

    /** Closes the lane's open batch, which is full, and sends it as soon as its turn comes. */
    void close(Lane lane) {
        Batch batch = lane.open;
        if (batch == null) {
            return;
        }
        lane.open = null;
        lane.isDue = false;
        batch.count = lane.builder.count();
        int bytesBefore = lane.builder.sizeInBytes();
        ByteBuffer built = session == null
                ? lane.builder.build()
                : session.at(lane.partition).build(lane.builder);
        bytes += built.limit() - bytesBefore;
        batch.buffer = built;
        batch.state = Batch.State.CLOSED;
        lane.topic.batchClosed(lane.partition.partition());
        if (lane.sent == null) {
            send(batch);
        } else {
            lane.closed.add(batch);
        }
    }

    /** Whether there is anything to flush. */
    boolean hasUnflushed() {
        return !unflushed.isEmpty() && !isHeld();
    }

    /** Whether the oldest of what is not flushed has waited long enough, though more is coming. */
    boolean isFlushDue() {
        return runtime.nanoTime() - unflushedSinceNanos >= (lingerNanos == 0 ? BUSY_LINGER_NANOS : lingerNanos);
    }

    /** Every open batch goes now, or as soon as its lane's append is answered. */
    void flush() {
        for (Lane lane : unflushed) {
            lane.isUnflushed = false;
            if (lane.open == null) {
                continue;
            }
            if (lane.sent == null) {
                close(lane);
            } else {
                lane.isDue = true;
            }
        }
        unflushed.clear();
    }

    // ---------------------------------------------------------------- appends

    private void send(Batch batch) {
        ByteBuffer buffer = batch.buffer;
        if (batch.firstSequence >= endSequence || buffer == null) {
            return;
        }
        TopicPartition partition = batch.lane().partition;
        Request<AppendResult> append = new Request<>(
                host,
                runtime,
                options,
                batch.openedNanos,
                () -> partition + ": the append of " + batch.count + " records",
                () -> append(partition, buffer.duplicate()),
                (result, failure) -> answered(batch, buffer, result, failure));
        batch.lane().sent = batch;
        batch.state = Batch.State.SENT;
        batch.append = append;
        sentBatches++;
        append.attempt();
    }

    private Mono<AppendResult> append(TopicPartition partition, ByteBuffer records) {
        return session == null
                ? broker.append(caller, partition, records, options.acks())
                : session.append(broker, caller, partition, records, options.acks());
    }

    private void answered(
            Batch batch, ByteBuffer buffer, @Nullable AppendResult result, @Nullable MqException failure) {
        sentBatches--;
        if (failure != null && failure.errorCode() == ErrorCode.DUPLICATE_SEQUENCE_NUMBER) {
            // it is in the log, so long ago that its place is not known there any more
            answered(batch, buffer, new AppendResult(-1, -1, -1));
            return;
        }
        if (failure != null && failure.errorCode() == ErrorCode.UNKNOWN_PRODUCER_ID && sendAnew(batch)) {
            return;
        }
        if (failure != null) {
            failed(batch, buffer, failure);
        }
        if (result != null) {
            answered(batch, buffer, result);
        }
    }

    private void failed(Batch batch, ByteBuffer buffer, MqException failure) {
        batch.state = Batch.State.FAILED;
        Request<AppendResult> append = batch.append;
        if (meters != null) {
            meters.failed(batch.count, attempts(append));
        }
        boolean isRefused = REFUSED.contains(failure.errorCode());
        boolean isInNoLog = isRefused && append != null && append.attempts() == 1;
        MqException told = isRefused && !isInNoLog ? openFate(failure) : failure;
        // else its lane stays occupied: nothing behind it is sent
        if (host.goesOnAfter(batch, failure) && goOnWithout(batch, buffer, isInNoLog)) {
            bytes -= buffer.limit(); // it is not kept for reuse: the broker may still have it
            batch.failed(told);
            sendNext(batch.lane());
        } else {
            host.ended(batch, told);
        }
    }

    private static int attempts(@Nullable Request<?> append) {
        return append == null ? 1 : append.attempts();
    }

    /** What the last attempt was refused for need not have held for those before it, whose answers are not known. */
    private static MqException openFate(MqException refusal) {
        return refusal.errorCode() == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
                ? refusal
                : new MqException(
                        ErrorCode.REQUEST_TIMED_OUT,
                        "an earlier attempt may be in the log, the last one was refused with " + refusal.errorCode()
                                + ": " + refusal.getMessage(),
                        refusal);
    }

    private void answered(Batch batch, ByteBuffer buffer, AppendResult result) {
        if (meters != null) {
            meters.sent(batch.count, attempts(batch.append));
        }
        bytes -= buffer.limit();
        keep(buffer);
        batch.acknowledged(result);
        sendNext(batch.lane());
    }

    /**
     * The log has forgotten the producer, and all of its records there are gone: it begins anew in that partition. Once a batch, so that
     * the delivery timeout is not filled with attempts.
     */
    private boolean sendAnew(Batch batch) {
        ByteBuffer first = batch.buffer;
        if (session == null || first == null || batch.isSentAnew) {
            return false;
        }
        Lane lane = batch.lane();
        lane.closed.addFirst(batch);
        boolean isAnew = beginAnew(lane);
        lane.closed.removeFirst();
        if (isAnew) {
            batch.isSentAnew = true;
            send(batch);
        }
        return isAnew;
    }

    /** The batches that wait take the failed one's place. False where only the broker could let them. */
    private boolean goOnWithout(Batch batch, ByteBuffer buffer, boolean isInNoLog) {
        Lane lane = batch.lane();
        if (session == null || !isInNoLog) {
            return beginAnew(lane);
        }
        ProducerSession.Position position = session.at(lane.partition);
        position.takeBack(buffer);
        rebuild(lane, position);
        return true;
    }

    /** The batches that wait begin anew: what was sent before them may be in the log or not. False where only the broker could let them. */
    private boolean beginAnew(Lane lane) {
        if (session == null) {
            return true;
        }
        ProducerSession.Position position = session.at(lane.partition);
        if (!position.beginAnew()) {
            return false;
        }
        rebuild(lane, position);
        return true;
    }

    private static void rebuild(Lane lane, ProducerSession.Position position) {
        for (Batch later : lane.closed) {
            ByteBuffer buffer = later.buffer;
            if (buffer != null) {
                position.rebuild(buffer);
            }
        }
    }

    private void keep(ByteBuffer buffer) {
        int capacity = buffer.capacity();
        // a builder that compresses goes on in its own buffer
        if (options.compression() == Compression.NONE
                && capacity <= batchBytes
                && freeBytes + capacity <= bufferBytes / FREE_PART) {
            freeBuffers.addLast(buffer);
            freeBytes += capacity;
        }
    }

    private void sendNext(Lane lane) {
        lane.sent = null;
        Batch next = lane.closed.poll();
        if (next != null) {
            send(next);
        } else if (lane.isDue) {
            close(lane);
        }
    }

    /** Batches that begin at this sequence or later are not sent from now on. */
    void endAt(long sequence) {
        endSequence = Math.min(endSequence, sequence);
    }

    // ---------------------------------------------------------------- time

    /** Sets the timers for what waits, before the worker rests. */
    void armTimers() {
        if (lingerTimer == null && lingerNanos > 0 && hasUnflushed()) {
            lingerTimer = after(unflushedSinceNanos + lingerNanos - runtime.nanoTime(), () -> lingerTimer = null);
        }
        if (deliveryTimer == null && sentBatches > 0) {
            long wait = Long.MAX_VALUE;
            for (Lane lane : lanes) {
                Request<AppendResult> append = appendUnderWay(lane);
                if (append != null) {
                    wait = Math.min(wait, append.nanosLeft());
                }
            }
            deliveryTimer = after(wait, this::giveUpOverdue);
        }
    }

    private Disposable after(long nanos, Runnable event) {
        return runtime.timers().schedule(() -> host.execute(event), Math.max(0, nanos), TimeUnit.NANOSECONDS);
    }

    /** Only batches sent can be overdue: those behind them are younger. */
    private void giveUpOverdue() {
        deliveryTimer = null;
        for (Lane lane : lanes) {
            Request<AppendResult> append = appendUnderWay(lane);
            if (append != null) {
                append.giveUpIfOverdue();
            }
        }
    }

    private static @Nullable Request<AppendResult> appendUnderWay(Lane lane) {
        Batch batch = lane.sent;
        return batch != null && batch.state == Batch.State.SENT ? batch.append : null;
    }

    /** Stops timers and awaits no more answers. */
    void dispose() {
        if (lingerTimer != null) {
            lingerTimer.dispose();
        }
        if (deliveryTimer != null) {
            deliveryTimer.dispose();
        }
        for (Lane lane : lanes) {
            Request<AppendResult> append = appendUnderWay(lane);
            if (append != null) {
                append.dispose();
            }
            if (session != null && (lane.sent != null || !lane.closed.isEmpty())) {
                // some of its sequence numbers may never reach the log
                session.at(lane.partition).beginAnew();
            }
        }
    }
}
