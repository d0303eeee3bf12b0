package io.reactivemq.examples.account;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.engine.EmbeddedBroker;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import reactor.core.publisher.Mono;

class AccountsTest {

    private static final Duration LIMIT = Duration.ofMinutes(2);

    private static <T> T await(Mono<T> mono) {
        return Objects.requireNonNull(mono.block(LIMIT));
    }

    @Test
    @DisplayName(
            "M19 the state replayed from all events, and from a snapshot and the tail, is the same, after a restart too")
    @Tag("files")
    void onFiles(@TempDir Path directory) {
        EmbeddedBroker broker = await(EmbeddedBroker.open(directory));
        Map<String, Long> expected = snapshotAndTailAreTheWhole(broker);
        broker.closeGracefully(LIMIT).block(LIMIT);

        EmbeddedBroker again = await(EmbeddedBroker.open(directory));
        assertThat(recovered(again)).isEqualTo(expected);
        again.closeGracefully(LIMIT).block(LIMIT);
    }

    @Test
    @DisplayName("M19 the state replayed from all events, and from a snapshot and the tail, is the same, in memory too")
    @Tag("memory")
    void inMemory() {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(64 << 20);
        Map<String, Long> expected = snapshotAndTailAreTheWhole(broker);
        assertThat(recovered(broker)).isEqualTo(expected);
        broker.closeGracefully(LIMIT).block(LIMIT);
    }

    /** Returns the balances there have to be. */
    private static Map<String, Long> snapshotAndTailAreTheWhole(EmbeddedBroker broker) {
        Random random = new Random(7);
        Map<String, Long> expected = new TreeMap<>();
        Accounts accounts = new Accounts(broker);
        accounts.create(3).block(LIMIT);
        assertThat(await(accounts.recover()))
                .hasSize(3)
                .allSatisfy((partition, state) -> assertThat(state).isEqualTo(Snapshot.EMPTY));

        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < 30; i++) {
                String account = "account-" + random.nextInt(8);
                long cents = random.nextInt(-500, 1_000);
                accounts.deposit(account, cents).block(LIMIT);
                expected.merge(account, cents, Long::sum);
            }
            Map<Integer, Snapshot> whole = await(accounts.replayAll());
            assertThat(await(accounts.recover())).isEqualTo(whole);
            if (round < 2) {
                accounts.keep(whole).block(LIMIT);
            }
        }
        return expected;
    }

    /** The balances, by the snapshots and by all events. */
    private static Map<String, Long> recovered(EmbeddedBroker broker) {
        Accounts accounts = new Accounts(broker);
        Map<Integer, Snapshot> recovered = await(accounts.recover());
        assertThat(recovered).isEqualTo(await(accounts.replayAll()));
        Map<String, Long> balances = new TreeMap<>();
        recovered.values().forEach(snapshot -> balances.putAll(snapshot.cents()));
        return balances;
    }
}
