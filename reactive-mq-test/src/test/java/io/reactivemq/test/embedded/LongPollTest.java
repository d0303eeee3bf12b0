package io.reactivemq.test.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Headers;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.test.SimulatedRuntime;
import io.reactivemq.test.embedded.EmbeddedFixture.Place;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.Disposable;

@DisplayName("a fetch that waits")
class LongPollTest {

    private static final Caller CALLER = Caller.embedded("test");
    private static final TopicPartition P0 = new TopicPartition("t", 0);

    @ParameterizedTest
    @EnumSource(Place.class)
    void does_nothing_while_it_waits_and_answers_in_the_moment_of_the_append(Place place) {
        try (SimulatedFixture engine = SimulatedFixture.inOrder(place)) {
            SimulatedRuntime runtime = engine.runtime();
            Broker broker = engine.open();
            engine.await(broker.createTopic(CALLER, NewTopic.of("t", 1)));
            AtomicReference<@Nullable FetchResult> answer = new AtomicReference<>();
            Disposable fetch = broker.fetch(
                            CALLER,
                            new FetchRequest(
                                    List.of(new FetchRequest.Partition(P0, 0, 1000)), 1, 1000, Duration.ofMinutes(5)))
                    .subscribe(answer::set);
            runtime.runUntilIdle();
            long steps = runtime.steps();

            runtime.advance(Duration.ofMinutes(4));
            assertThat(runtime.steps())
                    .as("tasks run during four minutes of waiting")
                    .isEqualTo(steps);

            Duration before = runtime.elapsed();
            engine.await(broker.append(CALLER, P0, oneRecord(), Acks.ALL));
            runtime.runUntilIdle();
            assertThat(answer.get()).isNotNull();
            assertThat(runtime.elapsed()).isEqualTo(before);
            assertThat(fetch.isDisposed()).isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource(Place.class)
    void leaves_no_timer_behind_when_it_is_answered_or_cancelled(Place place) {
        try (SimulatedFixture engine = SimulatedFixture.inOrder(place)) {
            SimulatedRuntime runtime = engine.runtime();
            Broker broker = engine.open();
            engine.await(broker.createTopic(CALLER, NewTopic.of("t", 1)));
            FetchRequest request =
                    new FetchRequest(List.of(new FetchRequest.Partition(P0, 0, 1000)), 1, 1000, Duration.ofMinutes(2));
            Disposable cancelled = broker.fetch(CALLER, request).subscribe();
            broker.fetch(CALLER, request).subscribe();
            runtime.runUntilIdle();
            cancelled.dispose();
            engine.await(broker.append(CALLER, P0, oneRecord(), Acks.ALL));
            runtime.runUntilIdle();
            long steps = runtime.steps();

            runtime.advance(Duration.ofMinutes(4)); // before the broker looks for old records

            assertThat(runtime.steps()).isEqualTo(steps);
        }
    }

    private static ByteBuffer oneRecord() {
        RecordBatchBuilder builder = new RecordBatchBuilder(200, 1000);
        builder.tryAppend(0, null, new byte[10], Headers.empty());
        return builder.build();
    }
}
