package io.reactivemq.coordinator;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.log.AppendInfo;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.record.RecordCursor;
import io.reactivemq.record.TransactionMarker;
import io.reactivemq.topic.AppendListener;
import io.reactivemq.topic.Partition;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jctools.queues.MessagePassingQueue;
import org.jctools.queues.varhandle.MpscChunkedVarHandleArrayQueue;
import org.jctools.queues.varhandle.MpscUnboundedVarHandleArrayQueue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Mono;
import reactor.core.publisher.MonoSink;

/**
 * Runs one {@link CoordinatorShard} on one partition.
 *
 * <p>An event's handler returns records and a response. The records are replayed into the state at once, so that the next
 * handler sees them; those of all events that are there are appended as one batch. A response waits until that batch is
 * durable, and so does the response of a later event that wrote nothing but may have seen it, a refusal too: what a crash can take back
 * is never told.
 *
 * <p>A failed append fails all waiting responses with {@code COORDINATOR_NOT_AVAILABLE}, which is retriable; the state is thrown
 * away and replayed from the log before the next event, and so it is where an event fails as nobody expects. Nothing is rolled back in memory. The appends
 * that are under way behind a failed one are not written: they rest on it.
 *
 * @param <S> the state machine
 */
public final class Coordinator<S extends CoordinatorShard> {

    private static final Logger LOG = LoggerFactory.getLogger(Coordinator.class);

    /** Events that may wait while the state is replayed or an append is slow. */
    private static final int EVENTS_MAX = 65_536;

    /** Appends under way: one being forced and one being filled, so that events share a force. */
    private static final int APPENDS_MAX = 2;

    /** Above it the events that are there share more than one batch, and so do the records of one whose result is not atomic. */
    private static final int BATCH_BYTES = 256 * 1024;

    /** Producers whose last end is remembered; of others the log knows, but its refusal costs a replay. */
    private static final int ENDED_EPOCHS_MAX = 10_000;

    private static final int REPLAY_BYTES = 1024 * 1024;

    private final Partition partition;
    private final MqRuntime runtime;
    private final Supplier<S> factory;

    private final MessagePassingQueue<Event> events = new MpscChunkedVarHandleArrayQueue<>(64, EVENTS_MAX);

    /** Appends settled, a load ended, the timer: what the loop itself has set off, so a handful at most. */
    private final MessagePassingQueue<Runnable> news = new MpscUnboundedVarHandleArrayQueue<>(16);

    private final AtomicInteger wip = new AtomicInteger();

    // All below belongs to the drain loop, and to the loading while there is no state.
    private @Nullable S state;

    /** The appends since the state was loaded. */
    private Chain chain = new Chain();

    /** By producer id, the epoch in the last end of a transaction of those that ended one last: what comes with an older one is too late. */
    private final Map<Long, Short> endedEpochs = new LinkedHashMap<>();

    private boolean loading;

    /** From then on nothing rings, so that nobody may wait for others. */
    private boolean closed;

    private final RecordBatchBuilder batch = new RecordBatchBuilder(1024, Integer.MAX_VALUE);
    private Waiting waiting = new Waiting();
    private final ArrayDeque<Waiting> appending = new ArrayDeque<>();
    private final Disposable.Swap timer = Disposables.swap();
    private long timerNanos = CoordinatorShard.NEVER;

    /**
     * A coordinator that has not loaded yet.
     *
     * @param factory makes an empty state machine; called again after a failed append
     */
    public Coordinator(Partition partition, MqRuntime runtime, Supplier<S> factory) {
        this.partition = partition;
        this.runtime = runtime;
        this.factory = factory;
    }

    /**
     * Hands an event to the state machine. The Mono ends on a thread of the broker's choosing. Cancelling does not undo the
     * event.
     */
    public <R> Mono<R> handle(Function<? super S, CoordinatorResult<R>> handler) {
        return event(sink -> new Call<>(handler, sink, null));
    }

    /** As {@link #handle}; the records are part of the producer's transaction, and count if and when it is committed. */
    public <R> Mono<R> handleInTransaction(
            ProducerIdAndEpoch producer, Function<? super S, CoordinatorResult<R>> handler) {
        return event(sink -> new Call<>(handler, sink, producer));
    }

    /**
     * Ends the producer's transaction here: what it has written counts from now on, or never will.
     *
     * @param decided the durability of the decision, which the marker has at least
     */
    public Mono<Void> endTransaction(ProducerIdAndEpoch producer, TransactionMarker marker, Durability decided) {
        return this.<Boolean>event(sink -> new End(producer, marker, decided, sink))
                .then();
    }

    private <R> Mono<R> event(Function<MonoSink<R>, Event> made) {
        return Mono.create(sink -> {
            if (events.offer(made.apply(sink))) {
                signal();
            } else {
                sink.error(unavailable(EVENTS_MAX + " events are waiting", null));
            }
        });
    }

    /** Reads from the state; the answer holds nothing that a crash can take back. */
    public <R> Mono<R> read(Function<? super S, R> reader) {
        return handle(machine -> CoordinatorResult.of(reader.apply(machine)));
    }

    /** Replays the partition; without it the first event does so. */
    public Mono<Void> load() {
        return read(machine -> Boolean.TRUE).then();
    }

    /**
     * Stops the timer, and fails requests that wait for others, later ones too. Other events after it are answered while the partition is open.
     */
    public void close() {
        timer.dispose();
        tell(() -> closed = true);
    }

    private void signal() {
        if (wip.getAndIncrement() == 0) {
            drain();
        }
    }

    private void tell(Runnable what) {
        news.offer(what);
        signal();
    }

    private void drain() {
        int missed = 1;
        do {
            try {
                work();
            } catch (Throwable e) {
                // nobody expects it, an error of the JVM perhaps: all that wait are answered, and the loop goes on
                unload("it failed", e);
                failEvents(unavailable("it failed", e));
            }
            missed = wip.addAndGet(-missed);
        } while (missed != 0);
    }

    private void work() {
        for (Runnable what = news.poll(); what != null; what = news.poll()) {
            what.run();
        }
        while (state != null && appending.size() < APPENDS_MAX) {
            Event event = events.poll();
            if (event == null) {
                break;
            }
            event.handle();
            if (batch.sizeInBytes() >= BATCH_BYTES) {
                append();
            }
        }
        append();
        if (closed && state != null) {
            state.unloaded(new MqException(ErrorCode.BROKER_NOT_AVAILABLE, "this broker is closed"));
        }
        // an event may have thrown the state away, and left others behind it
        if (state == null && !loading && appending.isEmpty() && !events.isEmpty()) {
            startLoading();
        }
        armTimer();
    }

    /**
     * Takes what a handler decided into the batch and the state; false where the state machine itself failed.
     *
     * @param producer whose transaction it is part of; null: of none
     * @param isAtomic whether all of it is one batch
     */
    private boolean write(List<CoordinatorRecord> records, @Nullable ProducerIdAndEpoch producer, boolean isAtomic) {
        S machine = Objects.requireNonNull(state);
        long now = runtime.currentTimeMillis();
        try {
            for (CoordinatorRecord r : records) {
                byte[] value = r.value();
                batch.tryAppend(now, r.key(), value, Headers.empty());
                ByteBuffer key = ByteBuffer.wrap(r.key());
                ByteBuffer content = value == null ? null : ByteBuffer.wrap(value);
                if (producer == null) {
                    machine.replay(key, content);
                } else {
                    machine.replayTransactional(producer.producerId(), key, content);
                }
                if (!isAtomic && batch.sizeInBytes() >= BATCH_BYTES) {
                    append();
                }
            }
            machine.takeAnswers().forEach(waiting::add);
            return true;
        } catch (Throwable e) {
            unload("a record could not be replayed", e);
            return false;
        }
    }

    /** Sends off what the events wrote; without it, their responses wait for the last append under way. */
    private void append() {
        if (batch.isEmpty()) {
            Waiting last = appending.peekLast();
            if (last == null) {
                waiting.give();
            } else {
                waiting.moveTo(last);
            }
            return;
        }
        ByteBuffer built = batch.build();
        send((condition, listener) -> partition.appendIf(condition, built, listener));
    }

    /** Sends off what an event wrote as part of a transaction: a batch of its own, behind what earlier events wrote. */
    private void appendInTransaction(ProducerIdAndEpoch producer) {
        if (!batch.isEmpty()) {
            ByteBuffer built = batch.build(producer.producerId(), producer.epoch(), 0, true);
            send((condition, listener) -> partition.appendUnnumberedIf(condition, built, listener));
        }
    }

    private void ended(long producerId, short epoch) {
        endedEpochs.remove(producerId);
        endedEpochs.put(producerId, epoch);
        if (endedEpochs.size() > ENDED_EPOCHS_MAX) {
            endedEpochs.remove(endedEpochs.keySet().iterator().next());
        }
    }

    private void requireNotEnded(@Nullable ProducerIdAndEpoch producer) {
        Short ended = producer == null ? null : endedEpochs.get(producer.producerId());
        if (ended != null && producer != null && producer.epoch() < ended) {
            throw new MqException(
                    ErrorCode.INVALID_PRODUCER_EPOCH,
                    partition.id() + ": producer " + producer.producerId() + ": epoch: expected at least " + ended
                            + ", actual " + producer.epoch());
        }
    }

    private void send(BiConsumer<BooleanSupplier, AppendListener> append) {
        Chain behind = chain;
        Waiting mine = waiting;
        waiting = new Waiting();
        appending.add(mine);
        append.accept(behind, new AppendListener() {
            @Override
            public void onAppended(AppendInfo info) {
                tell(() -> {
                    appending.remove(mine);
                    mine.give();
                });
            }

            @Override
            public void onFailed(MqException error) {
                behind.isBroken = true;
                tell(() -> {
                    appending.remove(mine);
                    mine.fail(unavailable("an append failed", error));
                    unload("an append failed", error);
                });
            }
        });
    }

    /** What was built on a lost record must not be told either: all that wait fail, and the state is replayed. */
    private void unload(String why, Throwable cause) {
        LOG.warn("coordinator of {}: {}; its state is replayed from the log", partition.id(), why, cause);
        MqException error = unavailable(why, cause);
        appending.forEach(later -> later.fail(error));
        waiting.fail(error);
        if (!batch.isEmpty()) {
            batch.build();
        }
        S machine = state;
        state = null;
        if (machine != null) {
            machine.unloaded(error);
        }
    }

    private void startLoading() {
        loading = true;
        Runnable load = () -> {
            S machine = factory.get();
            try {
                replay(machine);
                tell(() -> loaded(machine));
            } catch (Throwable e) {
                tell(() -> loadFailed(e));
            }
        };
        if (partition.isBlocking()) {
            try {
                runtime.io().schedule(load);
            } catch (RejectedExecutionException e) {
                loadFailed(e); // the runtime was shut down
            }
        } else {
            load.run();
        }
    }

    private void loaded(S machine) {
        loading = false;
        try {
            machine.loaded(runtime.nanoTime(), runtime.currentTimeMillis());
            state = machine;
            chain = new Chain();
        } catch (Throwable e) {
            loadFailed(e);
        }
    }

    private void loadFailed(Throwable cause) {
        loading = false;
        LOG.error("coordinator of {}: its state could not be replayed", partition.id(), cause);
        failEvents(unavailable("its state could not be replayed", cause));
    }

    private void failEvents(MqException error) {
        for (Event event = events.poll(); event != null; event = events.poll()) {
            event.fail(error);
        }
    }

    private void replay(S machine) {
        long offset = partition.logStartOffset();
        long end = partition.highWatermark();
        while (offset < end) {
            for (RecordBatch read : RecordBatches.of(partition.read(offset, REPLAY_BYTES))) {
                replay(machine, read, offset);
                offset = read.nextOffset();
            }
        }
    }

    private void replay(S machine, RecordBatch read, long fromOffset) {
        if (read.isControl()) {
            if (read.count() > 0) {
                TransactionMarker marker =
                        TransactionMarker.of(read, partition.id().toString());
                machine.replayEnd(read.producerId(), marker.outcome());
                ended(read.producerId(), read.producerEpoch());
            }
            return;
        }
        RecordCursor cursor = read.records();
        while (cursor.next()) {
            ByteBuffer key = cursor.key();
            if (cursor.offset() < fromOffset || key == null) {
                continue;
            }
            if (read.isTransactional()) {
                machine.replayTransactional(read.producerId(), key, cursor.value());
            } else {
                machine.replay(key, cursor.value());
            }
        }
    }

    private void armTimer() {
        long deadline = state == null ? CoordinatorShard.NEVER : state.nextDeadlineNanos();
        if (deadline == timerNanos) {
            return;
        }
        timerNanos = deadline;
        timer.update(
                deadline == CoordinatorShard.NEVER
                        ? Disposables.disposed()
                        : runtime.timers()
                                .schedule(
                                        () -> tell(this::onTimer),
                                        Math.max(0, deadline - runtime.nanoTime()),
                                        TimeUnit.NANOSECONDS));
    }

    private void onTimer() {
        timerNanos = CoordinatorShard.NEVER;
        if (state != null) {
            try {
                write(state.onDeadline(runtime.nanoTime(), runtime.currentTimeMillis()), null, true);
            } catch (Throwable e) {
                unload("its deadline could not be handled", e);
            }
        }
    }

    private MqException unavailable(String why, @Nullable Throwable cause) {
        return new MqException(
                ErrorCode.COORDINATOR_NOT_AVAILABLE, "coordinator of " + partition.id() + ": " + why, cause);
    }

    /** Something that waits for the state machine. */
    private interface Event {
        void handle();

        void fail(MqException error);
    }

    private final class Call<R> implements Event {
        private final Function<? super S, CoordinatorResult<R>> handler;
        private final MonoSink<R> sink;

        /** Whose transaction the records are part of; null: of none. */
        private final @Nullable ProducerIdAndEpoch producer;

        Call(
                Function<? super S, CoordinatorResult<R>> handler,
                MonoSink<R> sink,
                @Nullable ProducerIdAndEpoch producer) {
            this.handler = handler;
            this.sink = sink;
            this.producer = producer;
        }

        @Override
        public void handle() {
            CoordinatorResult<R> result;
            try {
                requireNotEnded(producer);
                result = handler.apply(Objects.requireNonNull(state));
            } catch (MqException e) {
                if (batch.isEmpty() && appending.isEmpty()) {
                    sink.error(e);
                } else {
                    waiting.add(new Refusal(sink, e));
                }
                return;
            } catch (Throwable e) {
                LOG.error("coordinator of {}: an event failed", partition.id(), e);
                unload("an event failed", e); // it may have changed the state in part
                sink.error(new MqException(
                        ErrorCode.UNKNOWN_SERVER_ERROR, "coordinator of " + partition.id() + " failed: " + e, e));
                return;
            }
            if (producer != null) {
                append();
            }
            if (write(result.records(), producer, producer != null || result.isAtomic())) {
                waiting.add(new Response<>(sink, result.response()));
                if (producer != null) {
                    appendInTransaction(producer);
                }
            } else {
                sink.error(unavailable("a record could not be replayed", null));
            }
        }

        @Override
        public void fail(MqException error) {
            sink.error(error);
        }
    }

    /** The end of a transaction. */
    private final class End implements Event {
        private final ProducerIdAndEpoch producer;
        private final TransactionMarker marker;
        private final Durability decided;
        private final MonoSink<Boolean> sink;

        End(ProducerIdAndEpoch producer, TransactionMarker marker, Durability decided, MonoSink<Boolean> sink) {
            this.producer = producer;
            this.marker = marker;
            this.decided = decided;
            this.sink = sink;
        }

        @Override
        public void handle() {
            append();
            ByteBuffer control = marker.toBatch(producer.producerId(), producer.epoch(), runtime.currentTimeMillis());
            waiting.add(new Response<>(sink, Boolean.TRUE));
            Objects.requireNonNull(state).replayEnd(producer.producerId(), marker.outcome());
            ended(producer.producerId(), producer.epoch());
            send((condition, listener) -> partition.appendMarker(control, decided, condition, listener));
        }

        @Override
        public void fail(MqException error) {
            sink.error(error);
        }
    }

    /** An answer that waits until what it rests on is durable. */
    private record Response<R>(MonoSink<R> sink, R value) implements Answer {
        @Override
        public void give() {
            sink.success(value);
        }

        @Override
        public void fail(MqException error) {
            sink.error(error);
        }
    }

    /** An expected failure that rests on records which are not durable yet. */
    private record Refusal(MonoSink<?> sink, MqException refusal) implements Answer {
        @Override
        public void give() {
            sink.error(refusal);
        }

        @Override
        public void fail(MqException error) {
            sink.error(error);
        }
    }

    /** Appends that follow from each other: behind one that failed none is written, though the log would take it again. */
    private static final class Chain implements BooleanSupplier {
        private volatile boolean isBroken;

        @Override
        public boolean getAsBoolean() {
            return !isBroken;
        }
    }

    /** The answers that wait for one append. */
    private static final class Waiting {
        private final List<Answer> responses = new ArrayList<>();

        void add(Answer response) {
            responses.add(response);
        }

        void moveTo(Waiting other) {
            other.responses.addAll(responses);
            responses.clear();
        }

        void give() {
            List<Answer> now = List.copyOf(responses);
            responses.clear();
            now.forEach(Answer::give);
        }

        void fail(MqException error) {
            List<Answer> now = List.copyOf(responses);
            responses.clear();
            now.forEach(response -> response.fail(error));
        }
    }
}
