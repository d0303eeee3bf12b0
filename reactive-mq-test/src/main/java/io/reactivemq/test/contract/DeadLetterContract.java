package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.Header;
import io.reactivemq.Headers;
import io.reactivemq.Serde;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.consume.DeadLetterHeaders;
import io.reactivemq.consume.Outcome;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.RetryPolicy;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Records whose handlers fail: attempts, dead letters, and what goes on meanwhile. */
@DisplayName("dead letters")
public abstract class DeadLetterContract extends GroupSupport {

    @Test
    void a_record_whose_handler_fails_three_times_is_dead_lettered_as_it_was_and_its_partition_moves_on() {
        topic("t", 1);
        Headers headers = Headers.of(Header.of("h", "1"), Header.of("null", (byte[]) null));
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
        for (String value : List.of("good 0", "bad", "good 2")) {
            await(sender.send(SenderRecord.of("t", "key of " + value, value)
                    .withHeaders(headers)
                    .withTimestamp(77)));
        }
        Map<String, Integer> attempts = new HashMap<>();
        Receiver<String, String> receiver =
                receiver(broker(), o -> o.group(GROUP).topics("t"));

        List<Outcome> outcomes = await(receiver.process(record -> {
                    String value = String.valueOf(record.value());
                    attempts.merge(value, 1, Integer::sum);
                    return value.equals("bad")
                            ? Mono.error(new IllegalArgumentException("no such airport"))
                            : Mono.empty();
                })
                .take(3)
                .collectList());

        assertThat(attempts).isEqualTo(Map.of("good 0", 1, "bad", 3, "good 2", 1));
        assertThat(outcomes).extracting(Outcome::offset).containsExactly(0L, 1L, 2L);
        assertThat(outcomes).extracting(Outcome::attempts).containsExactly(1, 3, 1);
        assertThat(outcomes)
                .extracting(Outcome::status)
                .containsExactly(Outcome.Status.PROCESSED, Outcome.Status.DEAD_LETTERED, Outcome.Status.PROCESSED);
        assertThat(outcomes.get(1).error()).isInstanceOf(IllegalArgumentException.class);
        restartIfDurable();
        List<StoredRecord> letters = readAllOfTopic("t.dlq");
        assertThat(letters).hasSize(1);
        StoredRecord letter = letters.get(0);
        assertThat(letter.key()).isEqualTo("key of bad");
        assertThat(letter.value()).isEqualTo("bad");
        assertThat(letter.headers().asList()).startsWith(headers.asList().toArray(Header[]::new));
        assertThat(letter.headers().lastAsString(DeadLetterHeaders.TOPIC)).isEqualTo("t");
        assertThat(letter.headers().lastAsString(DeadLetterHeaders.PARTITION)).isEqualTo("0");
        assertThat(letter.headers().lastAsString(DeadLetterHeaders.OFFSET)).isEqualTo("1");
        assertThat(letter.headers().lastAsString(DeadLetterHeaders.TIMESTAMP)).isEqualTo("77");
        assertThat(letter.headers().lastAsString(DeadLetterHeaders.GROUP)).isEqualTo(GROUP);
        assertThat(letter.headers().lastAsString(DeadLetterHeaders.ATTEMPTS)).isEqualTo("3");
        assertThat(letter.headers().lastAsString(DeadLetterHeaders.EXCEPTION_CLASS))
                .isEqualTo(IllegalArgumentException.class.getName());
        assertThat(letter.headers().lastAsString(DeadLetterHeaders.MESSAGE)).isEqualTo("no such airport");
    }

    @Test
    void a_record_as_large_as_its_topic_allows_is_dead_lettered_too() {
        String value = "x".repeat(3_000);
        ByteBuffer batch = StoredRecord.batch(StoredRecord.of(1, "k", value));
        topic("t", 1, Map.of("max.message.bytes", Integer.toString(batch.remaining())));
        append(new TopicPartition("t", 0), batch);
        send("t", 1, 1, 2);

        List<Outcome> outcomes = await(receiver(broker(), o -> o.group(GROUP).topics("t"))
                .process(record -> record.offset() == 0
                        ? Mono.error(new IllegalStateException("why ".repeat(1_000)))
                        : Mono.empty())
                .take(2)
                .collectList());

        assertThat(outcomes)
                .extracting(Outcome::status)
                .containsExactly(Outcome.Status.DEAD_LETTERED, Outcome.Status.PROCESSED);
        restartIfDurable();
        assertThat(readAllOfTopic("t.dlq")).extracting(StoredRecord::value).containsExactly(value);
    }

    @Test
    void bytes_that_can_not_be_read_are_dead_lettered_with_their_original_bytes() {
        topic("t", 1);
        append(
                new TopicPartition("t", 0),
                StoredRecord.batch(
                        StoredRecord.of(1, "k\u00ff", "12"),
                        StoredRecord.of(2, "\u00fe", "\u0000x\u00ff"),
                        StoredRecord.of(3, null, null)));
        Serde<Integer> number = Serde.of(
                value -> value.toString().getBytes(StandardCharsets.US_ASCII),
                bytes -> Integer.parseInt(new String(bytes, StandardCharsets.US_ASCII)));
        List<Integer> handled = new ArrayList<>();
        Receiver<byte[], Integer> receiver = Receiver.on(
                broker(),
                ReceiverOptions.of(Serdes.bytes(), number, o -> o.group(GROUP).topics("t")));

        List<Outcome> outcomes = await(receiver.process(record -> {
                    Integer value = record.value();
                    handled.add(value == null ? -1 : value);
                    return Mono.empty();
                })
                .take(3)
                .collectList());

        assertThat(handled).containsExactly(12, -1);
        assertThat(outcomes).extracting(Outcome::attempts).containsExactly(1, 0, 1);
        List<StoredRecord> letters = readAllOfTopic("t.dlq");
        assertThat(letters).hasSize(1);
        assertThat(letters.get(0).key()).isEqualTo("\u00fe");
        assertThat(letters.get(0).value()).isEqualTo("\u0000x\u00ff");
        assertThat(letters.get(0).headers().lastAsString(DeadLetterHeaders.MESSAGE))
                .isNotBlank();
    }

    @Test
    void a_handler_that_recovers_is_not_dead_lettered() {
        topic("t", 1);
        send("t", 1, 0, 3);
        Map<Long, Integer> attempts = new HashMap<>();
        List<Long> order = new ArrayList<>();

        List<Outcome> outcomes = await(receiver(broker(), o -> o.group(GROUP).topics("t"))
                .process(
                        record -> {
                            order.add(record.offset());
                            boolean fails =
                                    attempts.merge(record.offset(), 1, Integer::sum) < 4 && record.offset() == 1;
                            return fails ? Mono.error(new IllegalStateException("not yet")) : Mono.empty();
                        },
                        o -> o.retry(RetryPolicy.backoff(4, Duration.ofMillis(10))))
                .take(3)
                .collectList());

        assertThat(order).as("in order, the failing one in place").containsExactly(0L, 1L, 1L, 1L, 1L, 2L);
        assertThat(outcomes).extracting(Outcome::attempts).containsExactly(1, 4, 1);
        assertThat(outcomes).extracting(Outcome::status).containsOnly(Outcome.Status.PROCESSED);
        assertFails(broker().describeTopic(CALLER, "t.dlq"), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }

    @Test
    void a_failing_partition_holds_up_no_other() {
        topic("t", 2);
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
        await(sender.send(Flux.range(0, 100)
                        .map(i -> SenderRecord.of("t", "k", "v" + i).withPartition(i % 2)))
                .collectList());
        List<Outcome> outcomes = new CopyOnWriteArrayList<>();
        Receiver<String, String> receiver =
                receiver(broker(), o -> o.group(GROUP).topics("t"));
        Disposable subscription = receiver.process(
                        record -> record.partition() == 0
                                ? Mono.error(new IllegalStateException("always"))
                                : Mono.empty(),
                        o -> o.retry(RetryPolicy.backoff(4, Duration.ofMinutes(1))))
                .subscribe(outcomes::add);

        engine().eventually(() -> outcomes.size() == 50);

        assertThat(outcomes).extracting(o -> o.partition().partition()).containsOnly(1);
        subscription.dispose();
    }
}
