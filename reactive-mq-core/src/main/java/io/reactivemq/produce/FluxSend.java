package io.reactivemq.produce;

import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.Serde;
import io.reactivemq.TraceContext;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.metrics.SenderMeters;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import java.util.function.Supplier;
import org.jctools.queues.MessagePassingQueue;
import org.jctools.queues.varhandle.MpscLinkedVarHandleQueue;
import org.jctools.queues.varhandle.SpscVarHandleArrayQueue;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.Exceptions;
import reactor.core.Scannable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.FluxOperator;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Operators;
import reactor.core.scheduler.Scheduler;
import reactor.util.context.Context;

/**
 * The operator behind {@link Sender#send(org.reactivestreams.Publisher)}. A subscription is an agent on a worker of its own:
 * whatever arrives, on whatever thread, goes into a queue and wakes it; one duty cycle then handles the broker's answers,
 * puts records into batches, emits results and asks for more records.
 *
 * <pre>
 * upstream --onNext--> inbox --take--> batches (Outbox) --append--> broker
 *                                         |                           |
 * downstream &lt;--onNext-- results in order (InFlight) &lt;--events-- answers
 * </pre>
 *
 * <p>Who owns a record: the inbox until it is taken, then {@code waiting} while its topic is looked up or bytes are short,
 * then {@code inFlight} until its result is emitted. At the end each record that was never handed to the broker is
 * discarded once; those the broker has are neither discarded nor taken back.
 */
final class FluxSend<K, V> extends FluxOperator<SenderRecord<K, V>, SenderResult<K, V>> {

    private final Broker broker;
    private final SenderOptions<K, V> options;
    private final PartitionCounts partitionCounts;
    private final Producers producers;
    private final OnFailure onFailure;

    /** What becomes of the send when a record fails for good. */
    enum OnFailure {
        /** It ends with the error, behind the results of all records before. */
        STOP,
        /** The error is the record's result, unless no other record could be sent either. */
        GO_ON
    }

    private FluxSend(
            Flux<SenderRecord<K, V>> source,
            Broker broker,
            SenderOptions<K, V> options,
            PartitionCounts partitionCounts,
            Producers producers,
            OnFailure onFailure) {
        super(source);
        this.producers = producers;
        this.onFailure = onFailure;
        this.broker = broker;
        this.options = options;
        this.partitionCounts = partitionCounts;
    }

    static <K, V> Flux<SenderResult<K, V>> of(
            Flux<SenderRecord<K, V>> source,
            Broker broker,
            SenderOptions<K, V> options,
            PartitionCounts partitionCounts,
            Producers producers,
            OnFailure onFailure) {
        return onAssembly(new FluxSend<>(source, broker, options, partitionCounts, producers, onFailure));
    }

    @Override
    public int getPrefetch() {
        return prefetch(options);
    }

    @Override
    public void subscribe(CoreSubscriber<? super SenderResult<K, V>> actual) {
        source.subscribe(new SendSubscriber<>(actual, broker, options, partitionCounts, producers, onFailure));
    }

    private static int prefetch(SenderOptions<?, ?> options) {
        return Math.min(SendSubscriber.PREFETCH, options.maxInFlight());
    }

    static final class SendSubscriber<K, V>
            implements CoreSubscriber<SenderRecord<K, V>>, Subscription, Scannable, Outbox.Host, Runnable {

        /** Records requested and not yet taken, at most: enough to keep the worker busy while upstream refills. */
        static final int PREFETCH = 256;

        /** Records taken in one duty cycle, at most, before results are emitted. */
        private static final int TAKE_MAX = 256;

        /** The wall clock is read, and the broker's answers are handled, once for that many records. */
        private static final int RECORDS_PER_LOOK = 16;

        /** Permits come one by one, timers need not. */
        private static final long PERMIT_WAIT_NANOS_MIN = TimeUnit.MILLISECONDS.toNanos(1);

        /** Duty cycles before the worker's thread goes to others that share it. */
        private static final int CYCLES_MAX = 64;

        /** No work, and no task scheduled. */
        private static final int IDLE = 0;
        /** The worker is in a duty cycle. */
        private static final int RUNNING = 1;
        /** Something has arrived since the duty cycle began, or a task is scheduled. */
        private static final int SIGNALLED = 2;

        /** With these every other record would fail as well, or might come out of order. */
        private static final Set<ErrorCode> FATAL = EnumSet.of(
                ErrorCode.BROKER_NOT_AVAILABLE,
                ErrorCode.TOPIC_AUTHORIZATION_FAILED,
                ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
                ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
                ErrorCode.PRODUCER_FENCED,
                ErrorCode.INVALID_PRODUCER_EPOCH,
                ErrorCode.INVALID_PRODUCER_ID_MAPPING,
                ErrorCode.INVALID_TXN_STATE,
                ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
                ErrorCode.UNKNOWN_PRODUCER_ID);

        private static final VarHandle STATE;

        @SuppressWarnings("rawtypes") // an updater knows no type arguments
        private static final AtomicLongFieldUpdater<SendSubscriber> REQUESTED =
                AtomicLongFieldUpdater.newUpdater(SendSubscriber.class, "requested");

        static {
            try {
                STATE = MethodHandles.lookup().findVarHandle(SendSubscriber.class, "state", int.class);
            } catch (ReflectiveOperationException e) {
                throw new ExceptionInInitializerError(e);
            }
        }

        private final CoreSubscriber<? super SenderResult<K, V>> actual;
        private final Context context;
        private final Broker broker;
        private final MqRuntime runtime;
        private final Caller caller;
        private final SenderOptions<K, V> options;
        private final Serde<K> keySerde;
        private final Serde<V> valueSerde;
        private final Partitioner partitioner;
        private final PartitionCounts partitionCounts;
        private final Producers producers;
        private final OnFailure onFailure;
        private final int prefetch;
        private final boolean hasLinger;
        private final Scheduler.Worker worker;

        /** Filled by upstream, emptied by the worker. Room for the prefetch, which upstream does not exceed. */
        private final Queue<SenderRecord<K, V>> inbox;

        /**
         * Filled by any thread, emptied by the worker. Bounded by appends and lookups under way and by three timers. Polled
         * without waiting for an offer that is half done: who offers signals afterwards.
         */
        private final MessagePassingQueue<Runnable> events = new MpscLinkedVarHandleQueue<>();

        /** Who moves it to RUNNING owns all that belongs to the worker until it leaves RUNNING for IDLE. */
        @SuppressWarnings("unused") // through STATE
        private volatile int state;

        private volatile long requested;
        private volatile boolean cancelled;
        private volatile boolean upstreamDone;

        /** Written before upstreamDone. */
        private @Nullable Throwable upstreamError;

        /** Written once, before the first request. */
        private @Nullable Subscription upstream;

        // the rest belongs to the worker

        private final Outbox outbox;
        private final InFlight<K, V> inFlight = new InFlight<>();
        private final Map<String, Outbox.Topic> topics = new HashMap<>();

        /** The record for which a topic was looked up last: what it says of its partition is true. */
        private long askedForSequence = -1;

        private Outbox.@Nullable Topic lastTopic;

        /** As whom it sends; null: not known yet, or without idempotence. */
        private @Nullable ProducerSession session;

        /** What is asked of the broker before the next record can be placed: one thing at a time. */
        private @Nullable Request<?> lookup;

        private @Nullable Disposable lookupTimer;

        /** Null: no limit. */
        private final @Nullable RateLimit rateLimit;

        private @Nullable Disposable permitTimer;

        /** The trace that the subscriber is in, which its records carry on; null: none. */
        private final @Nullable TraceContext trace;

        /** The record taken that can't be put into a batch yet. */
        private @Nullable SenderRecord<K, V> waiting;

        // its bytes, where it is short of bytes
        private byte @Nullable [] waitingKey;
        private byte @Nullable [] waitingValue;

        /** Whether the record waits for bytes to be free. */
        private boolean isShortOfBytes;

        /** Records requested from upstream so far. Invariant: requestedUpstream <= inFlight.headSequence() + maxInFlight. */
        private long requestedUpstream;

        /** Records taken from the inbox so far. Invariant: requestedUpstream <= taken + prefetch. */
        private long taken;

        /** Results are emitted below this sequence, then comes the end. */
        private long endSequence = Long.MAX_VALUE;

        private @Nullable Throwable endError;
        private boolean terminated;

        private final @Nullable SenderMeters meters;

        /** Null: nobody wants to know. */
        private final SenderMeters.@Nullable Send metered;

        SendSubscriber(
                CoreSubscriber<? super SenderResult<K, V>> actual,
                Broker broker,
                SenderOptions<K, V> options,
                PartitionCounts partitionCounts,
                Producers producers,
                OnFailure onFailure) {
            this.actual = actual;
            this.producers = producers;
            this.onFailure = onFailure;
            this.context = actual.currentContext();
            this.broker = broker;
            this.runtime = broker.runtime();
            this.caller = Caller.embedded(options.clientId());
            this.options = options;
            this.keySerde = options.keySerde();
            this.valueSerde = options.valueSerde();
            this.partitioner = options.partitioner();
            this.partitionCounts = partitionCounts;
            this.prefetch = prefetch(options);
            this.rateLimit = Double.isInfinite(options.recordsPerSecond())
                    ? null
                    : new RateLimit(options.recordsPerSecond(), runtime.nanoTime());
            this.trace = TraceContext.of(context);
            this.hasLinger = !options.linger().isZero();
            this.inbox = new SpscVarHandleArrayQueue<>(prefetch);
            this.requestedUpstream = prefetch;
            this.outbox = new Outbox(this, broker, caller, options);
            this.worker = runtime.workers().createWorker();
            this.meters = options.meters();
            this.metered = meters == null ? null : meters.begin();
        }

        // ---------------------------------------------------------------- from any thread

        @Override
        public void onSubscribe(Subscription s) {
            if (Operators.validate(upstream, s)) {
                upstream = s;
                actual.onSubscribe(this);
                if (producers.isAskedFirst()) {
                    execute(this::askForSession);
                }
                s.request(prefetch);
            }
        }

        @Override
        public void onNext(SenderRecord<K, V> record) {
            if (upstreamDone) {
                Operators.onNextDropped(record, context);
                return;
            }
            if (!inbox.offer(record)) {
                Operators.onDiscard(record, context);
                onError(Operators.onOperatorError(
                        upstream,
                        Exceptions.failWithOverflow("more records than the " + prefetch + " requested"),
                        record,
                        context));
                return;
            }
            signal();
        }

        @Override
        public void onError(Throwable error) {
            if (upstreamDone) {
                Operators.onErrorDropped(error, context);
                return;
            }
            upstreamError = error;
            upstreamDone = true;
            signal();
        }

        @Override
        public void onComplete() {
            if (!upstreamDone) {
                upstreamDone = true;
                signal();
            }
        }

        @Override
        public void request(long n) {
            if (Operators.validate(n)) {
                Operators.addCap(REQUESTED, this, n);
                signal();
            }
        }

        @Override
        public void cancel() {
            if (!cancelled) {
                cancelled = true;
                cancelUpstream();
                signal();
            }
        }

        @Override
        public void execute(Runnable event) {
            events.offer(event);
            signal();
        }

        @Override
        public Context currentContext() {
            return context;
        }

        /** Wakes the worker, unless it is awake and bound to look again. */
        private void signal() {
            // what was queued must be seen by a worker whose state is read here as already signalled
            VarHandle.fullFence();
            if (state != SIGNALLED && (int) STATE.getAndSet(this, SIGNALLED) == IDLE) {
                if (terminated) {
                    // the worker is gone; this thread has taken its place
                    run();
                } else {
                    schedule();
                }
            }
        }

        private void schedule() {
            try {
                Disposable unused = worker.schedule(this);
            } catch (RejectedExecutionException e) {
                // the runtime was shut down under the send
                Throwable error = Operators.onRejectedExecution(e, context);
                cancelUpstream();
                terminate();
                if (!cancelled) {
                    actual.onError(error);
                }
                run();
            }
        }

        private void cancelUpstream() {
            Subscription s = upstream;
            if (s != null) {
                s.cancel();
            }
        }

        // ---------------------------------------------------------------- on the worker

        /** Duty cycles until there is nothing to do. */
        @Override
        public void run() {
            for (int i = 0; i < CYCLES_MAX || terminated; i++) {
                STATE.setVolatile(this, RUNNING);
                VarHandle.fullFence();
                boolean isMore = false;
                try {
                    isMore = !terminated && cycle();
                } catch (Throwable e) {
                    Exceptions.throwIfJvmFatal(e);
                    crash(e);
                }
                if (terminated) {
                    discardInbox();
                }
                if (!isMore && STATE.compareAndSet(this, RUNNING, IDLE)) {
                    return;
                }
            }
            STATE.setVolatile(this, SIGNALLED);
            schedule();
        }

        /** A subscriber that throws, or a bug here: better an end than a send that hangs. */
        private void crash(Throwable error) {
            cancelUpstream();
            terminate();
            actual.onError(Operators.onOperatorError(null, error, context));
        }

        /** Returns whether there are more records to take at once. */
        private boolean cycle() {
            take();
            endWithUpstream();
            if (!cancelled) {
                emit();
            }
            if (cancelled) {
                terminate();
                return false;
            }
            if (inFlight.headSequence() == endSequence) {
                end();
                return false;
            }
            requestMore();
            boolean isMore =
                    waiting == null && permitTimer == null && endSequence == Long.MAX_VALUE && !inbox.isEmpty();
            flush(isMore);
            if (metered != null) {
                metered.holds(outbox.bytes());
            }
            if (!isMore && events.isEmpty()) {
                outbox.armTimers();
            }
            return isMore;
        }

        private void handleEvents() {
            Runnable event;
            while ((event = events.relaxedPoll()) != null) {
                event.run();
            }
        }

        private void take() {
            long clockMs = 0;
            for (int i = 0; i < TAKE_MAX && !cancelled; i++) {
                if (i % RECORDS_PER_LOOK == 0) {
                    clockMs = runtime.currentTimeMillis();
                    handleEvents();
                }
                if (endSequence != Long.MAX_VALUE) {
                    return;
                }
                SenderRecord<K, V> record = waiting;
                if (record == null) {
                    if (mustWaitForPermit()) {
                        return;
                    }
                    record = inbox.poll();
                    if (record == null) {
                        return;
                    }
                    taken++;
                    waiting = record;
                }
                if (place(record, clockMs)) {
                    waiting = null;
                } else if (waiting != null) {
                    return;
                }
            }
        }

        /** Whether the next record is beyond the rate. It gets its permit when it is taken. */
        private boolean mustWaitForPermit() {
            RateLimit limit = rateLimit;
            if (limit == null || inbox.isEmpty()) {
                return false;
            }
            long nowNanos = runtime.nanoTime();
            if (limit.tryTake(nowNanos)) {
                return false;
            }
            if (permitTimer == null) {
                permitTimer = runtime.timers()
                        .schedule(
                                () -> execute(() -> permitTimer = null),
                                Math.max(PERMIT_WAIT_NANOS_MIN, limit.nanosToNext(nowNanos)),
                                TimeUnit.NANOSECONDS);
            }
            return true;
        }

        /** Puts the record into a batch; false where it has to wait, or where the send has come to its end. */
        private boolean place(SenderRecord<K, V> record, long clockMs) {
            askForSession();
            Outbox.Topic topic = topic(record.topic());
            if (topic == null) {
                return false;
            }
            Integer explicit = record.partition();
            if (explicit != null && explicit >= topic.partitions() && askedForSequence != inFlight.tailSequence()) {
                // perhaps it has been added meanwhile
                lookUp(record.topic());
                return false;
            }
            String what = "the key could not be serialised";
            try {
                byte[] key = waitingKey;
                byte[] value = waitingValue;
                if (!isShortOfBytes) {
                    K recordKey = record.key();
                    key = recordKey == null ? null : serialized(keySerde.serialize(recordKey));
                    what = "the value could not be serialised";
                    V recordValue = record.value();
                    value = recordValue == null ? null : serialized(valueSerde.serialize(recordValue));
                }
                Headers headers = headersOf(record);
                long bytesBound = Outbox.bytesBound(key, value, headers);
                if (!outbox.hasRoomFor(bytesBound)) {
                    if (!outbox.couldHold(bytesBound)) {
                        throw new MqException(
                                ErrorCode.MESSAGE_TOO_LARGE,
                                "it takes up to " + bytesBound + " bytes, bufferBytes is " + options.bufferBytes());
                    }
                    isShortOfBytes = true;
                    waitingKey = key;
                    waitingValue = value;
                    return false;
                }
                isShortOfBytes = false;
                waitingKey = null;
                waitingValue = null;
                what = "no partition could be chosen";
                int partition = partition(record, key, topic.partitions());
                what = "it could not be added to a batch";
                Long ownTimestamp = record.timestampMs();
                long timestampMs = ownTimestamp == null ? clockMs : ownTimestamp;
                add(record, topic, partition, timestampMs, key, value, headers);
                return true;
            } catch (Throwable e) {
                Exceptions.throwIfJvmFatal(e);
                ErrorCode code = e instanceof MqException mq ? mq.errorCode() : ErrorCode.INVALID_RECORD;
                MqException failure =
                        new MqException(code, "a record to topic " + topic.name + ": " + what + ": " + e, e);
                if (goesOnAfter(failure)) {
                    refuse(failure);
                } else {
                    finishAt(inFlight.tailSequence(), Operators.onOperatorError(null, failure, record, context));
                }
                return false;
            }
        }

        private int partition(SenderRecord<K, V> record, byte @Nullable [] key, int partitions) {
            Integer explicit = record.partition();
            int partition = explicit == null ? partitioner.partition(record, key, partitions) : explicit;
            if (partition >= partitions || (partition < 0 && partition != Partitioner.STICKY)) {
                throw new MqException(
                        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                        "partition " + partition + " is not in [0, " + partitions + ")");
            }
            return partition;
        }

        private void add(
                SenderRecord<K, V> record,
                Outbox.Topic topic,
                int partition,
                long timestampMs,
                byte @Nullable [] key,
                byte @Nullable [] value,
                Headers headers) {
            long sequence = inFlight.tailSequence();
            while (true) {
                // a full batch of records without a key makes the sticky partition move on
                Outbox.Lane lane = partition == Partitioner.STICKY ? topic.stickyLane() : topic.lane(partition);
                Batch batch = outbox.tryAdd(lane, sequence, timestampMs, key, value, headers);
                if (batch != null) {
                    inFlight.add(record, batch, timestampMs);
                    return;
                }
                outbox.close(lane);
            }
        }

        private Headers headersOf(SenderRecord<K, V> record) {
            Headers own = record.headers();
            return trace == null || TraceContext.of(own) != null ? own : trace.addTo(own);
        }

        private static byte[] serialized(byte @Nullable [] bytes) {
            if (bytes == null) {
                throw new NullPointerException("the Serde returned null");
            }
            return bytes;
        }

        /** The topic, or null while it is looked up. */
        private Outbox.@Nullable Topic topic(String name) {
            Outbox.Topic topic = lastTopic;
            if (topic != null && !topic.isStale() && topic.name.equals(name)) {
                return topic;
            }
            topic = topics.get(name);
            if (topic == null || topic.isStale()) {
                int partitions = partitionCounts.of(name);
                if (partitions == 0) {
                    lookUp(name);
                    return null;
                }
                if (topic == null) {
                    topic = outbox.topic(name, partitions);
                    topics.put(name, topic);
                } else {
                    topic.resize(partitions);
                }
            }
            lastTopic = topic;
            return topic;
        }

        /** Asks as whom to send, where that is not known. Until then records are put into batches and none is sent. */
        private void askForSession() {
            if (session != null || lookup != null || !options.idempotence()) {
                return;
            }
            ProducerSession idle = producers.poll();
            if (idle != null) {
                begin(idle);
                return;
            }
            ask(() -> "a producer id", () -> producers.make(caller), (made, failure) -> {
                if (made != null) {
                    begin(made);
                } else {
                    finishAt(inFlight.headSequence(), failure);
                }
            });
        }

        private void begin(ProducerSession mine) {
            session = mine;
            outbox.sendAs(mine);
        }

        private void lookUp(String name) {
            ask(() -> "topic " + name + ": its lookup", () -> broker.describeTopic(caller, name), (found, failure) -> {
                if (found != null) {
                    partitionCounts.put(name, found.partitions());
                    Outbox.Topic known = topics.get(name);
                    if (known != null) {
                        known.resize(found.partitions());
                    }
                    askedForSequence = inFlight.tailSequence();
                } else if (failure != null) {
                    refuse(failure);
                }
            });
        }

        private <T> void ask(Supplier<String> subject, Supplier<Mono<T>> question, Request.Outcome<T> outcome) {
            if (lookup != null) {
                return;
            }
            Request<T> request =
                    new Request<>(this, runtime, options, runtime.nanoTime(), subject, question, (found, failure) -> {
                        lookup = null;
                        if (lookupTimer != null) {
                            lookupTimer.dispose();
                        }
                        outcome.accept(found, failure);
                    });
            lookup = request;
            lookupTimer = runtime.timers()
                    .schedule(
                            () -> execute(request::giveUpIfOverdue),
                            options.deliveryTimeout().toNanos(),
                            TimeUnit.NANOSECONDS);
            request.attempt();
        }

        @Override
        public void opened(Outbox.Topic topic, long nowNanos) {
            int partitions = partitionCounts.use(topic.name, nowNanos);
            if (partitions == 0) {
                // another send has found it gone
                topic.stale();
            } else {
                topic.resize(partitions);
            }
        }

        @Override
        public boolean goesOnAfter(Batch batch, MqException failure) {
            if (failure.errorCode() == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
                // perhaps made anew, with other partitions
                Outbox.Topic topic = batch.lane().topic;
                partitionCounts.forget(topic.name);
                topic.stale();
            }
            return goesOnAfter(failure);
        }

        private boolean goesOnAfter(MqException failure) {
            return onFailure == OnFailure.GO_ON && !FATAL.contains(failure.errorCode());
        }

        /** An append has failed for good, and the send with it. */
        @Override
        public void ended(Batch batch, MqException failure) {
            finishAt(batch.firstSequence, failure);
        }

        /** The record that waits can't be sent: that is its result, or the end of the send. */
        private void refuse(MqException failure) {
            SenderRecord<K, V> record = waiting;
            long sequence = inFlight.tailSequence();
            if (record == null || !goesOnAfter(failure)) {
                finishAt(sequence, failure);
                return;
            }
            waiting = null;
            isShortOfBytes = false;
            waitingKey = null;
            waitingValue = null;
            inFlight.add(record, Batch.refused(sequence, failure), -1);
            if (meters != null) {
                meters.failed(1, 1);
            }
        }

        /**
         * No more records are taken; results below the sequence are emitted, then the error, or completion. The end that
         * comes first in the order of sending counts; the others' errors are suppressed ones of its error.
         */
        private void finishAt(long sequence, @Nullable Throwable error) {
            if (endSequence == Long.MAX_VALUE && !upstreamDone) {
                cancelUpstream();
            }
            if (sequence < endSequence) {
                if (error != null && endError != null) {
                    Exceptions.addSuppressed(error, endError);
                }
                endSequence = sequence;
                endError = error;
                outbox.endAt(sequence);
            } else if (error != null && endError != null) {
                Exceptions.addSuppressed(endError, error);
            }
        }

        private void endWithUpstream() {
            if (upstreamDone && endSequence == Long.MAX_VALUE && waiting == null && inbox.isEmpty()) {
                finishAt(inFlight.tailSequence(), upstreamError);
            }
        }

        private void emit() {
            long demand = requested;
            long emitted = 0;
            long limit = Math.min(endSequence, inFlight.tailSequence());
            while (emitted != demand && inFlight.headSequence() < limit && !cancelled) {
                Batch batch = inFlight.headBatch();
                SenderResult<K, V> result;
                if (batch.state == Batch.State.DONE) {
                    result = SenderResult.sent(
                            inFlight.headRecord(),
                            batch.lane().partition,
                            batch.nextOffset(),
                            batch.timestampMs(inFlight.headTimestampMs()));
                } else if (batch.error != null) {
                    result = SenderResult.failed(inFlight.headRecord(), batch.error);
                } else {
                    break;
                }
                inFlight.removeHead();
                actual.onNext(result);
                emitted++;
            }
            if (emitted != 0 && demand != Long.MAX_VALUE) {
                Operators.produced(REQUESTED, this, emitted);
            }
        }

        private void requestMore() {
            if (upstreamDone || endSequence != Long.MAX_VALUE) {
                return;
            }
            long outstanding = requestedUpstream - taken;
            long room = roomForRequest();
            if (room > 0 && (outstanding == 0 || room >= prefetch / 4)) {
                requestedUpstream += room;
                Subscription s = upstream;
                if (s != null) {
                    s.request(room);
                }
            }
        }

        private long roomForRequest() {
            if (permitTimer != null) {
                return 0;
            }
            return Math.min(
                    taken + prefetch - requestedUpstream,
                    inFlight.headSequence() + options.maxInFlight() - requestedUpstream);
        }

        /**
         * Lets batches go when waiting can't fill them (nothing can arrive before results are out, or ever) or when they
         * have waited long enough; without linger, also when no record is there to be added.
         */
        private void flush(boolean isMore) {
            if (outbox.hasUnflushed()
                    && (endSequence != Long.MAX_VALUE
                            || isShortOfBytes
                            || (!isMore && (!hasLinger || requestedUpstream == taken))
                            || outbox.isFlushDue())) {
                outbox.flush();
            }
        }

        private void end() {
            Throwable error = endError;
            terminate();
            if (error == null) {
                actual.onComplete();
            } else {
                actual.onError(error);
            }
        }

        /** Lets everything go. What arrives later is discarded by the thread that brings it. */
        private void terminate() {
            terminated = true;
            if (lookup != null) {
                lookup.dispose();
            }
            if (lookupTimer != null) {
                lookupTimer.dispose();
            }
            if (permitTimer != null) {
                permitTimer.dispose();
            }
            outbox.dispose();
            if (metered != null) {
                metered.close();
            }
            ProducerSession mine = session;
            if (mine != null) {
                session = null;
                producers.giveBack(mine);
            }
            while (inFlight.headSequence() < inFlight.tailSequence()) {
                if (inFlight.headBatch().isUnsent()) {
                    Operators.onDiscard(inFlight.headRecord(), context);
                }
                inFlight.removeHead();
            }
            SenderRecord<K, V> record = waiting;
            if (record != null) {
                waiting = null;
                Operators.onDiscard(record, context);
            }
            worker.dispose();
        }

        private void discardInbox() {
            while (events.relaxedPoll() != null) {
                // answers and timers that come too late
            }
            SenderRecord<K, V> record;
            while ((record = inbox.poll()) != null) {
                Operators.onDiscard(record, context);
            }
        }

        @Override
        @SuppressWarnings("rawtypes") // as Scannable declares it
        public @Nullable Object scanUnsafe(Attr key) {
            if (key == Attr.PARENT) {
                return upstream;
            }
            if (key == Attr.ACTUAL) {
                return actual;
            }
            if (key == Attr.PREFETCH) {
                return prefetch;
            }
            if (key == Attr.BUFFERED) {
                return inbox.size();
            }
            if (key == Attr.REQUESTED_FROM_DOWNSTREAM) {
                return requested;
            }
            if (key == Attr.CANCELLED) {
                return cancelled;
            }
            if (key == Attr.TERMINATED) {
                return upstreamDone && inbox.isEmpty();
            }
            if (key == Attr.ERROR) {
                return upstreamError;
            }
            if (key == Attr.RUN_ON) {
                return worker;
            }
            if (key == Attr.RUN_STYLE) {
                return Attr.RunStyle.ASYNC;
            }
            return null;
        }
    }
}
