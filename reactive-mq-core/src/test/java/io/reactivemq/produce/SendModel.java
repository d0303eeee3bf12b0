package io.reactivemq.produce;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.broker.testing.ScriptedBroker;
import io.reactivemq.broker.testing.ScriptedBroker.AppendCall;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One random send against what must hold of every send: a source, a broker whose answers come late, out of order and
 * sometimes as retriable failures, and a subscriber with demand in small pieces. All from one seed.
 */
final class SendModel {

    private static final int RECORDS_MAX = 400;
    private static final String PADDING = "x".repeat(300);

    private final long seed;
    private final Random random;
    private final ManualRuntime runtime;
    private final ScriptedBroker broker;
    private final RecordSource source = new RecordSource();
    private final ResultProbe probe = new ResultProbe();
    private final int maxInFlight;
    private final int records;
    private long demanded;
    private boolean isCancelled;
    private boolean isSourceDone;

    SendModel(long seed) {
        this.seed = seed;
        this.random = new Random(seed);
        this.runtime = new ManualRuntime(seed);
        this.broker = new ScriptedBroker(runtime);
        for (int i = 0; i < 3; i++) {
            broker.topic("t" + i, 1 + random.nextInt(4));
        }
        this.maxInFlight = 1 + random.nextInt(random.nextBoolean() ? 8 : 300);
        this.records = random.nextInt(RECORDS_MAX);
    }

    /** Runs to the end, or to a cancellation at a random step. */
    void run(boolean isToBeCancelled) {
        int batchBytes = 1 + random.nextInt(1000);
        int bufferBytes = batchBytes + 500 + random.nextInt(3000);
        Duration linger = Duration.ofMillis(random.nextBoolean() ? 0 : random.nextInt(20));
        Sender.on(
                        broker,
                        SenderOptions.of(
                                Serdes.string(),
                                Serdes.string(),
                                options -> options.maxInFlight(maxInFlight)
                                        .batchSizeBytes(batchBytes)
                                        .bufferBytes(bufferBytes)
                                        .linger(linger)
                                        .retryBackoff(Duration.ofMillis(5))))
                .send(source)
                .subscribe(probe);
        broker.holdAppends();
        int cancelAt = isToBeCancelled ? random.nextInt(1500) : Integer.MAX_VALUE;
        for (int step = 0; probe.ends() == 0; step++) {
            if (step == cancelAt) {
                isCancelled = true;
                probe.cancel();
                trail();
                return;
            }
            if (step > 1_000_000) {
                throw new AssertionError("no end in sight, seed " + seed);
            }
            step();
            int results = probe.resultCount();
            if (source.requested() - results > maxInFlight || results > demanded) {
                throw new AssertionError("requested " + source.requested() + ", results " + results + ", demanded "
                        + demanded + ", maxInFlight " + maxInFlight + ", seed " + seed);
            }
        }
    }

    private void step() {
        switch (random.nextInt(6)) {
            case 0, 1 -> emit();
            case 2 -> runtime.runOne();
            case 3 -> runtime.advanceBy(Duration.ofMillis(random.nextInt(4)));
            case 4 -> {
                int n = 1 + random.nextInt(6);
                demanded += n;
                probe.request(n);
            }
            default -> answer();
        }
    }

    private void emit() {
        int next = source.emittedCount();
        if (next == records) {
            if (!isSourceDone) {
                isSourceDone = true;
                source.complete();
            }
            return;
        }
        String key = random.nextInt(3) == 0 ? null : "k" + random.nextInt(20);
        source.tryEmit(SenderRecord.of(
                "t" + random.nextInt(3), key, next + ":" + PADDING.substring(random.nextInt(PADDING.length()))));
    }

    private void answer() {
        List<AppendCall> pending = broker.pendingAppends();
        if (pending.isEmpty()) {
            return;
        }
        AppendCall call = pending.get(random.nextInt(pending.size()));
        if (random.nextInt(4) == 0) {
            call.fail(new MqException(ErrorCode.KAFKA_STORAGE_ERROR, "for now"));
        } else {
            call.complete();
        }
    }

    /** What may still arrive after a cancellation. */
    private void trail() {
        for (int i = random.nextInt(4); i > 0; i--) {
            step();
        }
    }

    void check(String run) {
        String as = run + ", seed of the run " + seed;
        runtime.run();
        assertThat(runtime.openWorkers()).as(as).isZero();
        assertThat(runtime.pendingTasks()).as(as).isZero();

        List<SenderRecord<String, String>> emitted = source.emitted();
        List<SenderResult<String, String>> results = probe.results();
        assertThat(results).as(as).extracting(SenderResult::record).isEqualTo(emitted.subList(0, results.size()));
        Map<TopicPartition, List<Sent>> logs = new HashMap<>();
        for (AppendCall call : broker.appends()) {
            logs.computeIfAbsent(call.partition(), partition -> Sent.in(broker, partition));
        }
        for (SenderResult<String, String> result : results) {
            List<Sent> log = Objects.requireNonNull(logs.get(result.partition()));
            assertThat(log.get((int) result.offset()).value())
                    .as(as)
                    .isEqualTo(result.record().value());
        }
        Set<String> handedOver = new HashSet<>();
        for (AppendCall call : broker.appends()) {
            for (Sent sent : Sent.of(call.records())) {
                handedOver.add(value(sent.value()));
            }
        }
        Set<String> discarded = new HashSet<>();
        for (String value : probe.discardedValues()) {
            assertThat(discarded.add(value))
                    .as("discarded twice: %s, %s", value, as)
                    .isTrue();
        }
        for (SenderRecord<String, String> record : emitted) {
            String value = value(record.value());
            assertThat(handedOver.contains(value) ^ discarded.contains(value))
                    .as("%s is either with the broker or discarded, %s", record, as)
                    .isTrue();
        }
        logs.forEach((partition, log) -> {
            List<Integer> order = new ArrayList<>();
            log.forEach(sent -> order.add(number(sent)));
            assertThat(order).as("%s, %s", partition, as).isSorted().doesNotHaveDuplicates();
        });
        if (!isCancelled) {
            assertThat(probe.isComplete()).as(as).isTrue();
            assertThat(results).as(as).hasSize(records);
            assertThat(discarded).as(as).isEmpty();
        }
    }

    /** The place of the record in the send. */
    private static int number(Sent sent) {
        String value = value(sent.value());
        return Integer.parseInt(value.substring(0, value.indexOf(':')));
    }

    private static String value(@Nullable Object value) {
        return String.valueOf(value);
    }
}
