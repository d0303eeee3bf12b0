package io.reactivemq.produce;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.EndTransaction;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionResult;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.broker.TransactionalOffsetCommit;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Signal;
import reactor.core.publisher.Sinks;
import reactor.util.retry.Retry;

/**
 * The producer behind a transactional id: one transaction at a time, each begun as what the end of the one before has made of the producer.
 *
 * <pre>
 *   UNKNOWN --init--> READY --begin--> in transaction --commit, abort--> READY
 *      ^                                      |
 *      +------ the fate of it is open --------+
 * </pre>
 *
 * <p>From {@code UNKNOWN} it goes on with what it was last (KIP-360): the broker aborts what is still open, and refuses it where a newer
 * producer has the id.
 */
final class TransactionalProducer {

    private static final Logger LOG = LoggerFactory.getLogger(TransactionalProducer.class);

    /** An abort that takes longer is left to the next transaction, or to the broker's timeout. */
    private static final Duration ABORT_WAIT_MAX = Duration.ofSeconds(10);

    private static final Duration BACKOFF_MAX = Duration.ofSeconds(1);

    private final Broker broker;
    private final MqRuntime runtime;
    private final Caller caller;
    private final SenderOptions<?, ?> options;
    private final String transactionalId;
    private final Duration timeout;

    private final AtomicReference<@Nullable Transaction> active = new AtomicReference<>();

    /**
     * What the producer is, and whether it may begin as that at once. Written by the active transaction.
     */
    private volatile State state = new State(ProducerIdAndEpoch.NONE, false);

    private record State(ProducerIdAndEpoch producer, boolean isReady) {}

    TransactionalProducer(Broker broker, SenderOptions<?, ?> options, String transactionalId, Duration timeout) {
        this.broker = broker;
        this.runtime = broker.runtime();
        this.caller = Caller.embedded(options.clientId());
        this.options = options;
        this.transactionalId = transactionalId;
        this.timeout = timeout;
    }

    /** A transaction, once the one before has ended. An error where one is under way that nobody ends. */
    Mono<Transaction> begin() {
        return Mono.defer(() -> {
            Transaction mine = new Transaction();
            Transaction before = active.compareAndExchange(null, mine);
            if (before == null) {
                return Mono.just(mine);
            }
            if (before.isEnding) {
                return before.ended.asMono().then(begin());
            }
            return failed(new IllegalStateException(
                    "transactional id " + transactionalId + " has a transaction under way; it has one at a time"));
        });
    }

    /** One transaction. What is sent in it is appended as its {@link Producers}. */
    final class Transaction implements Producers {

        private final Sinks.Empty<Void> ended = Sinks.empty();
        private volatile boolean isEnding;
        private volatile @Nullable ProducerSession session;

        @Override
        public @Nullable ProducerSession poll() {
            State now = state;
            return now.isReady ? begun(now.producer) : null;
        }

        @Override
        public Mono<ProducerSession> make(Caller asking) {
            return Mono.defer(() ->
                            broker.initProducerId(asking, new InitProducerId(transactionalId, timeout, state.producer)))
                    .map(producer -> {
                        state = new State(producer, true);
                        return begun(producer);
                    });
        }

        private ProducerSession begun(ProducerIdAndEpoch producer) {
            ProducerSession mine = new ProducerSession(producer, transactionalId);
            session = mine;
            return mine;
        }

        @Override
        public void giveBack(ProducerSession mine) {
            // it ends with the transaction
        }

        /** Commits what was sent. */
        Mono<Void> commit() {
            return ending(() -> {
                ProducerSession mine = session;
                return mine == null || !mine.isUsed() ? Mono.empty() : end(mine, TransactionResult.COMMIT);
            });
        }

        /** Commits what was sent and what was read; aborts where the member that read it has lost it. */
        Mono<Void> commit(TransactionInput.Batch<?> batch) {
            return ending(() -> {
                ProducerSession mine = session;
                Mono<ProducerSession> begun = mine != null ? Mono.just(mine) : retrying(beginNow());
                return begun.flatMap(
                                producer -> retrying(commitOffsets(producer, batch), TransactionalProducer::isStale)
                                        .then(end(producer, TransactionResult.COMMIT))
                                        .doOnSuccess(done -> batch.committed()))
                        .onErrorResume(failure ->
                                isEndOpen() ? failed(failure) : abortNow().then(failed(failure)));
            });
        }

        private Mono<ProducerSession> beginNow() {
            ProducerSession ready = poll();
            return ready != null ? Mono.just(ready) : make(caller);
        }

        private Mono<Void> commitOffsets(ProducerSession producer, TransactionInput.Batch<?> batch) {
            return Mono.defer(batch::offsets)
                    .flatMap(read -> broker.commitOffsets(
                            caller,
                            new TransactionalOffsetCommit(
                                    transactionalId,
                                    producer.producer(),
                                    TransactionVersion.V2,
                                    read.groupId(),
                                    read.memberId(),
                                    read.memberEpoch(),
                                    null,
                                    read.offsets())));
        }

        /** Aborts. Ends without an error: where it could not be told, the next transaction or the broker's timeout aborts. */
        Mono<Void> abort() {
            return ending(this::abortNow);
        }

        private Mono<Void> ending(Supplier<Mono<Void>> end) {
            return OnWorker.of(runtime, Mono.defer(() -> {
                        isEnding = true;
                        return end.get();
                    }))
                    .doOnTerminate(this::release);
        }

        private Mono<Void> abortNow() {
            ProducerSession mine = session;
            if (mine == null) {
                // it may have been asked for, and the answer is not looked at any more
                state = new State(state.producer, false);
                return Mono.empty();
            }
            return end(mine, TransactionResult.ABORT)
                    .timeout(ABORT_WAIT_MAX, runtime.timers())
                    .onErrorResume(failure -> {
                        state = new State(mine.producer(), false);
                        LOG.info("{} could not be aborted: {}", this, failure.toString());
                        return Mono.empty();
                    });
        }

        /** Whether its end was asked for and not answered. */
        private boolean isEndOpen() {
            return isEndAsked && !state.isReady;
        }

        private volatile boolean isEndAsked;

        private Mono<Void> end(ProducerSession mine, TransactionResult result) {
            EndTransaction end = new EndTransaction(transactionalId, mine.producer(), TransactionVersion.V2, result);
            return retrying(Mono.defer(() -> {
                        isEndAsked = true;
                        state = new State(mine.producer(), false);
                        return broker.endTransaction(caller, end);
                    }))
                    .doOnNext(next -> state = new State(next, true))
                    .then();
        }

        private void release() {
            active.compareAndSet(this, null);
            ended.tryEmitEmpty();
        }

        @Override
        public String toString() {
            return "the transaction of " + transactionalId;
        }
    }

    private <T> Mono<T> retrying(Mono<T> request) {
        return retrying(request, failure -> false);
    }

    /** Asks until the delivery timeout, as long as an answer may still come. */
    private <T> Mono<T> retrying(Mono<T> request, Predicate<@Nullable Throwable> also) {
        // what no repetition can mend goes through as a value: an error that the retry refuses would count as an
        // operator's own
        return request.materialize()
                .flatMap(signal -> isRetriable(signal.getThrowable()) || also.test(signal.getThrowable())
                        ? TransactionalProducer.<Signal<T>>failed(Objects.requireNonNull(signal.getThrowable()))
                        : Mono.just(signal))
                .retryWhen(Retry.backoff(Long.MAX_VALUE, options.retryBackoff())
                        .maxBackoff(BACKOFF_MAX)
                        .jitter(0)
                        .scheduler(runtime.timers()))
                .<T>dematerialize()
                .as(this::timed);
    }

    /** With an error at the delivery timeout. There is no timer for an answer that comes at once. */
    private <T> Mono<T> timed(Mono<T> request) {
        return Mono.firstWithSignal(
                request,
                Mono.delay(options.deliveryTimeout(), runtime.timers())
                        .then(failed(new MqException(
                                ErrorCode.REQUEST_TIMED_OUT,
                                "transactional id " + transactionalId + ": no answer within "
                                        + options.deliveryTimeout()))));
    }

    private static boolean isRetriable(@Nullable Throwable failure) {
        return failure instanceof MqException e && e.isRetriable();
    }

    /** Whether the member's epoch was that of before the last rebalance, so that it can be told with the next. */
    private static boolean isStale(@Nullable Throwable failure) {
        return failure instanceof MqException e
                && (e.errorCode() == ErrorCode.ILLEGAL_GENERATION || e.errorCode() == ErrorCode.STALE_MEMBER_EPOCH);
    }

    /** An expected failure; {@link Mono#error} inside an operator would count as that operator's. */
    private static <T> Mono<T> failed(Throwable failure) {
        return Mono.create(sink -> sink.error(failure));
    }
}
