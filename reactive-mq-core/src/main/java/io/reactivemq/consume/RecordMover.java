package io.reactivemq.consume;

import io.reactivemq.ErrorCode;
import io.reactivemq.Header;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.TopicDescription;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.record.RecordCursor;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;

/**
 * Moves records to a retry topic or to their dead-letter topic: the original key, value and headers, byte for byte, and behind them the
 * headers of {@link RetryHeaders} or {@link DeadLetterHeaders}. A topic that is missing is created with one partition, and takes batches larger than the source does
 * by what those headers need. Safe for use by many threads.
 *
 * <p>A write that seemed to fail may have succeeded, so that a record can be in the dead-letter topic more than once; topic,
 * partition and offset in its headers tell.
 */
final class RecordMover {

    private static final Logger LOG = LoggerFactory.getLogger(RecordMover.class);

    /** A write that has failed so long is not tried again, and the stream is ended; as long as Kafka's producer tries. */
    private static final Duration TRYING_MAX = Duration.ofMinutes(2);

    private static final Backoff BACKOFF = Backoff.of(Duration.ofMillis(100), Duration.ofSeconds(2));
    private static final int MESSAGE_CHARS_MAX = 1_024;

    /** Of the headers: names, numbers, an error's message of at most 3 KiB, and a failed attempt of at most 1 KiB for each retry. */
    private static final int HEADERS_BYTES_MAX = 256 << 10;

    private static final int BATCH_BYTES_INITIAL = 1 << 10;

    private final Broker broker;
    private final ReceiverOptions<?, ?> options;
    private final ProcessOptions processOptions;
    private final Caller caller;
    private final Map<String, Integer> partitionCounts = new ConcurrentHashMap<>();

    RecordMover(Broker broker, ReceiverOptions<?, ?> options, ProcessOptions processOptions) {
        this.broker = broker;
        this.options = options;
        this.processOptions = processOptions;
        this.caller = Caller.embedded(options.clientId());
    }

    /** The bound on a write, all tries included. */
    Duration timeout() {
        return TRYING_MAX.plus(BACKOFF.max()).plus(options.requestTimeout());
    }

    /** Writes the record to its dead-letter topic; done when it is durable there. */
    Mono<Void> deadLetter(HandlerRun<?, ?> run, Throwable error) {
        TopicPartition source = run.origin().partition();
        String topic = processOptions.deadLetterTopic(source.topic());
        if (topic.equals(source.topic())) {
            throw new IllegalStateException(
                    "topic " + topic + " can't be its own dead-letter topic: the record at offset " + run.offset()
                            + " of " + source + " would come round for ever");
        }
        return write(run, source, topic, () -> deadLetterHeaders(run, error));
    }

    /** Writes the record to a retry topic; done when it is durable there. */
    Mono<Void> putOff(HandlerRun<?, ?> run, RetryTopics topics, int stage) {
        TopicPartition source = run.origin().partition();
        return write(
                run,
                source,
                // not by its headers, nor by the retry topic's name: only the receiver's own topics are read
                topics.name(topics.sourceOf(run.lane().partition().topic()), stage),
                () -> retryHeaders(
                        run,
                        broker.runtime().currentTimeMillis()
                                + topics.delay(stage).toMillis()));
    }

    /** Creates a topic like that one, unless it is there. */
    Mono<Void> createLike(String topic, String source) {
        return Mono.defer(() -> partitionCount(topic, source)).then();
    }

    private Mono<Void> write(
            HandlerRun<?, ?> run, TopicPartition source, String topic, Supplier<List<Header>> headers) {
        // the buffer of an append belongs to the broker, so that each try has its own
        Mono<AppendResult> append = Mono.defer(() -> partitionCount(topic, source.topic())
                .flatMap(count -> broker.append(
                        caller,
                        new TopicPartition(topic, source.partition() % count),
                        copy(run, headers.get()),
                        Acks.ALL))
                .timeout(options.requestTimeout(), broker.runtime().timers()));
        return Mono.defer(() -> repeated(append, topic, 1, broker.runtime().nanoTime()))
                .onErrorMap(failure -> new MqException(
                        failure instanceof MqException mq ? mq.errorCode() : ErrorCode.UNKNOWN_SERVER_ERROR,
                        "the record of " + run.lane().partition() + " at offset " + run.offset()
                                + " could not be moved to topic " + topic + " and is not acknowledged"
                                + (hasCode(failure, ErrorCode.MESSAGE_TOO_LARGE)
                                        ? ": the topic needs the source's max.message.bytes and " + HEADERS_BYTES_MAX
                                                + " more"
                                        : ""),
                        failure))
                .then();
    }

    private Mono<AppendResult> repeated(Mono<AppendResult> append, String topic, int tries, long beginNanos) {
        return append.onErrorResume(failure -> {
            partitionCounts.remove(topic);
            long tried = broker.runtime().nanoTime() - beginNanos;
            if (tried >= TRYING_MAX.toNanos() || !Requests.isRetriable(failure)) {
                return Mono.error(failure);
            }
            Duration wait = BACKOFF.after(tries);
            Requests.logRetry(LOG, "append to topic " + topic, tries, wait, failure);
            return Mono.delay(wait, broker.runtime().timers()).then(repeated(append, topic, tries + 1, beginNanos));
        });
    }

    private Mono<Integer> partitionCount(String topic, String source) {
        Integer known = partitionCounts.get(topic);
        if (known != null) {
            return Mono.just(known);
        }
        return broker.describeTopic(caller, topic)
                .onErrorResume(
                        error -> hasCode(error, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION), missing -> create(topic, source))
                .map(TopicDescription::partitions)
                .doOnNext(count -> partitionCounts.put(topic, count));
    }

    private Mono<TopicDescription> create(String topic, String source) {
        return broker.describeTopic(caller, source)
                .flatMap(original -> broker.createTopic(
                        caller,
                        new NewTopic(
                                topic,
                                1,
                                Map.of(
                                        "max.message.bytes",
                                        Long.toString(Math.min(
                                                Integer.MAX_VALUE,
                                                (long) original.maxMessageBytes() + HEADERS_BYTES_MAX))))))
                .onErrorResume(
                        error -> hasCode(error, ErrorCode.TOPIC_ALREADY_EXISTS),
                        other -> broker.describeTopic(caller, topic));
    }

    private static boolean hasCode(Throwable error, ErrorCode code) {
        return error instanceof MqException mq && mq.errorCode() == code;
    }

    private List<Header> deadLetterHeaders(HandlerRun<?, ?> run, Throwable error) {
        Headers original = run.received().headers();
        List<Header> headers = RetryHeaders.withoutWay(original);
        addFailures(headers, run);
        RetryHeaders.Origin origin = run.origin();
        headers.add(Header.of(DeadLetterHeaders.TOPIC, origin.partition().topic()));
        headers.add(Header.of(
                DeadLetterHeaders.PARTITION, Integer.toString(origin.partition().partition())));
        headers.add(Header.of(DeadLetterHeaders.OFFSET, Long.toString(origin.offset())));
        headers.add(Header.of(DeadLetterHeaders.TIMESTAMP, Long.toString(origin.timestampMs())));
        String group = options.group();
        if (group != null) {
            headers.add(Header.of(DeadLetterHeaders.GROUP, group));
        }
        headers.add(Header.of(DeadLetterHeaders.ATTEMPTS, Integer.toString(Math.max(1, run.attempts()))));
        headers.add(
                Header.of(DeadLetterHeaders.EXCEPTION_CLASS, error.getClass().getName()));
        String message = error.getMessage();
        if (message != null) {
            headers.add(Header.of(
                    DeadLetterHeaders.MESSAGE, message.substring(0, Math.min(message.length(), MESSAGE_CHARS_MAX))));
        }
        return headers;
    }

    private static List<Header> retryHeaders(HandlerRun<?, ?> run, long dueMs) {
        List<Header> headers = RetryHeaders.withoutWay(run.received().headers());
        addFailures(headers, run);
        RetryHeaders.Origin origin = run.origin();
        headers.add(Header.of(RetryHeaders.DUE, Long.toString(dueMs)));
        headers.add(Header.of(RetryHeaders.TOPIC, origin.partition().topic()));
        headers.add(Header.of(
                RetryHeaders.PARTITION, Integer.toString(origin.partition().partition())));
        headers.add(Header.of(RetryHeaders.OFFSET, Long.toString(origin.offset())));
        headers.add(Header.of(RetryHeaders.TIMESTAMP, Long.toString(origin.timestampMs())));
        headers.add(Header.of(RetryHeaders.ATTEMPTS, Integer.toString(run.attempts())));
        return headers;
    }

    private static void addFailures(List<Header> headers, HandlerRun<?, ?> run) {
        run.failures().forEach(failed -> headers.add(Header.of(DeadLetterHeaders.FAILED_ATTEMPT, failed.toText())));
    }

    /** The record with those headers, in a batch of its own. */
    private ByteBuffer copy(HandlerRun<?, ?> run, List<Header> headers) {
        RecordCursor original = find(run.lane().partition(), run.batch(), run.offset());
        RecordBatchBuilder builder = new RecordBatchBuilder(BATCH_BYTES_INITIAL, BATCH_BYTES_INITIAL);
        if (!builder.tryAppend(
                broker.runtime().currentTimeMillis(),
                bytes(original.key()),
                bytes(original.value()),
                Headers.of(headers))) {
            throw new IllegalStateException("an empty batch takes any record");
        }
        return builder.build();
    }

    /** Reads the batch again up to the record: only who fails pays. */
    private static RecordCursor find(TopicPartition source, RecordBatch batch, long offset) {
        RecordCursor cursor = batch.records();
        while (cursor.next()) {
            if (cursor.offset() == offset) {
                return cursor;
            }
        }
        throw new IllegalStateException(source + ": offset " + offset + " is not in " + batch);
    }

    private static byte @Nullable [] bytes(@Nullable ByteBuffer part) {
        if (part == null) {
            return null;
        }
        byte[] copy = new byte[part.remaining()];
        part.get(copy);
        return copy;
    }
}
