package io.reactivemq.queue;

import io.reactivemq.ErrorCode;
import io.reactivemq.Header;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.broker.TopicDescription;
import io.reactivemq.consume.DeadLetterHeaders;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.produce.SenderResult;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * One run: reads the letters as a group, sends them, and acknowledges each when its result is there. Its end is the end of the topic's partitions at its begin, and
 * it has come when the group has committed that much, whoever of the group did so. A partition is read no further than that.
 */
final class Replay {

    private static final String CLIENT_ID = "replay";

    /** Between commits, and between looks at what is committed. */
    private static final Duration LOOK_INTERVAL = Duration.ofMillis(100);

    /** Bounds the last commit and the good-bye, as the receiver does. */
    private static final Duration LEAVE_TIMEOUT = Duration.ofSeconds(5);

    private final Broker broker;
    private final Caller caller = Caller.embedded(CLIENT_ID);
    private final String topic;
    private final ReplayOptions options;

    /** Handed to the sender, in order, and without a result. */
    private final Queue<ReceiverRecord<byte[], byte[]>> inFlight = new ConcurrentLinkedQueue<>();

    /** What waits until all that are in flight have their results: nothing is sent meanwhile. */
    private final AtomicReference<@Nullable Runnable> waiting = new AtomicReference<>();

    /** Why the run ended before all is committed; null: it did not. */
    private volatile @Nullable Throwable failure;

    Replay(Broker broker, String topic, ReplayOptions options) {
        this.broker = broker;
        this.topic = topic;
        this.options = options;
    }

    Flux<ReplayedLetter> run() {
        return broker.describeTopic(caller, topic)
                .flatMapMany(letters -> ends(letters)
                        .flatMapMany(ends -> isCommitted(ends)
                                .flatMapMany(done -> done ? Flux.empty() : runTo(ends, letters.topicId()))));
    }

    /** Behind the last letter of each partition that has one. */
    private Mono<Map<TopicPartition, Long>> ends(TopicDescription letters) {
        return Flux.range(0, letters.partitions())
                .map(index -> new TopicPartition(topic, index))
                .concatMap(partition -> Mono.zip(
                                earliest(partition), broker.listOffset(caller, partition, OffsetSpec.latest()))
                        .filter(range -> range.getT1() < range.getT2())
                        .map(range -> Map.entry(partition, range.getT2())))
                .collectMap(Map.Entry::getKey, Map.Entry::getValue);
    }

    private Mono<Long> earliest(TopicPartition partition) {
        return broker.listOffset(caller, partition, OffsetSpec.earliest());
    }

    /** Whether each partition is committed up to its end, or has lost the letters before it. */
    private Mono<Boolean> isCommitted(Map<TopicPartition, Long> ends) {
        return broker.fetchOffsets(caller, options.group(), ends.keySet())
                .flatMapMany(committed -> Flux.fromIterable(ends.entrySet())
                        .filter(end -> !isBehind(committed.get(end.getKey()), end.getValue())))
                .concatMap(end -> earliest(end.getKey()).map(earliest -> earliest >= end.getValue()))
                .all(gone -> gone);
    }

    private static boolean isBehind(@Nullable CommittedOffset committed, long end) {
        return committed != null && committed.offset() >= end;
    }

    private Flux<ReplayedLetter> runTo(Map<TopicPartition, Long> ends, UUID topicId) {
        Mono<Boolean> allCommitted = broker.describeTopic(caller, topic)
                .filter(now -> now.topicId().equals(topicId))
                .switchIfEmpty(failed(gone(null)))
                .flatMap(now -> isCommitted(ends))
                .onErrorResume(MqException.class, this::goOnAfter)
                .filter(done -> done)
                .repeatWhenEmpty(looks ->
                        looks.delayElements(LOOK_INTERVAL, broker.runtime().timers()));
        return Flux.usingWhen(
                Mono.fromSupplier(this::receiver),
                receiver -> replay(receiver.receive()
                                .concatMap(
                                        letter -> letter.offset() < ends.getOrDefault(letter.topicPartition(), 0L)
                                                ? next(letter)
                                                : readNoFurther(receiver, letter),
                                        0))
                        .takeUntilOther(allCommitted.onErrorResume(this::keep))
                        .concatWith(Mono.defer(this::failure)),
                receiver -> receiver.drain(LEAVE_TIMEOUT));
    }

    /** What ends a Flux from beside it cancels it when it completes, but not when it fails. */
    private Mono<Boolean> keep(Throwable error) {
        failure = error;
        return Mono.just(true);
    }

    private Mono<ReplayedLetter> failure() {
        Throwable error = failure;
        return error == null ? Mono.empty() : failed(error);
    }

    /** The run goes on while the broker may answer again. */
    private Mono<Boolean> goOnAfter(MqException failure) {
        if (failure.errorCode() == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
            return failed(gone(failure));
        }
        return failure.isRetriable() ? Mono.just(false) : failed(failure);
    }

    private MqException gone(@Nullable MqException cause) {
        return new MqException(
                ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                "dead-letter topic " + topic + " was deleted while its letters were replayed",
                cause);
    }

    /**
     * The partition ends for this run before that letter, which is not acknowledged: it is another run's. It is sought anew, so that it does not count as in work, when all before it are
     * acknowledged. Another that gets the partition meanwhile begins where that is committed.
     */
    private <T> Mono<T> readNoFurther(Receiver<byte[], byte[]> receiver, ReceiverRecord<byte[], byte[]> letter) {
        TopicPartition partition = letter.topicPartition();
        return behindThose()
                .then(receiver.pause(List.of(partition)))
                .then(receiver.seek(partition, letter.offset()))
                .onErrorComplete(IllegalStateException.class) // it is not this receiver's any more
                .then(Mono.empty());
    }

    private Receiver<byte[], byte[]> receiver() {
        return Receiver.on(
                broker,
                ReceiverOptions.of(
                        Serdes.bytes(),
                        Serdes.bytes(),
                        o -> o.group(options.group())
                                .topics(topic)
                                .clientId(CLIENT_ID)
                                .commitInterval(LOOK_INTERVAL)));
    }

    private Flux<ReplayedLetter> replay(Flux<SenderRecord<byte[], byte[]>> records) {
        Sender<byte[], byte[]> sender =
                Sender.on(broker, SenderOptions.of(Serdes.bytes(), Serdes.bytes(), this::configure));
        return sender.send(records).map(this::replayed).onErrorMap(MqException.class, this::ofLetter);
    }

    /** One at a time: behind a letter that can't go none is sent, and all before it are acknowledged before the receiver is cancelled. */
    private void configure(SenderOptions.Builder sender) {
        sender.clientId(CLIENT_ID).maxInFlight(1).stopOnError(true);
        if (options.recordsPerSecond() < Double.POSITIVE_INFINITY) {
            sender.recordsPerSecond(options.recordsPerSecond());
        }
    }

    /** What is sent for the letter; nothing where it is not chosen. */
    private Mono<SenderRecord<byte[], byte[]>> next(ReceiverRecord<byte[], byte[]> letter) {
        boolean chosen;
        try {
            chosen = options.chooses(letter);
        } catch (Throwable e) {
            Exceptions.throwIfJvmFatal(e);
            return failedBehindThose(new IllegalStateException("where(..) failed for " + nameOf(letter) + ": " + e, e));
        }
        if (!chosen) {
            boolean unused = letter.acknowledge();
            return Mono.empty();
        }
        return record(letter);
    }

    /** The record that it was, or the letter itself for the parking topic. */
    private Mono<SenderRecord<byte[], byte[]>> record(ReceiverRecord<byte[], byte[]> letter) {
        Headers headers = letter.headers();
        String source = headers.lastAsString(DeadLetterHeaders.TOPIC);
        long partition = number(headers, DeadLetterHeaders.PARTITION);
        if (source == null
                || source.isBlank()
                || source.equals(topic)
                || partition < 0
                || partition > Integer.MAX_VALUE) {
            return failedBehindThose(new MqException(
                    ErrorCode.INVALID_RECORD,
                    nameOf(letter) + " is no dead letter that can go back: " + DeadLetterHeaders.TOPIC + " is " + source
                            + ", " + DeadLetterHeaders.PARTITION + " is "
                            + headers.lastAsString(DeadLetterHeaders.PARTITION)
                            + "; leave it out with where(..)"));
        }
        int replays = (int) Math.min(Math.max(0, number(headers, DeadLetterHeaders.REPLAYS)), Integer.MAX_VALUE - 1);
        String parking = options.parkingTopic(replays);
        long timestamp = number(headers, DeadLetterHeaders.TIMESTAMP);
        inFlight.add(letter);
        return Mono.just(
                parking == null
                        ? new SenderRecord<>(
                                source,
                                (int) partition,
                                timestamp < 0 ? null : timestamp,
                                letter.key(),
                                letter.value(),
                                withoutFailure(headers, replays + 1))
                        : new SenderRecord<>(parking, null, null, letter.key(), letter.value(), headers));
    }

    /** -1 for none. */
    private static long number(Headers headers, String name) {
        String text = headers.lastAsString(name);
        try {
            return text == null ? -1 : Long.parseLong(text);
        } catch (NumberFormatException e) {
            return -1;
        }
    }

    private static Headers withoutFailure(Headers headers, int replays) {
        List<Header> own = new ArrayList<>(headers.size());
        for (Header header : headers) {
            if (!DeadLetterHeaders.isOfFailure(header.key()) && !header.key().equals(DeadLetterHeaders.REPLAYS)) {
                own.add(header);
            }
        }
        own.add(Header.of(DeadLetterHeaders.REPLAYS, Integer.toString(replays)));
        return Headers.of(own);
    }

    private ReplayedLetter replayed(SenderResult<byte[], byte[]> result) {
        ReceiverRecord<byte[], byte[]> letter = inFlight.remove();
        // too late only where the partition has gone to another run, which replays it once more
        boolean unused = letter.acknowledge();
        goOnWhenAllHaveResults();
        return new ReplayedLetter(
                letter.topicPartition(),
                letter.offset(),
                result.partition(),
                result.offset(),
                result.record().partition() == null);
    }

    /** Results come in order, so that the first letter without one is the one that failed. */
    private Throwable ofLetter(MqException error) {
        ReceiverRecord<byte[], byte[]> letter = inFlight.peek();
        return letter == null
                ? error
                : new MqException(
                        error.errorCode(),
                        nameOf(letter) + " could not be sent, and the next replay begins with it: " + error.getMessage()
                                + "; where(..) leaves it out",
                        error);
    }

    private static String nameOf(ReceiverRecord<byte[], byte[]> letter) {
        return "the record at offset " + letter.offset() + " of " + letter.topicPartition();
    }

    /** Fails when all that is in flight has its result: the error cancels the receiver, and behind that nothing is acknowledged. */
    private <T> Mono<T> failedBehindThose(RuntimeException failure) {
        return behindThose().then(failed(failure));
    }

    /** Completes when all that is in flight has its result. Asked for by one letter at a time. */
    private Mono<Void> behindThose() {
        return Mono.create(sink -> {
            waiting.set(sink::success);
            goOnWhenAllHaveResults();
        });
    }

    private void goOnWhenAllHaveResults() {
        Runnable next = inFlight.isEmpty() ? waiting.getAndSet(null) : null;
        if (next != null) {
            next.run();
        }
    }

    /** An expected failure; {@link Mono#error} inside an operator would count as that operator's. */
    private static <T> Mono<T> failed(Throwable failure) {
        return Mono.create(sink -> sink.error(failure));
    }
}
