package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.reactivemq.ErrorCode;
import io.reactivemq.Header;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.RecordsToDelete;
import io.reactivemq.consume.DeadLetterHeaders;
import io.reactivemq.consume.Outcome;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.RetryPolicy;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.queue.DeadLetters;
import io.reactivemq.queue.ReplayOptions;
import io.reactivemq.queue.ReplayedLetter;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Dead letters that go back to where they come from. */
@DisplayName("replays of dead letters")
public abstract class ReplayContract extends EngineContract {

    private static final TopicPartition T0 = new TopicPartition("t", 0);
    private static final TopicPartition D0 = new TopicPartition("d", 0);
    private static final int REPLAYS_MAX = 2;

    /** The rate of replays during which something else happens: one takes longer than a receiver may stand still. */
    private static final double PER_SECOND = 0.1;

    @Test
    @DisplayName("8 dead letters are replayed to their source, at a rate, each so many times at most, and then parked")
    void dead_letters_are_replayed() {
        topic("t", 2);
        topic("t.parked", 1);
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
        await(sender.send(Flux.range(0, 4)
                        .map(i -> SenderRecord.of("t", "k" + i, "v" + i)
                                .withHeaders(Headers.empty().with("own", "h" + i))
                                .withPartition(i % 2)
                                .withTimestamp(70 + i)))
                .collectList());
        Set<String> broken = ConcurrentHashMap.newKeySet();
        broken.addAll(List.of("v0", "v1", "v3"));
        List<String> handled = new CopyOnWriteArrayList<>();
        List<Outcome> outcomes = new CopyOnWriteArrayList<>();
        Disposable handling = Receiver.on(
                        broker(),
                        ReceiverOptions.of(
                                Serdes.string(),
                                Serdes.string(),
                                o -> o.group("g").topics("t")))
                .process(
                        record -> {
                            String value = String.valueOf(record.value());
                            if (broken.contains(value)) {
                                return Mono.error(new IllegalStateException("not yet"));
                            }
                            handled.add(value);
                            return Mono.empty();
                        },
                        o -> o.retry(RetryPolicy.none()))
                .subscribe(outcomes::add);
        disposeAtEnd(handling);
        engine().eventually(() -> outcomes.size() == 4);
        broken.remove("v0");

        DeadLetters letters = DeadLetters.of(broker(), "t.dlq");
        Consumer<ReplayOptions.Builder> slowly = o -> o.recordsPerSecond(2).parkAfter(REPLAYS_MAX, "t.parked");
        long begin = broker().runtime().currentTimeMillis();
        List<ReplayedLetter> first = await(letters.replay(slowly).collectList());
        long took = broker().runtime().currentTimeMillis() - begin;
        assertThat(first).as("and not those that fail meanwhile").hasSize(3).noneMatch(ReplayedLetter::parked);
        assertThat(first).extracting(ReplayedLetter::letterOffset).containsExactly(0L, 1L, 2L);
        assertThat(took).as("three at two a second").isGreaterThanOrEqualTo(900);
        engine().eventually(() -> outcomes.size() == 4 + 3);
        assertThat(await(letters.replay(slowly).collectList())).hasSize(2).noneMatch(ReplayedLetter::parked);
        engine().eventually(() -> outcomes.size() == 4 + 3 + 2);
        assertThat(await(letters.replay(slowly).collectList())).hasSize(2).allMatch(ReplayedLetter::parked);
        assertThat(await(letters.replay(slowly).collectList()))
                .as("all are replayed or parked")
                .isEmpty();
        handling.dispose();

        restartIfDurable();
        assertThat(handled).containsExactlyInAnyOrder("v0", "v2");
        List<StoredRecord> parked = readAll(new TopicPartition("t.parked", 0));
        assertThat(parked).extracting(StoredRecord::value).containsExactlyInAnyOrder("v1", "v3");
        assertThat(parked).allSatisfy(letter -> {
            assertThat(letter.key()).isEqualTo("k" + number(letter));
            assertThat(letter.headers().lastAsString(DeadLetterHeaders.TOPIC)).isEqualTo("t");
            assertThat(letter.headers().lastAsString(DeadLetterHeaders.REPLAYS)).isEqualTo("" + REPLAYS_MAX);
        });
        for (int partition = 0; partition < 2; partition++) {
            List<StoredRecord> records = readAll(new TopicPartition("t", partition));
            assertThat(records.subList(2, records.size())).isNotEmpty().allSatisfy(record -> {
                assertThat(record.key()).isEqualTo("k" + number(record));
                assertThat(record.timestampMs()).isEqualTo(70 + number(record));
                assertThat(record.headers().asList())
                        .extracting(Header::key)
                        .as("its own, and how often")
                        .containsExactly("own", DeadLetterHeaders.REPLAYS);
            });
        }
    }

    private static int number(StoredRecord record) {
        return Integer.parseInt(String.valueOf(record.value()).substring(1));
    }

    @Test
    @DisplayName("8 a letter that can't go ends the replay, which begins with it the next time; where() leaves it out")
    void a_letter_that_can_not_go_back() {
        topic("t", 1);
        topic("d", 1);
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
        for (String source : List.of("t", "t", "gone", "t", "", "t")) {
            Headers headers = source.isEmpty()
                    ? Headers.empty()
                    : Headers.empty().with(DeadLetterHeaders.TOPIC, source).with(DeadLetterHeaders.PARTITION, "0");
            await(sender.send(SenderRecord.of("d", "k", source).withHeaders(headers)));
        }
        DeadLetters letters = DeadLetters.of(broker(), "d");
        List<Long> replayed = new CopyOnWriteArrayList<>();

        assertThat(catchThrowable(() -> await(letters.replay()
                        .doOnNext(letter -> replayed.add(letter.letterOffset()))
                        .then())))
                .isInstanceOfSatisfying(
                        MqException.class,
                        error -> assertThat(error.errorCode()).isEqualTo(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION))
                .hasMessageContaining("offset 2 of d-0");
        assertThat(replayed).containsExactly(0L, 1L);
        assertThat(catchThrowable(() -> await(letters.replay(o -> o.where(
                                letter -> !"gone".equals(letter.headers().lastAsString(DeadLetterHeaders.TOPIC))))
                        .doOnNext(letter -> replayed.add(letter.letterOffset()))
                        .then())))
                .isInstanceOfSatisfying(
                        MqException.class,
                        error -> assertThat(error.errorCode()).isEqualTo(ErrorCode.INVALID_RECORD))
                .hasMessageContaining("offset 4 of d-0");
        assertThat(replayed).as("goes on where it ended").containsExactly(0L, 1L, 3L);
        await(letters.replay(o -> o.where(letter -> letter.headers().size() > 0))
                .doOnNext(letter -> replayed.add(letter.letterOffset()))
                .then());
        assertThat(replayed).containsExactly(0L, 1L, 3L, 5L);
        assertThat(endOf(T0)).isEqualTo(4);
        assertFails(DeadLetters.of(broker(), "none").replay().then(), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }

    /** Letters for partition 0 of t, in one partition after the other. */
    private void letters(String topic, int partition, int count) {
        Sender<String, String> sender = Sender.on(broker(), SenderOptions.of(Serdes.string(), Serdes.string()));
        Headers headers = Headers.empty().with(DeadLetterHeaders.TOPIC, "t").with(DeadLetterHeaders.PARTITION, "0");
        await(sender.send(Flux.range(0, count)
                        .map(i -> SenderRecord.of(topic, "k", partition + "/" + i)
                                .withPartition(partition)
                                .withHeaders(headers)))
                .collectList());
    }

    @Test
    @DisplayName("8 a replay reads a partition no further than it went at its begin, however long the others take")
    void letters_behind_the_end_wait() {
        topic("t", 1);
        topic("d", 2);
        letters("d", 0, 2);
        letters("d", 1, 50);
        List<ReplayedLetter> replayed = new CopyOnWriteArrayList<>();
        AtomicReference<String> end = new AtomicReference<>("none");
        DeadLetters letters = DeadLetters.of(broker(), "d");
        Disposable running = letters.replay(o -> o.recordsPerSecond(PER_SECOND))
                .subscribe(replayed::add, error -> end.set(error.toString()), () -> end.set("completed"));
        disposeAtEnd(running);
        engine().eventually(() -> !replayed.isEmpty());
        letters("d", 0, 3);

        engine().eventually(() -> !"none".equals(end.get()));
        assertThat(end).hasValue("completed");
        assertThat(replayed).hasSize(52);
        assertThat(replayed)
                .filteredOn(letter -> letter.letterPartition().equals(D0))
                .extracting(ReplayedLetter::letterOffset)
                .containsExactly(0L, 1L);
        assertThat(replayed)
                .filteredOn(letter -> !letter.letterPartition().equals(D0))
                .extracting(ReplayedLetter::letterOffset)
                .doesNotHaveDuplicates()
                .isSorted();
        assertThat(await(letters.replay().collectList()))
                .as("those that came meanwhile")
                .extracting(ReplayedLetter::letterOffset)
                .containsExactly(2L, 3L, 4L);
    }

    @Test
    @DisplayName("8 a replay whose topic is deleted meanwhile fails, and says so")
    void a_replay_whose_topic_goes() {
        topic("t", 1);
        topic("d", 1);
        letters("d", 0, 50);
        AtomicReference<Throwable> error = new AtomicReference<>();
        List<ReplayedLetter> replayed = new CopyOnWriteArrayList<>();
        disposeAtEnd(DeadLetters.of(broker(), "d")
                .replay(o -> o.recordsPerSecond(PER_SECOND))
                .subscribe(replayed::add, error::set));
        engine().eventually(() -> !replayed.isEmpty());
        await(broker().deleteTopic("d"));
        topic("d", 1);

        engine().eventually(() -> error.get() != null);
        assertThat(error.get()).isInstanceOf(MqException.class).hasMessageContaining("dead-letter topic d was deleted");
    }

    @Test
    @DisplayName("8 a replay of which retention takes the last letters away ends")
    void a_replay_whose_letters_go() {
        topic("t", 1);
        topic("d", 1);
        letters("d", 0, 50);
        List<ReplayedLetter> replayed = new CopyOnWriteArrayList<>();
        AtomicReference<String> end = new AtomicReference<>("none");
        disposeAtEnd(DeadLetters.of(broker(), "d")
                .replay(o -> o.recordsPerSecond(PER_SECOND))
                .subscribe(replayed::add, error -> end.set(error.toString()), () -> end.set("completed")));
        engine().eventually(() -> !replayed.isEmpty());
        await(broker().deleteRecords(D0, RecordsToDelete.before(50)));

        engine().eventually(() -> !"none".equals(end.get()));
        assertThat(end).hasValue("completed");
    }

    @Test
    @DisplayName("8 a where() that fails ends the replay at that letter, when those before it have their results")
    void a_choice_that_fails() {
        topic("t", 1);
        topic("d", 1);
        letters("d", 0, 3);
        List<Long> replayed = new CopyOnWriteArrayList<>();
        Flux<ReplayedLetter> failing = DeadLetters.of(broker(), "d")
                .replay(o -> o.where(letter -> {
                    if (letter.offset() == 1) {
                        throw new IllegalArgumentException("as the test says");
                    }
                    return true;
                }));
        assertThat(catchThrowable(() -> await(failing.doOnNext(letter -> replayed.add(letter.letterOffset()))
                        .then())))
                .hasMessageContaining("offset 1 of d-0")
                .hasMessageContaining("as the test says");
        assertThat(replayed).containsExactly(0L);
        await(DeadLetters.of(broker(), "d")
                .replay()
                .doOnNext(letter -> replayed.add(letter.letterOffset()))
                .then());
        assertThat(replayed).as("goes on where it ended").containsExactly(0L, 1L, 2L);
    }
}
