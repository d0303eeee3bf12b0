package io.reactivemq.test.simulation;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.produce.SenderResult;
import io.reactivemq.produce.TransactionalSender;
import io.reactivemq.test.history.Guarantee;
import io.reactivemq.test.history.ProducerHistory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
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

    /** Runs transactions in a row, of which the last one ends like that; where none is under way. */
    void run(int row, int count, End end, Duration pause) {
        if (!isIdle() || link.isCut()) {
            return;
        }
        Row attempts = new Row();
        Flux<Flux<SenderRecord<String, String>>> sources =
                Flux.range(1, row).map(i -> attempts.next(count, i == row ? end : End.COMMIT, pause));
        Flux<SenderResult<String, String>> results =
                row == 1 ? sources.concatMap(sender::send) : sender.sendTransactionally(sources);
        sending = results.doOnCancel(attempts::ended)
                .subscribe(
                        result -> {
                            String value = String.valueOf(result.record().value());
                            history.sent(value, result.partition(), result.offset());
                            attempts.reached(value);
                        },
                        failure -> {
                            world.note(name, attempts + " fails: " + failure.getMessage());
                            attempts.ended();
                        },
                        attempts::committed);
    }

    /** Cancels what is under way. */
    void cancel() {
        sending.dispose();
    }

    void crash() {
        world.note(name, "crashes");
        link.cut();
        sending.dispose();
    }

    /** Transactions in a row; those before the one that a record was appended in are committed. */
    private final class Row {
        private final List<String> open = new ArrayList<>();
        private final Set<String> commitAsked = new HashSet<>();
        private final Map<String, String> transactionOf = new HashMap<>();

        Flux<SenderRecord<String, String>> next(int count, End end, Duration pause) {
            return Flux.defer(() -> {
                String transaction = name + "#" + transactions++;
                open.add(transaction);
                Flux<SenderRecord<String, String>> records =
                        Flux.range(0, count).map(i -> record(world.topic(), transaction));
                if (!pause.isZero()) {
                    records = records.concatMap(
                            record -> Mono.delay(pause, world.runtime.timers()).thenReturn(record));
                }
                return switch (end) {
                    case COMMIT ->
                        records.doOnComplete(() -> {
                            commitAsked.add(transaction);
                            history.committing(transaction);
                        });
                    case FAIL ->
                        records.concatWith(Mono.create(
                                sink -> sink.error(new MqException(ErrorCode.INVALID_RECORD, "it is to fail"))));
                    case CANCEL -> records.concatWith(Mono.never());
                };
            });
        }

        private SenderRecord<String, String> record(String topic, String transaction) {
            String value = name + ":" + sent++;
            transactionOf.put(value, transaction);
            history.sending(topic, value, transaction);
            return SenderRecord.of(topic, "k" + sent % 5, value);
        }

        void reached(String value) {
            List<String> before = open.subList(0, Math.max(0, open.indexOf(transactionOf.get(value))));
            before.forEach(history::committed);
            before.clear();
        }

        void committed() {
            open.forEach(history::committed);
            open.clear();
        }

        void ended() {
            open.forEach(transaction -> {
                if (commitAsked.contains(transaction)) {
                    history.unknownEnd(transaction);
                } else {
                    history.aborted(transaction);
                }
            });
            open.clear();
        }

        @Override
        public String toString() {
            return open.toString();
        }
    }
}
