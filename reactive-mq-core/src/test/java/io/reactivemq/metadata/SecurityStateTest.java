package io.reactivemq.metadata;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.AclBinding;
import io.reactivemq.broker.AclFilter;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.QuotaChange;
import io.reactivemq.broker.QuotaEntity;
import io.reactivemq.broker.ResourcePattern;
import io.reactivemq.broker.ResourceType;
import io.reactivemq.broker.ScramCredential;
import io.reactivemq.broker.ScramMechanism;
import io.reactivemq.broker.SecurityImage;
import io.reactivemq.coordinator.CoordinatorRecord;
import io.reactivemq.coordinator.CoordinatorResult;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("ACLs, credentials and quotas in the metadata:")
class SecurityStateTest {

    private static final AclBinding READ =
            AclBinding.allow("User:alice", AclOperation.READ, ResourcePattern.prefixed(ResourceType.TOPIC, "orders-"));
    private static final AclBinding WRITE = new AclBinding(
            ResourcePattern.literal(ResourceType.TOPIC, "*"),
            "User:*",
            "10.0.0.1",
            AclOperation.WRITE,
            io.reactivemq.broker.AclPermission.DENY);
    private static final QuotaEntity ALICE = QuotaEntity.ofUser("alice");
    private static final QuotaEntity ANY_CLIENT_OF_BOB =
            new QuotaEntity(QuotaEntity.Part.of("bob"), QuotaEntity.Part.DEFAULT);

    private final MetadataShard shard = new MetadataShard();
    private final List<CoordinatorRecord> log = new ArrayList<>();

    @Test
    @DisplayName("a replay gives the same")
    void replay() {
        ScramCredential credential = ScramCredential.ofPassword(
                ScramMechanism.SCRAM_SHA_512, "secret", "salt".getBytes(StandardCharsets.UTF_8), 4_096);
        apply(shard.security().createAcls(List.of(READ, WRITE)));
        apply(shard.security().upsert("älice", credential));
        apply(shard.security().alter(ALICE, List.of(new QuotaChange("producer_byte_rate", 1024.5))));
        apply(shard.security().alter(ANY_CLIENT_OF_BOB, List.of(new QuotaChange("consumer_byte_rate", 1.0))));

        MetadataShard again = new MetadataShard();
        log.forEach(one -> replay(again, one));

        SecurityImage image = again.security().image();
        assertThat(image.acls()).containsExactlyInAnyOrder(READ, WRITE);
        assertThat(image.quotas())
                .containsOnly(
                        Map.entry(ALICE, Map.of("producer_byte_rate", 1024.5)),
                        Map.entry(ANY_CLIENT_OF_BOB, Map.of("consumer_byte_rate", 1.0)));
        ScramCredential read = image.credential("älice", ScramMechanism.SCRAM_SHA_512);
        assertThat(read).isNotNull().matches(one -> one.isOf("secret") && !one.isOf("other") && !one.isOf(""));
        assertThat(again.topics()).isEmpty();

        assertThat(apply(shard.security().deleteAcls(AclFilter.ALL))).containsExactlyInAnyOrder(READ, WRITE);
        apply(shard.security().delete("älice", ScramMechanism.SCRAM_SHA_512));
        apply(shard.security().alter(ALICE, List.of(new QuotaChange("producer_byte_rate", null))));
        assertThat(shard.security().image().acls()).isEmpty();
        assertThat(shard.security().image().credentials()).isEmpty();
        assertThat(shard.security().image().quotas()).containsOnlyKeys(ANY_CLIENT_OF_BOB);
    }

    @Test
    @DisplayName("what is there already needs no record")
    void nothingNew() {
        apply(shard.security().createAcls(List.of(READ)));
        assertThat(shard.security().createAcls(List.of(READ)).records()).isEmpty();
        assertThat(shard.security()
                        .alter(ALICE, List.of(new QuotaChange("producer_byte_rate", null)))
                        .records())
                .isEmpty();
    }

    @Test
    @DisplayName("filters mean ACLs as Kafka's do: any name, one that covers, literal, prefixed")
    void filters() {
        apply(shard.security().createAcls(List.of(READ, WRITE)));
        assertThat(meant("orders-eu", AclFilter.Patterns.MATCH)).containsExactlyInAnyOrder(READ, WRITE);
        assertThat(meant("orders-", AclFilter.Patterns.ANY)).containsExactly(READ);
        assertThat(meant("orders-", AclFilter.Patterns.LITERAL)).isEmpty();
        assertThat(meant("orders-", AclFilter.Patterns.PREFIXED)).containsExactly(READ);
        assertThat(meant("*", AclFilter.Patterns.LITERAL)).containsExactly(WRITE);
        assertThat(meant("bills", AclFilter.Patterns.MATCH)).containsExactly(WRITE);
    }

    private List<AclBinding> meant(String name, AclFilter.Patterns patterns) {
        return shard.security()
                .deleteAcls(new AclFilter(ResourceType.TOPIC, name, patterns, null, null, null, null))
                .response();
    }

    @ParameterizedTest(name = "a quota of {0} is refused")
    @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY})
    void quotasAreMoreThanZero(double value) {
        assertError(
                ErrorCode.INVALID_REQUEST,
                () -> shard.security().alter(ALICE, List.of(new QuotaChange("producer_byte_rate", value))));
    }

    @Test
    @DisplayName("unknown quotas, unknown credentials, names too long or empty are refused")
    void refused() {
        assertError(
                ErrorCode.INVALID_REQUEST, () -> shard.security().alter(ALICE, List.of(new QuotaChange("bytes", 1.0))));
        assertError(ErrorCode.RESOURCE_NOT_FOUND, () -> shard.security().delete("alice", ScramMechanism.SCRAM_SHA_256));
        ScramCredential credential =
                ScramCredential.ofSaltedPassword(ScramMechanism.SCRAM_SHA_256, new byte[32], new byte[16], 4_096);
        assertError(ErrorCode.UNACCEPTABLE_CREDENTIAL, () -> shard.security().upsert("", credential));
        assertError(
                ErrorCode.INVALID_REQUEST,
                () -> shard.security()
                        .createAcls(List.of(AclBinding.allow(
                                "User:" + "x".repeat(2_000), AclOperation.READ, ResourcePattern.CLUSTER))));
    }

    @Test
    @DisplayName("the credential of RFC 7677's example, and nothing of it in texts")
    void rfc7677() {
        ScramCredential credential = ScramCredential.ofPassword(
                ScramMechanism.SCRAM_SHA_256,
                "pencil",
                java.util.Base64.getDecoder().decode("W22ZaJ0SNY7soEsUEjb6gQ=="),
                4_096);
        assertThat(java.util.Base64.getEncoder().encodeToString(credential.storedKey()))
                .isEqualTo("WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=");
        assertThat(java.util.Base64.getEncoder().encodeToString(credential.serverKey()))
                .isEqualTo("wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
        assertThat(credential).hasToString("ScramCredential[SCRAM-SHA-256, iterations=4096]");
    }

    private <R> R apply(CoordinatorResult<R> result) {
        log.addAll(result.records());
        result.records().forEach(one -> replay(shard, one));
        return result.response();
    }

    private static void replay(MetadataShard shard, CoordinatorRecord one) {
        byte[] value = one.value();
        shard.replay(ByteBuffer.wrap(one.key()), value == null ? null : ByteBuffer.wrap(value));
    }

    private static void assertError(ErrorCode code, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(code));
    }
}
