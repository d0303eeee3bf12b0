package io.reactivemq.examples.demo;

import io.reactivemq.Serdes;
import io.reactivemq.broker.Broker;
import io.reactivemq.consume.DrainReport;
import io.reactivemq.consume.Outcome;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.consume.RetryPolicy;
import java.time.Duration;
import java.util.function.Consumer;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Mono;

/**
 * A member of the group that does the work: reads each row, works on it, and adds it to the group's tally. A row that can't be read
 * fails its handler, three times, and goes to the dead letters.
 */
final class Member {

    /** How often a row is attempted before it goes to the dead letters. */
    static final int ATTEMPTS = 3;

    private static final Duration COMMIT_INTERVAL = Duration.ofMillis(500);

    /**
     * Little is fetched ahead. A member that is cut off goes on with what it has, and all of that comes again elsewhere.
     */
    private static final int FETCH_BYTES = 16 * 1024;

    private final String name;
    private final UnpluggableBroker broker;
    private final Rows rows;
    private final Tally tally;
    private final Pace pace;
    private final Receiver<String, String> receiver;
    private final Disposable.Composite subscriptions = Disposables.composite();

    Member(String name, Broker broker, Rows rows, Tally tally, Pace pace) {
        this.name = name;
        this.broker = new UnpluggableBroker(broker);
        this.rows = rows;
        this.tally = tally;
        this.pace = pace;
        this.receiver = Receiver.on(
                this.broker,
                ReceiverOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.group(rows.group())
                                .topics(rows.topic())
                                .clientId(name)
                                .commitInterval(COMMIT_INTERVAL)
                                .partitionFetchMaxBytes(FETCH_BYTES)));
    }

    /** Joins the group and begins to work. */
    void start(Moves moves, Consumer<Throwable> onError) {
        subscriptions.add(receiver.assignments().subscribe(owned -> moves.assigned(name, owned), onError));
        subscriptions.add(receiver.process(
                        this::handle,
                        o -> o.retry(RetryPolicy.immediately(ATTEMPTS - 1)).deadLetter(DeadLetters.topicOf(rows)))
                .subscribe(this::note, onError));
    }

    private Mono<Void> handle(ReceiverRecord<String, String> record) {
        // a damaged row throws here, which fails the handler as an error of its Mono would
        String text = textOf(record);
        Sample sample = rows.read(text);
        return pace.work()
                .then(Mono.fromRunnable(
                        () -> tally.handled(name, record.topicPartition(), record.offset(), sample, text)));
    }

    static String textOf(ReceiverRecord<String, String> record) {
        String text = record.value();
        if (text == null) {
            throw new IllegalArgumentException("no value");
        }
        return text;
    }

    private void note(Outcome outcome) {
        if (outcome.status() == Outcome.Status.DEAD_LETTERED) {
            tally.deadLettered(name, outcome.partition(), outcome.offset());
        }
    }

    String name() {
        return name;
    }

    /** Leaves in good order: what is under way is finished and committed first. */
    Mono<DrainReport> stop(Duration timeout) {
        return receiver.drain(timeout);
    }

    /** Is gone without a word: it goes on with what it has, but nobody hears of it any more. */
    void cutOff() {
        broker.unplug();
    }

    void dispose() {
        subscriptions.dispose();
    }
}
