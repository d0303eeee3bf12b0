package io.reactivemq.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.broker.AclBinding;
import io.reactivemq.broker.AclFilter;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.QuotaChange;
import io.reactivemq.broker.QuotaEntity;
import io.reactivemq.broker.ResourcePattern;
import io.reactivemq.broker.ScramCredential;
import io.reactivemq.broker.ScramMechanism;
import io.reactivemq.broker.SecurityApi;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("ACLs, credentials and quotas of a broker")
class SecurityStoreTest {

    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final AclBinding ACL = AclBinding.allow("User:alice", AclOperation.ALTER, ResourcePattern.CLUSTER);

    @TempDir
    private Path directory;

    private EmbeddedBroker open() {
        return EmbeddedBroker.openNow(directory, PATIENCE, options -> {});
    }

    @Test
    @DisplayName("hold when the change is done, and when the broker opens again")
    void reopened() {
        ScramCredential credential =
                ScramCredential.ofSaltedPassword(ScramMechanism.SCRAM_SHA_512, new byte[64], new byte[16], 4_096);
        QuotaEntity alice = QuotaEntity.ofUser("alice");
        EmbeddedBroker broker = open();
        SecurityApi security = broker.security();
        security.createAcls(ACL).block(PATIENCE);
        assertThat(security.current().acls()).containsExactly(ACL);
        security.upsertCredential("alice", credential).block(PATIENCE);
        security.alterQuotas(alice, new QuotaChange("producer_byte_rate", 7.5)).block(PATIENCE);
        broker.closeGracefully(PATIENCE).block(PATIENCE);

        EmbeddedBroker again = open();
        assertThat(again.security().current().acls()).containsExactly(ACL);
        assertThat(again.security().current().credential("alice", ScramMechanism.SCRAM_SHA_512))
                .isNotNull();
        assertThat(again.security().current().quotas()).containsEntry(alice, Map.of("producer_byte_rate", 7.5));
        assertThat(again.security()
                        .deleteAcls(Caller.embedded("test"), AclFilter.ALL)
                        .block(PATIENCE))
                .containsExactly(ACL);
        again.closeGracefully(PATIENCE).block(PATIENCE);

        EmbeddedBroker last = open();
        assertThat(last.security().current().acls()).isEmpty();
        last.closeGracefully(PATIENCE).block(PATIENCE);
    }
}
