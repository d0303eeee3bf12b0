package io.reactivemq.netty.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.broker.AclBinding;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ResourcePattern;
import io.reactivemq.broker.ResourceType;
import io.reactivemq.broker.SecurityImage;
import io.reactivemq.netty.security.Authorizer;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("What a client may do")
class AuthorizedOperationsTest {

    private static final Caller ALICE = new Caller("User:alice", "c", "/10.0.0.1", "SSL");

    private static AuthorizedOperations with(AclBinding... acls) {
        SecurityImage image = new SecurityImage(Set.of(acls), Map.of(), Map.of());
        return new AuthorizedOperations(new Authorizer(() -> image, List.of(), true));
    }

    private static int bits(AclOperation... operations) {
        int bits = 0;
        for (AclOperation operation : operations) {
            bits |= 1 << operation.code();
        }
        return bits;
    }

    @Test
    @DisplayName("is what ACLs allow, with what that implies")
    void allowed() {
        AuthorizedOperations operations = with(
                AclBinding.allow(
                        "User:alice", AclOperation.READ, ResourcePattern.literal(ResourceType.TOPIC, "orders")),
                AclBinding.allow(
                        "User:alice", AclOperation.ALL, ResourcePattern.literal(ResourceType.GROUP, "billing")));
        assertThat(operations.ofTopic(ALICE, "orders")).isEqualTo(bits(AclOperation.READ, AclOperation.DESCRIBE));
        assertThat(operations.ofTopic(ALICE, "bills")).isZero();
        assertThat(operations.ofGroup(ALICE, "billing"))
                .isEqualTo(bits(
                        AclOperation.READ,
                        AclOperation.DESCRIBE,
                        AclOperation.DELETE,
                        AclOperation.DESCRIBE_CONFIGS,
                        AclOperation.ALTER_CONFIGS));
    }

    @Test
    @DisplayName("with the cluster is told to nobody who may not describe it")
    void cluster() {
        ResourcePattern cluster = ResourcePattern.literal(ResourceType.CLUSTER, ResourcePattern.CLUSTER_NAME);
        assertThat(with(AclBinding.allow("User:alice", AclOperation.IDEMPOTENT_WRITE, cluster))
                        .ofCluster(ALICE))
                .isZero();
        assertThat(with(AclBinding.allow("User:alice", AclOperation.ALTER, cluster))
                        .ofCluster(ALICE))
                .isEqualTo(bits(AclOperation.ALTER, AclOperation.DESCRIBE));
    }
}
