package io.reactivemq.test.simulation;

import io.reactivemq.Serdes;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.produce.SenderResult;
import io.reactivemq.produce.TransactionalSender;
import io.reactivemq.test.history.ConsumerHistory;
import io.reactivemq.test.history.Guarantee;
import io.reactivemq.test.history.Operation.Origin;
import io.reactivemq.test.history.ProducerHistory;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** A client that reads, processes and writes in transactions, as a member of the group of processors; and begins anew after an error. */
final class Processor {

    static final String GROUP = "processors";

    private final World world;
    final String name;
    private final Link link;
    private final ConsumerHistory input;
    private final ProducerHistory output;
    private final Receiver<String, String> receiver;
    private final TransactionalSender<String, String> sender;
    private final Map<String, String> transactionOf = new HashMap<>();
    // those that are neither committed nor aborted yet, and whether their commit is asked for
    private final Map<String, Boolean> open = new LinkedHashMap<>();
    private Disposable processing = Disposables.disposed();
    private int transactions;
    private int made;
    private boolean stopped;

    Processor(World world, String name) {
        this.world = world;
        this.name = name;
        this.input = world.history.consumer(name, GROUP, IsolationLevel.READ_COMMITTED);
        this.output = world.history.producer(name, Guarantee.TRANSACTIONAL);
        this.link = world.link(input, producer -> {});
        this.receiver = Receiver.on(
                link,
                ReceiverOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.group(GROUP)
                                .topics("in")
                                .clientId(name)
                                .isolation(IsolationLevel.READ_COMMITTED)
                                .maxPollRecords(1 + world.random.nextInt(8))
                                .requestTimeout(Duration.ofSeconds(3))
                                .rebalanceListener(Member.listener(input))));
        this.sender = Sender.on(link, Writer.options(true)).transactional(name, World.TRANSACTION_TIMEOUT);
    }

    boolean isRunning() {
        return !stopped && !processing.isDisposed();
    }

    boolean isStopped() {
        return stopped;
    }

    /** Begins, or begins anew where an error has ended it. */
    void start() {
        if (stopped || isRunning()) {
            return;
        }
        processing = sender.process(receiver, this::process).subscribe(this::committed, failure -> {
            world.note(name, "fails: " + failure.getMessage());
            closeOpen();
        });
    }

    private Flux<SenderRecord<String, String>> process(Flux<ReceiverRecord<String, String>> batch) {
        closeOpen();
        String transaction = name + "#" + transactions++;
        boolean fails = world.random.nextInt(12) == 0;
        return batch.collectList().flatMapMany(records -> {
            open.put(transaction, false);
            records.forEach(
                    record -> input.polled(record.topicPartition(), record.offset(), String.valueOf(record.value())));
            Flux<SenderRecord<String, String>> made =
                    Flux.fromIterable(records).map(record -> make(record, transaction));
            return fails
                    ? made.concatWith(Mono.create(sink -> sink.error(new IllegalStateException("it is to fail"))))
                    : made.doOnComplete(() -> {
                        records.forEach(record -> input.acknowledging(record.topicPartition(), record.offset()));
                        open.put(transaction, true);
                        output.committing(transaction);
                        endSoonAtTimes();
                    });
        });
    }

    /** Ends now and then while a commit is under way. */
    private void endSoonAtTimes() {
        if (world.isFinishing() || world.random.nextInt(15) > 0) {
            return;
        }
        boolean crashes = world.random.nextBoolean() && !world.isEmbedded();
        Disposable unused = world.runtime
                .timers()
                .schedule(crashes ? this::crash : this::leave, world.random.nextInt(20_000), TimeUnit.MICROSECONDS);
    }

    private SenderRecord<String, String> make(ReceiverRecord<String, String> record, String transaction) {
        String value = name + ":" + made++;
        transactionOf.put(value, transaction);
        output.sending("out", value, transaction, new Origin(GROUP, record.topicPartition(), record.offset()));
        return SenderRecord.of("out", record.key(), value);
    }

    private void committed(SenderResult<String, String> result) {
        String value = String.valueOf(result.record().value());
        String transaction = transactionOf.get(value);
        if (transaction != null && open.remove(transaction) != null) {
            output.committed(transaction);
        }
        output.sent(value, result.partition(), result.offset());
    }

    private void closeOpen() {
        open.forEach((transaction, commitAsked) -> {
            if (commitAsked) {
                output.unknownEnd(transaction);
            } else {
                output.aborted(transaction);
            }
        });
        open.clear();
    }

    void leave() {
        if (stopped) {
            return;
        }
        stopped = true;
        world.note(name, "leaves");
        processing.dispose();
        closeOpen();
    }

    void crash() {
        if (link.isCut()) {
            return;
        }
        world.note(name, "crashes");
        input.cutOff();
        link.cut();
        leave();
    }
}
