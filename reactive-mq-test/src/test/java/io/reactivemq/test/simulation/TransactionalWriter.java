package io.reactivemq.test.simulation;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.produce.TransactionalSender;
import io.reactivemq.test.history.Guarantee;
import io.reactivemq.test.history.ProducerHistory;
import java.time.Duration;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** A client that sends in transactions, under a transactional id that another client may take over. */
final class TransactionalWriter {

    /** How a transaction is to end. */
    enum End {
        COMMIT,
        FAIL,
        CANCEL
    }

    private final World world;
    final String name;
    final String transactionalId;
    private final Link link;
    private final ProducerHistory history;
    private final TransactionalSender<String, String> sender;
    private Disposable sending = Disposables.disposed();
    private int sent;
    private int transactions;

    TransactionalWriter(World world, String name, String transactionalId) {
        this.world = world;
        this.name = name;
        this.transactionalId = transactionalId;
        this.link = world.link(null, producer -> world.took(this, producer));
        this.history = world.history.producer(name, Guarantee.TRANSACTIONAL);
        this.sender = Sender.on(link, Writer.options(true)).transactional(transactionalId, World.TRANSACTION_TIMEOUT);
    }

    /** Another client has got the id: this one can do nothing any more. */
    void fenced(String by) {
        history.fenced(by);
    }

    boolean isIdle() {
        return sending.isDisposed();
    }

    /** Runs a transaction, where none is under way. */
    void run(int count, End end, Duration pause) {
        if (!isIdle() || link.isCut()) {
            return;
        }
        Attempt attempt = new Attempt(name + "#" + transactions++);
        Flux<SenderRecord<String, String>> records =
                Flux.range(0, count).map(i -> next(world.topic(), attempt.transaction));
        if (!pause.isZero()) {
            records = records.concatMap(
                    record -> Mono.delay(pause, world.runtime.timers()).thenReturn(record));
        }
        Flux<SenderRecord<String, String>> source = switch (end) {
            case COMMIT -> records.doOnComplete(attempt::committing);
            case FAIL ->
                records.concatWith(
                        Mono.create(sink -> sink.error(new MqException(ErrorCode.INVALID_RECORD, "it is to fail"))));
            case CANCEL -> records.concatWith(Mono.never());
        };
        sending = sender.send(source)
                .doOnCancel(attempt::ended)
                .subscribe(
                        result -> history.sent(
                                String.valueOf(result.record().value()), result.partition(), result.offset()),
                        failure -> {
                            world.note(name, attempt.transaction + " fails: " + failure.getMessage());
                            attempt.ended();
                        },
                        attempt::committed);
    }

    /** Cancels what is under way. */
    void cancel() {
        sending.dispose();
    }

    private SenderRecord<String, String> next(String topic, String transaction) {
        String value = name + ":" + sent++;
        history.sending(topic, value, transaction);
        return SenderRecord.of(topic, "k" + sent % 5, value);
    }

    void crash() {
        world.note(name, "crashes");
        link.cut();
        sending.dispose();
    }

    private final class Attempt {
        private final String transaction;
        private boolean commitAsked;

        Attempt(String transaction) {
            this.transaction = transaction;
        }

        void committing() {
            commitAsked = true;
            history.committing(transaction);
        }

        void committed() {
            history.committed(transaction);
        }

        void ended() {
            if (commitAsked) {
                history.unknownEnd(transaction);
            } else {
                history.aborted(transaction);
            }
        }
    }
}
