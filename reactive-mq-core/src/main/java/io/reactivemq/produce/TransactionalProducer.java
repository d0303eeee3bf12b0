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
import io.reactivemq.metrics.SenderMeters;
import java.io.Serial;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.Exceptions;
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

    /** Nobody has been told yet what the producer is. */
    private static final State UNKNOWN = new State(ProducerIdAndEpoch.NONE, false);

    /**
     * What the producer is, and whether it may begin as that at once. Written by the active transaction, but for an answer that comes too late.
     */
    private final AtomicReference<State> state = new AtomicReference<>(UNKNOWN);

    private record State(ProducerIdAndEpoch producer, boolean isReady) {}

    TransactionalProducer(Broker broker, SenderOptions<?, ?> options, String transactionalId, Duration timeout) {
        this.broker = broker;
        this.runtime = broker.runtime();
        this.caller = Caller.embedded(options.clientId());
        this.options = options;
        this.transactionalId = transactionalId;
        this.timeout = timeout;
    }

    private State state() {
        return Objects.requireNonNull(state.get());
    }

    /** A transaction that has yet to {@linkplain Transaction#begin() begin}. */
    Transaction transaction() {
        return new Transaction(null);
    }

    /**
     * One that begins, where it can, while another is being ended: its records are taken, and none is appended before that has ended. Where that
     * fails, so does this.
     *
     * @param last the other; null: there is none
     */
    Transaction transactionAfter(@Nullable Transaction last) {
        return new Transaction(last);
    }

    /**
     * Completes when the broker has told what the producer is, and so has ended what a former sender of the id left open; at once where that is
     * known. Nothing is begun by it, but it counts as a transaction as long as it asks, and that is, as a receiver does, until there is an answer.
     */
    Mono<Void> known() {
        return Mono.usingWhen(
                Mono.fromSupplier(this::transaction),
                mine -> mine.begin().flatMap(Transaction::known),
                mine -> mine.commit(() -> {}),
                (mine, failure) -> mine.abort(),
                Transaction::abort);
    }

    private <T> Mono<T> isUnderWay() {
        return failed(new IllegalStateException(
                "transactional id " + transactionalId + " has a transaction under way; it has one at a time"));
    }

    private enum Phase {
        /** It has not got the producer yet. */
        NEW,
        BEGUN,
        /** Its end was asked for. */
        ENDING
    }

    /** One transaction. What is sent in it is appended as its {@link Producers}. */
    final class Transaction implements Producers {

        private final Sinks.Empty<Void> ended = Sinks.empty();
        private final AtomicReference<Phase> phase = new AtomicReference<>(Phase.NEW);
        private volatile boolean hasEnded;
        private volatile @Nullable ProducerSession session;

        /** The one that it may follow while that is being ended; null: none, or it has begun. */
        private volatile @Nullable Transaction wanted;

        /** The one before, until it has ended; null: it has. */
        private volatile @Nullable Transaction former;

        /** Why it did not end, or did not begin; written before its end is told. */
        private volatile @Nullable Throwable failure;

        private Transaction(@Nullable Transaction wanted) {
            this.wanted = wanted;
        }

        /**
         * This transaction, when it has the producer; an error where one is under way that nobody ends. Empty where its end was asked for before.
         */
        Mono<Transaction> begin() {
            return Mono.defer(() -> {
                Transaction last = wanted;
                if (last != null && last.isEnding() && active.get() == last) {
                    Transaction beforeLast = last.former;
                    if (beforeLast != null && !beforeLast.hasEnded) {
                        // one waits at most, or they would grow to a chain
                        return behind(beforeLast);
                    }
                    former = last;
                    if (active.compareAndSet(last, this)) {
                        return placed();
                    }
                    former = null;
                }
                Throwable why = last == null ? null : last.failure;
                if (why != null) {
                    // not the active one any more, so that is final
                    failure = why;
                    release();
                    return failed(new FormerFailed(why));
                }
                Transaction before = active.compareAndExchange(null, this);
                if (before == null) {
                    return placed();
                }
                if (before.isEnding()) {
                    return behind(before);
                }
                release(); // it has none, and nobody has to wait for it
                return isUnderWay();
            });
        }

        private Mono<Transaction> behind(Transaction other) {
            return OnWorker.of(runtime, other.ended.asMono()).then(begin());
        }

        /** It has the producer now. */
        private Mono<Transaction> placed() {
            wanted = null;
            if (phase.compareAndSet(Phase.NEW, Phase.BEGUN)) {
                return Mono.just(this);
            }
            // cancelled meanwhile, by one that knows of no producer to be given back
            Transaction before = former;
            Disposable unused =
                    (before == null ? Mono.<Void>empty() : before.ended.asMono()).subscribe(null, null, this::release);
            return Mono.empty();
        }

        private boolean isEnding() {
            return phase.get() == Phase.ENDING;
        }

        @Override
        public @Nullable ProducerSession poll() {
            State now = state();
            return former == null && now.isReady ? begun(now.producer) : null;
        }

        @Override
        public boolean isAskedFirst() {
            return former != null;
        }

        @Override
        public Mono<ProducerSession> make(Caller asking) {
            return behindFormer(Mono.defer(() -> {
                ProducerSession ready = poll();
                return ready != null ? Mono.just(ready) : init(asking);
            }));
        }

        private Mono<Void> known() {
            return Mono.defer(() -> poll() != null
                    ? Mono.empty()
                    : OnWorker.of(runtime, repeatedly(timed(make(caller)), TransactionalProducer::isRetriable))
                            .then());
        }

        /** When the transaction before has ended; with its failure, and so for good, where it could not be. */
        private <T> Mono<T> behindFormer(Mono<T> then) {
            return Mono.defer(() -> {
                Transaction before = former;
                return before == null
                        ? then
                        : before.ended.asMono().then(Mono.defer(() -> {
                            Throwable why = before.failure;
                            if (why != null) {
                                failure = why;
                                return failed(new FormerFailed(why));
                            }
                            former = null;
                            return then;
                        }));
            });
        }

        /** What a failure in this transaction comes from. */
        private Throwable origin(Throwable here) {
            Throwable why = failure;
            if (why == null) {
                return here;
            }
            if (here != why && !(here instanceof FormerFailed) && !(here.getCause() instanceof FormerFailed)) {
                Exceptions.addSuppressed(why, here);
            }
            return why;
        }

        private Mono<ProducerSession> init(Caller asking) {
            return Mono.defer(() -> {
                State asked = state();
                return broker.initProducerId(asking, new InitProducerId(transactionalId, timeout, asked.producer))
                        .map(producer -> {
                            // Once this one is ending, another may be under way, and know more. If not, the answer is
                            // kept: who
                            // asked as a new producer again would take the id from one that has taken it meanwhile,
                            // instead of
                            // being told that it is fenced.
                            state.compareAndSet(asked, new State(producer, !isEnding()));
                            return begun(producer);
                        });
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

        /**
         * Commits what was sent, while the caller goes on; {@link #ended} tells how that ends.
         *
         * @param failed hears, on a worker, that it could not be
         */
        Mono<Void> commit(Runnable failed) {
            return ending(() -> behindFormer(Mono.defer(this::commitNow)), failed);
        }

        /** Ends it while the caller goes on: an end that is waited for could be neither cancelled nor its error told. */
        private Mono<Void> ending(Supplier<Mono<Void>> how, Runnable failed) {
            return Mono.deferContextual(context -> {
                if (phase.getAndSet(Phase.ENDING) == Phase.BEGUN) {
                    Disposable unused = Mono.defer(how)
                            .contextWrite(context)
                            .subscribe(null, error -> notCommitted(origin(error), failed), this::release);
                }
                return Mono.empty();
            });
        }

        private void notCommitted(Throwable why, Runnable failed) {
            LOG.info("{} could not be committed: {}", this, why.toString());
            failure = why;
            onWorker(() -> {
                failed.run();
                release();
            });
        }

        private void onWorker(Runnable told) {
            try {
                Disposable unused = runtime.workers().schedule(told);
            } catch (RejectedExecutionException e) {
                told.run(); // the runtime was shut down
            }
        }

        /** Ends as it does, on a worker: with its failure, or that of the one before. */
        Mono<Void> ended() {
            return OnWorker.of(runtime, ended.asMono()).then(Mono.defer(() -> {
                Throwable why = failure;
                return why == null ? Mono.empty() : failed(why);
            }));
        }

        /** Ends with the failure when the transaction has ended; with that of the one before, where that could not be ended. */
        <T> Mono<T> endedBy(Throwable here) {
            return OnWorker.of(runtime, ended.asMono()).then(Mono.defer(() -> failed(origin(here))));
        }

        private Mono<Void> commitNow() {
            ProducerSession mine = session;
            return mine == null || !mine.isUsed() ? Mono.empty() : end(mine, TransactionResult.COMMIT);
        }

        /** Commits what was sent and what was read, while the caller goes on; aborts where the member that read it has lost it. */
        Mono<Void> commit(TransactionInput.Batch<?> batch) {
            return ending(
                    () -> {
                        ProducerSession mine = session;
                        Mono<ProducerSession> begun = mine != null ? Mono.just(mine) : retrying(beginNow());
                        return begun.flatMap(producer -> retrying(
                                                commitOffsets(producer, batch), TransactionalProducer::isStale)
                                        .then(end(producer, TransactionResult.COMMIT))
                                        .doOnSuccess(done -> batch.committed()))
                                .onErrorResume(failure -> isEndOpen()
                                        ? failed(failure)
                                        : abortNow().then(failed(failure)));
                    },
                    () -> {});
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

        /**
         * Aborts, while the caller goes on, behind the end of the one before. Where the broker could not be told, the next transaction or the
         * broker's timeout aborts.
         */
        Mono<Void> abort() {
            return ending(
                    () -> {
                        Transaction before = former;
                        return before == null
                                ? abortNow()
                                : before.ended.asMono().then(Mono.defer(() -> {
                                    failure = before.failure;
                                    return abortNow();
                                }));
                    },
                    () -> {});
        }

        private Mono<Void> abortNow() {
            ProducerSession mine = session;
            if (mine == null) {
                // it may have been asked for, and the answer is not looked at any more
                state.updateAndGet(last -> last.isReady ? new State(last.producer, false) : last);
                return Mono.empty();
            }
            return end(mine, TransactionResult.ABORT)
                    .timeout(ABORT_WAIT_MAX, runtime.timers())
                    .onErrorResume(failure -> {
                        state.set(new State(mine.producer(), false));
                        LOG.info("{} could not be aborted: {}", this, failure.toString());
                        return Mono.empty();
                    });
        }

        /** Whether its end was asked for and not answered. */
        private boolean isEndOpen() {
            return isEndAsked && !state().isReady;
        }

        private volatile boolean isEndAsked;

        private Mono<Void> end(ProducerSession mine, TransactionResult result) {
            EndTransaction end = new EndTransaction(transactionalId, mine.producer(), TransactionVersion.V2, result);
            return retrying(Mono.defer(() -> {
                        isEndAsked = true;
                        state.set(new State(mine.producer(), false));
                        return broker.endTransaction(caller, end);
                    }))
                    .doOnNext(next -> {
                        state.set(new State(next, true));
                        SenderMeters meters = options.meters();
                        if (meters != null) {
                            meters.ended(result == TransactionResult.COMMIT);
                        }
                    })
                    .then();
        }

        private void release() {
            active.compareAndSet(this, null);
            hasEnded = true;
            ended.tryEmitEmpty();
        }

        @Override
        public String toString() {
            return "the transaction of " + transactionalId;
        }
    }

    /** The transaction before could not be ended: asking again is no use. */
    private static final class FormerFailed extends RuntimeException {

        @Serial
        private static final long serialVersionUID = 1L;

        FormerFailed(Throwable cause) {
            super("the transaction before could not be ended: " + cause.getMessage(), cause, false, false);
        }
    }

    private <T> Mono<T> retrying(Mono<T> request) {
        return retrying(request, failure -> false);
    }

    /** Asks until the delivery timeout, as long as an answer may still come. */
    private <T> Mono<T> retrying(Mono<T> request, Predicate<Throwable> also) {
        Predicate<Throwable> again = failure -> isRetriable(failure) || also.test(failure);
        return timed(repeatedly(request, again));
    }

    private <T> Mono<T> repeatedly(Mono<T> request, Predicate<Throwable> again) {
        // the retry is made when it is needed
        return request.onErrorResume(
                again,
                failure -> Mono.delay(options.retryBackoff(), runtime.timers()).then(repeating(request, again)));
    }

    private <T> Mono<T> repeating(Mono<T> request, Predicate<Throwable> again) {
        // what no repetition can mend goes through as a value: an error that the retry refuses would count as an
        // operator's own
        return request.materialize()
                .flatMap(signal -> {
                    Throwable failure = signal.getThrowable();
                    return failure != null && again.test(failure)
                            ? TransactionalProducer.<Signal<T>>failed(failure)
                            : Mono.just(signal);
                })
                .retryWhen(Retry.backoff(Long.MAX_VALUE, options.retryBackoff())
                        .maxBackoff(BACKOFF_MAX)
                        .jitter(0)
                        .scheduler(runtime.timers()))
                .dematerialize();
    }

    /** With an error at the delivery timeout. There is no timer for an answer that comes at once. */
    private <T> Mono<T> timed(Mono<T> request) {
        return Mono.firstWithSignal(
                request,
                Mono.delay(options.deliveryTimeout(), runtime.timers())
                        .then(Mono.defer(() -> failed(new MqException(
                                ErrorCode.REQUEST_TIMED_OUT,
                                "transactional id " + transactionalId + ": no answer within "
                                        + options.deliveryTimeout())))));
    }

    private static boolean isRetriable(Throwable failure) {
        return failure instanceof MqException e && e.isRetriable();
    }

    /** Whether the member's epoch was that of before the last rebalance, so that it can be told with the next. */
    private static boolean isStale(Throwable failure) {
        return failure instanceof MqException e
                && (e.errorCode() == ErrorCode.ILLEGAL_GENERATION || e.errorCode() == ErrorCode.STALE_MEMBER_EPOCH);
    }

    /** An expected failure; {@link Mono#error} inside an operator would count as that operator's. */
    private static <T> Mono<T> failed(Throwable failure) {
        return Mono.create(sink -> sink.error(failure));
    }
}
