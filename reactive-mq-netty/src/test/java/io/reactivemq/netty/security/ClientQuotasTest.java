package io.reactivemq.netty.security;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.broker.Caller;
import io.reactivemq.broker.QuotaEntity;
import io.reactivemq.broker.QuotaEntity.Part;
import io.reactivemq.broker.SecurityImage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Quotas:")
class ClientQuotasTest {

    private static final Caller ALICE = new Caller("User:alice", "app", "/10.0.0.1", "SSL");

    private final Map<QuotaEntity, Map<String, Double>> set = new HashMap<>();
    private long now;
    private final ClientQuotas quotas = new ClientQuotas(() -> new SecurityImage(Set.of(), Map.of(), set), () -> now);

    private void limit(QuotaEntity entity, double bytesPerSecond) {
        set.put(entity, Map.of(ClientQuotas.PRODUCED, bytesPerSecond));
    }

    private int take(Caller caller, long bytes) {
        return quotas.take(caller, ClientQuotas.PRODUCED, bytes);
    }

    @ParameterizedTest
    @ValueSource(ints = {300, 60_000})
    @DisplayName("over any time nobody has more than the quota, one second of it ahead, and what was under way")
    void rate(int bytes) {
        limit(QuotaEntity.ofUser("alice"), 1_000);
        long taken = 0;
        for (int i = 0; i < 100; i++) {
            taken += bytes;
            int waitMs = take(ALICE, bytes);
            while (waitMs > 0) { // as who is told to wait, and asks again
                now += Duration.ofMillis(waitMs).toNanos();
                waitMs = quotas.waitMs(ALICE, ClientQuotas.PRODUCED);
            }
            assertThat(taken).isLessThanOrEqualTo(1_000 + (now / 1_000_000));
        }
        assertThat(now)
                .isBetween(
                        Duration.ofMillis(99L * bytes - 1_000).toNanos(),
                        Duration.ofMillis(100L * bytes).toNanos());
    }

    @Test
    @DisplayName(
            "what is left is told before: all of a second's, less what was taken; at least one byte, and all without a quota")
    void left() {
        assertThat(quotas.bytesLeft(ALICE, ClientQuotas.PRODUCED)).isEqualTo(Long.MAX_VALUE);
        limit(QuotaEntity.ofUser("alice"), 1_000);
        assertThat(quotas.bytesLeft(ALICE, ClientQuotas.PRODUCED)).isEqualTo(1_000);
        take(ALICE, 400);
        assertThat(quotas.bytesLeft(ALICE, ClientQuotas.PRODUCED)).isEqualTo(600);
        take(ALICE, 4_000);
        assertThat(quotas.bytesLeft(ALICE, ClientQuotas.PRODUCED)).isEqualTo(1);
    }

    @Test
    @DisplayName("who owes is not forgiven, however many owe")
    void manyDebtors() {
        limit(new QuotaEntity(null, Part.DEFAULT), 1_000);
        for (int i = 0; i < 25_000; i++) {
            take(new Caller("User:alice", "app" + i, "/10.0.0.1", "SSL"), 4_000);
        }
        assertThat(quotas.waitMs(new Caller("User:alice", "app0", "/10.0.0.1", "SSL"), ClientQuotas.PRODUCED))
                .isEqualTo(3_000);
    }

    @Test
    @DisplayName("without one nobody waits; what was not used is not saved up beyond a second's")
    void burst() {
        assertThat(take(ALICE, 1_000_000)).isZero();
        limit(QuotaEntity.ofUser("alice"), 1_000);
        now += Duration.ofHours(1).toNanos();
        assertThat(take(ALICE, 1_000)).isZero();
        assertThat(take(ALICE, 500)).isEqualTo(500);
    }

    @Test
    @DisplayName("nobody waits longer than the bound at once")
    void bound() {
        limit(QuotaEntity.ofUser("alice"), 1);
        assertThat(take(ALICE, 1_000_000)).isEqualTo((int) ClientQuotas.THROTTLE_MAX.toMillis());
    }

    @Test
    @DisplayName("the most precise one counts: user and client id, then user, then client id, each before its default")
    void precedence() {
        List<QuotaEntity> precise = List.of(
                new QuotaEntity(Part.of("alice"), Part.of("app")),
                new QuotaEntity(Part.of("alice"), Part.DEFAULT),
                new QuotaEntity(Part.of("alice"), null),
                new QuotaEntity(Part.DEFAULT, Part.of("app")),
                new QuotaEntity(Part.DEFAULT, Part.DEFAULT),
                new QuotaEntity(Part.DEFAULT, null),
                new QuotaEntity(null, Part.of("app")),
                new QuotaEntity(null, Part.DEFAULT));
        List<Integer> waits = new ArrayList<>();
        for (int i = 0; i < precise.size(); i++) {
            set.clear();
            for (int j = i; j < precise.size(); j++) {
                limit(precise.get(j), 100.0 * (j + 1));
            }
            ClientQuotas fresh = new ClientQuotas(() -> new SecurityImage(Set.of(), Map.of(), set), () -> now);
            waits.add(fresh.take(ALICE, ClientQuotas.PRODUCED, 1_600));
        }
        assertThat(waits).containsExactly(15_000, 7_000, 4_334, 3_000, 2_200, 1_667, 1_286, 1_000);
    }

    @Test
    @DisplayName("a default is each one's own, a client id's quota is shared by its users")
    void sharing() {
        Caller bob = new Caller("User:bob", "app", "/10.0.0.2", "SSL");
        limit(new QuotaEntity(Part.DEFAULT, null), 100);
        take(ALICE, 1_000);
        assertThat(take(bob, 100)).isZero();
        set.clear();
        limit(QuotaEntity.ofClientId("app"), 100);
        take(ALICE, 1_000);
        assertThat(take(bob, 100)).isGreaterThan(0);
    }
}
