package io.reactivemq.produce;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.broker.testing.ScriptedBroker;
import io.reactivemq.broker.testing.ScriptedBroker.AppendCall;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import reactor.test.util.RaceTestUtils;

/**
 * Signals that meet: one thread is the worker, others bring records, answers, demand and the end. After each race every
 * record has its result, or is with the broker, or was discarded once, and nothing is left behind.
 */
class FluxSendRaceTest {

    private static final int RACES = 500;
    private static final TopicPartition ONE_0 = new TopicPartition("one", 0);

    /** One send, fresh for every race. */
    private static final class Send {
        final ManualRuntime runtime = new ManualRuntime();
        final ScriptedBroker broker =
                new ScriptedBroker(runtime).topic("one", 1).topic("four", 4);
        final RecordSource source = new RecordSource();
        final ResultProbe probe = new ResultProbe();
        final Random random;

        Send(long seed, Consumer<SenderOptions.Builder> options) {
            this.random = new Random(seed);
            Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.string(), options))
                    .send(source)
                    .subscribe(probe);
        }

        void emit(int count) {
            for (int i = 0; i < count; i++) {
                source.tryEmit(SenderRecord.<String, String>of(
                                "four", "v" + source.emitted().size())
                        .withPartition(random.nextInt(4)));
            }
        }

        void checkAfterCancel(String run) {
            runtime.run();
            assertThat(runtime.openWorkers()).as(run).isZero();
            assertThat(runtime.pendingTasks()).as(run).isZero();
            assertThat(probe.ends()).as(run).isLessThanOrEqualTo(1);
            Set<String> handedOver = new HashSet<>();
            for (AppendCall call : broker.appends()) {
                Sent.of(call.records()).forEach(sent -> handedOver.add(String.valueOf(sent.value())));
            }
            List<String> discarded = probe.discardedValues();
            assertThat(discarded).as(run).doesNotHaveDuplicates();
            for (SenderRecord<String, String> record : source.emitted()) {
                String value = String.valueOf(record.value());
                assertThat(handedOver.contains(value) ^ discarded.contains(value))
                        .as("%s is with the broker or discarded, %s", value, run)
                        .isTrue();
            }
        }

        void checkAfterCompletion(String run, int records) {
            runtime.run();
            assertThat(probe.isComplete()).as(run).isTrue();
            assertThat(probe.results()).as(run).extracting(SenderResult::record).isEqualTo(source.emitted());
            assertThat(probe.results()).as(run).hasSize(records);
            assertThat(runtime.openWorkers()).as(run).isZero();
        }
    }

    private interface Race {
        void run(Send send, String run);
    }

    private static void races(Consumer<SenderOptions.Builder> options, Race race) {
        long seed = Long.getLong("seed", 20_261_122);
        Random seeds = new Random(seed);
        for (int i = 0; i < RACES; i++) {
            race.run(new Send(seeds.nextLong(), options), "race " + i + ", -Dseed=" + seed);
        }
    }

    @Test
    void cancelAgainstRecords() {
        races(options -> {}, (send, run) -> {
            send.probe.request(Long.MAX_VALUE);
            RaceTestUtils.race(() -> send.emit(20), send.probe::cancel, send.runtime::run);
            send.checkAfterCancel(run);
        });
    }

    @Test
    void cancelAgainstTheWorker() {
        races(options -> options.batchSizeBytes(150), (send, run) -> {
            send.probe.request(send.random.nextInt(20));
            send.emit(20);
            RaceTestUtils.race(send.runtime::run, send.probe::cancel);
            send.checkAfterCancel(run);
        });
    }

    @Test
    void cancelAgainstAnswers() {
        races(options -> options.batchSizeBytes(150), (send, run) -> {
            send.broker.holdAppends();
            send.probe.request(Long.MAX_VALUE);
            send.emit(20);
            send.runtime.run();
            List<AppendCall> pending = new ArrayList<>(send.broker.pendingAppends());
            RaceTestUtils.race(() -> pending.forEach(AppendCall::complete), send.probe::cancel, send.runtime::run);
            send.checkAfterCancel(run);
        });
    }

    @Test
    void recordsAgainstTheWorkerAndDemand() {
        races(options -> options.maxInFlight(16), (send, run) -> {
            RaceTestUtils.race(
                    () -> send.emit(40),
                    () -> {
                        for (int i = 0; i < 40; i++) {
                            send.probe.request(1);
                        }
                    },
                    send.runtime::run);
            send.runtime.run();
            assertThat(send.probe.results().size())
                    .as(run)
                    .isEqualTo(Math.min(40, send.source.emitted().size()));
            int emitted = send.source.emitted().size();
            send.source.complete();
            send.checkAfterCompletion(run, emitted);
        });
    }

    @Test
    void completionAgainstAnswersAndTheWorker() {
        races(options -> options.batchSizeBytes(150), (send, run) -> {
            send.broker.holdAppends();
            send.probe.request(Long.MAX_VALUE);
            send.emit(20);
            send.runtime.run();
            RaceTestUtils.race(send.broker::releaseAppends, send.source::complete, send.runtime::run);
            send.checkAfterCompletion(run, 20);
        });
    }

    @Test
    void answersOnManyThreadsAtOnce() {
        races(options -> {}, (send, run) -> {
            send.broker.holdAppends();
            send.probe.request(Long.MAX_VALUE);
            send.emit(20);
            send.source.complete();
            send.runtime.run();
            List<AppendCall> pending = send.broker.pendingAppends();
            RaceTestUtils.race(
                    pending.stream().map(call -> (Runnable) call::complete).toArray(Runnable[]::new));
            send.checkAfterCompletion(run, 20);
        });
    }

    @Test
    void aLookupsAnswerAgainstCancel() {
        races(options -> {}, (send, run) -> {
            send.broker.holdDescribes();
            send.probe.request(Long.MAX_VALUE);
            send.emit(3);
            send.runtime.run();
            RaceTestUtils.race(send.broker::releaseDescribes, send.probe::cancel, send.runtime::run);
            send.checkAfterCancel(run);
        });
    }

    @Test
    void aFailedAppendAgainstRecords() {
        races(options -> options.batchSizeBytes(75).stopOnError(true), (send, run) -> {
            send.broker.holdAppends();
            send.probe.request(Long.MAX_VALUE);
            send.source.emit(SenderRecord.of("one", "first"));
            send.runtime.run();
            AppendCall first = send.broker.appends(ONE_0).get(0);
            RaceTestUtils.race(
                    () -> send.emit(20), () -> first.fail(new IllegalStateException("bug")), send.runtime::run);
            send.runtime.run();
            assertThat(send.probe.error()).as(run).hasMessageContaining("one-0");
            assertThat(send.probe.results()).as(run).isEmpty();
            send.checkAfterCancel(run);
        });
    }
}
