package io.reactivemq.test.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.produce.SenderResult;
import io.reactivemq.produce.TransactionalSender;
import io.reactivemq.test.SimulatedRuntime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Producers whose epochs are used up, or whom the log has forgotten. */
@Tag("memory")
class ProducerLifeTest {

    private static final Caller CALLER = Caller.embedded("test");
    private static final TopicPartition P0 = new TopicPartition("t", 0);

    private final SimulatedRuntime runtime = SimulatedRuntime.inOrder();
    private final EmbeddedBroker broker = EmbeddedBroker.inMemory(
            64 << 20,
            o -> o.runtime(runtime)
                    .producerIdExpiration(Duration.ofMinutes(10))
                    .retentionCheckInterval(Duration.ofMinutes(1)));
    private final Sender<String, String> sender = Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.string()));

    @Test
    @DisplayName(
            "K13 a transactional sender whose epochs are used up goes on with a new producer id, and each record is there once")
    void lastEpoch() {
        await(broker.createTopic(CALLER, NewTopic.of("t", 1)).then());
        ProducerIdAndEpoch producer = begun();
        while (producer.epoch() < Short.MAX_VALUE - 8) {
            producer = begun();
        }
        TransactionalSender<String, String> transactional = sender.transactional("tx");
        List<String> sent = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            int first = 3 * i;
            results(transactional.send(records(first, 3))).forEach(result -> sent.add(text(result)));
        }

        ProducerIdAndEpoch last =
                result(broker.describeTransaction(CALLER, "tx")).get(0).producer();
        assertThat(last.producerId()).isNotEqualTo(producer.producerId());
        assertThat((int) last.epoch()).isLessThan(20);
        assertThat(sent).hasSize(60).doesNotHaveDuplicates();
        // three records and a marker each
        assertThat(result(broker.listOffset(CALLER, P0, OffsetSpec.latest()))).containsExactly(80L);
    }

    @Test
    @DisplayName("K06 a sender whom the log has forgotten goes on: nothing is refused, lost or there twice")
    void forgotten() {
        await(broker.createTopic(CALLER, NewTopic.of("t", 1)).then());
        assertThat(results(sender.send(records(0, 5)))).allMatch(result -> !result.isFailed());
        runtime.advance(Duration.ofMinutes(30));

        List<SenderResult<String, String>> later = results(sender.send(records(5, 5)));

        assertThat(later).extracting(SenderResult::offset).containsExactly(5L, 6L, 7L, 8L, 9L);
        assertThat(result(broker.listOffset(CALLER, P0, OffsetSpec.latest()))).containsExactly(10L);
    }

    private ProducerIdAndEpoch begun() {
        return result(broker.initProducerId(
                        CALLER, new InitProducerId("tx", Duration.ofMinutes(1), ProducerIdAndEpoch.NONE)))
                .get(0);
    }

    private static Flux<SenderRecord<String, String>> records(int from, int count) {
        return Flux.range(from, count).map(i -> SenderRecord.of("t", "v" + i));
    }

    private static String text(SenderResult<String, String> result) {
        return result.offset() + " " + result.record().value();
    }

    private void await(Mono<?> mono) {
        result(mono);
    }

    private <T> List<T> result(Mono<T> mono) {
        return results(mono.flux());
    }

    private <T> List<T> results(Flux<T> flux) {
        List<T> all = new ArrayList<>();
        List<Throwable> errors = new ArrayList<>();
        flux.subscribe(all::add, errors::add);
        runtime.runUntilIdle();
        assertThat(errors).isEmpty();
        return all;
    }
}
