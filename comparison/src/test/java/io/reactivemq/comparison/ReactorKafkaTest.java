package io.reactivemq.comparison;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Serdes;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.TransactionDescription;
import io.reactivemq.consume.DrainReport;
import io.reactivemq.consume.Outcome;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.RetryPolicy;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.netty.server.KafkaServer;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.produce.TransactionalSender;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Signal;
import reactor.core.publisher.Sinks;
import reactor.kafka.receiver.KafkaReceiver;
import reactor.kafka.sender.KafkaSender;
import reactor.netty.DisposableServer;

/**
 * Both read the same topics of one broker, reactor-kafka by TCP. That nothing comes can only be shown by waiting: {@link #LONG} is far longer than it takes
 * where something does.
 */
@DisplayName("reactor-kafka 1.3.25, and a Receiver beside it:")
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class ReactorKafkaTest {

    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final Duration LONG = Duration.ofSeconds(10);
    private static final String TOPIC = "orders";

    private final EmbeddedBroker broker = EmbeddedBroker.inMemory(16 << 20);
    private final DisposableServer server = KafkaServer.over(broker).port(0).bindNow();

    @BeforeEach
    void topic() {
        broker.createTopic(Caller.embedded("test"), NewTopic.of(TOPIC, 1)).block(PATIENCE);
        broker.createTopic(Caller.embedded("test"), NewTopic.of(TOPIC + ".dlq", 1))
                .block(PATIENCE);
    }

    @AfterEach
    void close() {
        server.disposeNow(PATIENCE);
        broker.closeGracefully(PATIENCE).block(PATIENCE);
    }

    /** Values from 0 on, each with one of so many keys. */
    private void fill(int records, int keys) {
        Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.string()))
                .send(Flux.range(0, records)
                        .map(i -> SenderRecord.of(TOPIC, String.valueOf(i % keys), String.valueOf(i))))
                .blockLast(PATIENCE);
    }

    private static List<String> values(int from, int to) {
        return IntStream.range(from, to).mapToObj(String::valueOf).toList();
    }

    private KafkaReceiver<String, String> theirs(
            UnaryOperator<reactor.kafka.receiver.ReceiverOptions<String, String>> configure) {
        reactor.kafka.receiver.ReceiverOptions<String, String> options =
                reactor.kafka.receiver.ReceiverOptions.create(Map.of(
                        ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG,
                        "127.0.0.1:" + server.port(),
                        ConsumerConfig.GROUP_ID_CONFIG,
                        "theirs",
                        ConsumerConfig.AUTO_OFFSET_RESET_CONFIG,
                        "earliest",
                        ConsumerConfig.MAX_POLL_INTERVAL_MS_CONFIG,
                        2_000,
                        ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG,
                        StringDeserializer.class,
                        ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG,
                        StringDeserializer.class));
        return KafkaReceiver.create(configure.apply(options.subscription(Set.of(TOPIC))));
    }

    private Receiver<String, String> ours() {
        return Receiver.on(
                broker,
                ReceiverOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.group("ours").topics(TOPIC).maxPollInterval(Duration.ofSeconds(2))));
    }

    private static Mono<Void> handle(String value, Queue<String> handled) {
        return Mono.fromRunnable(() -> {
            if (value.equals("3")) {
                throw new IllegalStateException("the handler fails for 3");
            }
            handled.add(value);
        });
    }

    @Test
    @DisplayName("6 the error of one handler ends the stream; process goes on, and keeps the record")
    void anError() {
        fill(10, 10);

        Queue<String> theirs = new ConcurrentLinkedQueue<>();
        Signal<Void> end = theirs(o -> o)
                .receive()
                .concatMap(r -> handle(r.value(), theirs)
                        .doOnSuccess(done -> r.receiverOffset().acknowledge()))
                .then()
                .materialize()
                .block(PATIENCE);
        assertThat(Objects.requireNonNull(end).isOnError()).isTrue();
        assertThat(theirs).containsExactlyElementsOf(values(0, 3));

        Queue<String> ours = new ConcurrentLinkedQueue<>();
        List<Outcome> outcomes = ours().process(
                        r -> handle(Objects.requireNonNull(r.value()), ours),
                        o -> o.retry(RetryPolicy.none()).deadLetter(TOPIC + ".dlq"))
                .take(10)
                .collectList()
                .block(PATIENCE);
        assertThat(outcomes)
                .filteredOn(outcome -> outcome.status() == Outcome.Status.DEAD_LETTERED)
                .extracting(Outcome::offset)
                .containsExactly(3L);
        assertThat(ours).hasSize(9);
    }

    @Test
    @DisplayName("5 groupBy with more keys than flatMap's concurrency hangs; process with the order of keys does not")
    void manyKeys() {
        fill(1_000, 500);

        Queue<String> theirs = new ConcurrentLinkedQueue<>();
        Signal<Void> end = theirs(o -> o)
                .receive()
                .groupBy(r -> r.key())
                .flatMap(
                        key -> key.concatMap(r -> Mono.fromRunnable(() -> theirs.add(r.value()))
                                .doOnSuccess(done -> r.receiverOffset().acknowledge())),
                        16)
                .then()
                .timeout(LONG)
                .materialize()
                .block(PATIENCE);
        assertThat(Objects.requireNonNull(end).getThrowable()).isInstanceOf(TimeoutException.class);
        assertThat(theirs).as("16 keys have two records each").hasSizeLessThanOrEqualTo(32);

        Queue<String> ours = new ConcurrentLinkedQueue<>();
        List<Outcome> outcomes = ours().process(
                        r -> Mono.fromRunnable(() -> ours.add(String.valueOf(r.value()))),
                        o -> o.keyOrdered().concurrency(16))
                .take(1_000)
                .collectList()
                .block(PATIENCE);
        assertThat(outcomes).hasSize(1_000);
        assertThat(ours).containsExactlyInAnyOrderElementsOf(values(0, 1_000));
    }

    /** What of ten records a second subscription gets, where the first was cancelled with all handled but the one of offset 0. */
    private List<String> theirsAfterTheFirst(
            UnaryOperator<reactor.kafka.receiver.ReceiverOptions<String, String>> configure) throws Exception {
        CountDownLatch nine = new CountDownLatch(9);
        Disposable first = theirs(configure)
                .receive()
                .flatMap(r -> (r.offset() == 0 ? Mono.never() : Mono.just(r)).doOnNext(done -> {
                    r.receiverOffset().acknowledge();
                    nine.countDown();
                }))
                .subscribe();
        assertThat(nine.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        first.dispose(); // commits what was acknowledged
        fill(1, 1);
        Queue<String> again = new ConcurrentLinkedQueue<>();
        theirs(configure)
                .receive()
                .doOnNext(r -> again.add(r.offset() + ":" + r.value()))
                .takeUntil(r -> r.offset() == 10)
                .blockLast(PATIENCE);
        return List.copyOf(again);
    }

    @Test
    @DisplayName("3 acknowledged out of order, the record that was not is lost; a Receiver delivers it again")
    void outOfOrder() throws Exception {
        fill(10, 10);
        assertThat(theirsAfterTheFirst(o -> o)).as("not 0").containsExactly("10:0");
    }

    @Test
    @DisplayName(
            "3 acknowledged out of order with maxDeferredCommits, all behind the record that was not are delivered again; by a Receiver only that one")
    void outOfOrderDeferred() throws Exception {
        fill(10, 10);
        assertThat(theirsAfterTheFirst(o -> o.maxDeferredCommits(100))).hasSize(11);
    }

    @Test
    @DisplayName("3 acknowledged out of order, a Receiver delivers again what was not, and nothing else")
    void outOfOrderOurs() throws Exception {
        fill(10, 10);
        CountDownLatch nine = new CountDownLatch(9);
        Disposable first = ours().receive().subscribe(r -> {
            if (r.offset() > 0) {
                r.acknowledge();
                nine.countDown();
            }
        });
        assertThat(nine.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        first.dispose();
        fill(1, 1);
        assertThat(ours().receive()
                        .map(r -> r.offset() + ":" + r.value())
                        .takeUntil(r -> r.startsWith("10:"))
                        .collectList()
                        .block(PATIENCE))
                .containsExactly("0:0", "10:0");
    }

    @Test
    @DisplayName(
            "1 to end it cancels the handler that runs; a Receiver drains: the handler ends, its record is committed, and a report tells")
    void drain() throws Exception {
        fill(10, 10);

        CountDownLatch running = new CountDownLatch(1);
        CountDownLatch cancelled = new CountDownLatch(1);
        Disposable theirs = theirs(o -> o)
                .receive()
                .concatMap(r -> Mono.<Void>never()
                        .doOnSubscribe(s -> running.countDown())
                        .doOnCancel(cancelled::countDown))
                .subscribe();
        assertThat(running.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        theirs.dispose();
        assertThat(cancelled.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();

        Receiver<String, String> receiver = ours();
        AtomicBoolean isCancelled = new AtomicBoolean();
        CountDownLatch ours = new CountDownLatch(1);
        Sinks.Empty<Void> work = Sinks.empty();
        Disposable unused = receiver.process(
                        r -> work.asMono().doOnSubscribe(s -> ours.countDown()).doOnCancel(() -> isCancelled.set(true)))
                .subscribe();
        assertThat(ours.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        Mono<DrainReport> draining = receiver.drain(PATIENCE).cache();
        draining.subscribe();
        work.tryEmitEmpty();
        DrainReport report = draining.block(PATIENCE);
        assertThat(Objects.requireNonNull(report).abandoned()).isZero();
        assertThat(report.committed().values()).containsExactly(1L);
        assertThat(isCancelled).isFalse();
    }

    @Test
    @DisplayName(
            "10 a transaction that is cancelled stays open, and its sender can begin no other; a TransactionalSender aborts it, and goes on")
    void aCancelledTransaction() throws Exception {
        KafkaSender<String, String> theirs = KafkaSender.create(reactor.kafka.sender.SenderOptions.create(Map.of(
                ProducerConfig.BOOTSTRAP_SERVERS_CONFIG,
                "127.0.0.1:" + server.port(),
                ProducerConfig.TRANSACTIONAL_ID_CONFIG,
                "theirs",
                ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG,
                StringSerializer.class,
                ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG,
                StringSerializer.class)));
        reactor.kafka.sender.SenderRecord<String, String, String> record =
                reactor.kafka.sender.SenderRecord.create(TOPIC, 0, null, "k", "v", "");
        CountDownLatch sent = new CountDownLatch(1);
        Disposable open = theirs.sendTransactionally(Flux.just(Flux.just(record).concatWith(Flux.never())))
                .concatMap(transaction -> transaction)
                .subscribe(result -> sent.countDown());
        assertThat(sent.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        open.dispose();
        Mono.delay(LONG).block(PATIENCE);
        assertThat(stateOf("theirs")).isEqualTo(TransactionDescription.State.ONGOING);
        Signal<Void> next = theirs.sendTransactionally(Flux.just(Flux.just(record)))
                .concatMap(transaction -> transaction)
                .then()
                .materialize()
                .block(PATIENCE);
        assertThat(Objects.requireNonNull(next).isOnError()).isTrue();
        theirs.close();

        TransactionalSender<String, String> ours = Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.string()))
                .transactional("ours");
        CountDownLatch oursSent = new CountDownLatch(1);
        Disposable oursOpen = ours.send(
                        Flux.just(SenderRecord.of(TOPIC, "k", "v")).concatWith(Flux.never()))
                .subscribe(result -> oursSent.countDown());
        assertThat(oursSent.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        assertThat(stateOf("ours")).isEqualTo(TransactionDescription.State.ONGOING);
        oursOpen.dispose();
        ours.send(Flux.empty()).blockLast(PATIENCE); // behind the abort
        assertThat(stateOf("ours"))
                .isIn(TransactionDescription.State.PREPARE_ABORT, TransactionDescription.State.COMPLETE_ABORT);
        assertThat(ours.send(Flux.just(SenderRecord.of(TOPIC, "k", "v")))
                        .collectList()
                        .block(PATIENCE))
                .hasSize(1);
    }

    private TransactionDescription.State stateOf(String transactionalId) {
        return Objects.requireNonNull(broker.describeTransaction(Caller.embedded("test"), transactionalId)
                        .block(PATIENCE))
                .state();
    }

    @Test
    @DisplayName(
            "9 a handler that never ends holds its partition for good, whatever max.poll.interval.ms says; a Receiver lets go of it, and another goes on")
    void aStuckHandler() throws Exception {
        fill(1, 1);

        CountDownLatch stuck = new CountDownLatch(1);
        Disposable theirs = theirs(o -> o)
                .receive()
                .concatMap(r -> Mono.never().doOnSubscribe(s -> stuck.countDown()))
                .subscribe();
        assertThat(stuck.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        Mono.delay(LONG).block(PATIENCE);
        try (Admin admin =
                Admin.create(Map.of(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, "127.0.0.1:" + server.port()))) {
            assertThat(admin.describeConsumerGroups(Set.of("theirs"))
                            .all()
                            .get()
                            .values())
                    .flatExtracting(ConsumerGroupDescription::members)
                    .as("who holds the partition")
                    .hasSize(1);
        }
        theirs.dispose();

        CountDownLatch oursStuck = new CountDownLatch(1);
        Disposable ours = ours().process(r -> Mono.never().doOnSubscribe(s -> oursStuck.countDown()))
                .subscribe();
        assertThat(oursStuck.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        assertThat(ours().receive().next().map(r -> String.valueOf(r.value())).block(PATIENCE))
                .isEqualTo("0");
        ours.dispose();
    }
}
