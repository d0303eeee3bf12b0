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
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * One run: reads the letters as a group, sends them, and acknowledges each when its result is there. Its end is the end of the topic's partitions at its begin, and
 * it has come when the group has committed that much, whoever of the group did so.
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

    /** Ends the run at a letter that can't go; run once, when those before it have their results. */
    private final AtomicReference<@Nullable Runnable> ending = new AtomicReference<>();

    Replay(Broker broker, String topic, ReplayOptions options) {
        this.broker = broker;
        this.topic = topic;
        this.options = options;
    }

    Flux<ReplayedLetter> run() {
        return ends().flatMapMany(ends -> isCommitted(ends).flatMapMany(done -> done ? Flux.empty() : runTo(ends)));
    }

    /** Behind the last letter of each partition that has one. */
    private Mono<Map<TopicPartition, Long>> ends() {
        return broker.describeTopic(caller, topic)
                .flatMapMany(found -> Flux.range(0, found.partitions()))
                .map(index -> new TopicPartition(topic, index))
                .concatMap(partition -> Mono.zip(
                                broker.listOffset(caller, partition, OffsetSpec.earliest()),
                                broker.listOffset(caller, partition, OffsetSpec.latest()))
                        .filter(range -> range.getT1() < range.getT2())
                        .map(range -> Map.entry(partition, range.getT2())))
                .collectMap(Map.Entry::getKey, Map.Entry::getValue);
    }

    private Mono<Boolean> isCommitted(Map<TopicPartition, Long> ends) {
        return broker.fetchOffsets(caller, options.group(), ends.keySet())
                .map(committed -> ends.entrySet().stream()
                        .allMatch(end -> isBehind(committed.get(end.getKey()), end.getValue())));
    }

    private static boolean isBehind(@Nullable CommittedOffset committed, long end) {
        return committed != null && committed.offset() >= end;
    }

    private Flux<ReplayedLetter> runTo(Map<TopicPartition, Long> ends) {
        Mono<Boolean> allCommitted = isCommitted(ends)
                .onErrorResume(error -> error instanceof MqException mq && mq.isRetriable(), error -> Mono.just(false))
                .filter(done -> done)
                .repeatWhenEmpty(looks ->
                        looks.delayElements(LOOK_INTERVAL, broker.runtime().timers()));
        return Flux.usingWhen(
                Mono.fromSupplier(this::receiver),
                receiver -> replay(receiver.receive()
                        .takeUntilOther(allCommitted)
                        .filter(letter -> letter.offset() < ends.getOrDefault(letter.topicPartition(), 0L))),
                receiver -> receiver.drain(LEAVE_TIMEOUT));
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

    private Flux<ReplayedLetter> replay(Flux<ReceiverRecord<byte[], byte[]>> letters) {
        Sender<byte[], byte[]> sender =
                Sender.on(broker, SenderOptions.of(Serdes.bytes(), Serdes.bytes(), this::configure));
        return sender.send(letters.filter(this::isChosen).concatMap(this::next, 0))
                .map(this::replayed)
                .onErrorMap(MqException.class, this::ofLetter);
    }

    /** One at a time: behind a letter that can't go none is sent, and all before it are acknowledged before the receiver is cancelled. */
    private void configure(SenderOptions.Builder sender) {
        sender.clientId(CLIENT_ID).maxInFlight(1).stopOnError(true);
        if (options.recordsPerSecond() < Double.POSITIVE_INFINITY) {
            sender.recordsPerSecond(options.recordsPerSecond());
        }
    }

    private boolean isChosen(ReceiverRecord<byte[], byte[]> letter) {
        boolean chosen = options.chooses(letter);
        if (!chosen) {
            boolean unused = letter.acknowledge();
        }
        return chosen;
    }

    /** The record that it was, or the letter itself for the parking topic. */
    private Mono<SenderRecord<byte[], byte[]>> next(ReceiverRecord<byte[], byte[]> letter) {
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
        endWhenAllHaveResults();
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

    /**
     * Fails when all that is in flight has its result: the error cancels the receiver, and behind that nothing is acknowledged. An expected failure; {@link Mono#error} inside an
     * operator would count as that operator's.
     */
    private <T> Mono<T> failedBehindThose(MqException failure) {
        return Mono.create(sink -> {
            ending.set(() -> sink.error(failure));
            endWhenAllHaveResults();
        });
    }

    private void endWhenAllHaveResults() {
        Runnable end = inFlight.isEmpty() ? ending.getAndSet(null) : null;
        if (end != null) {
            end.run();
        }
    }
}
