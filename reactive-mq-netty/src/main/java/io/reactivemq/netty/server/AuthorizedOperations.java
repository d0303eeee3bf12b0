package io.reactivemq.netty.server;

import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ResourcePattern;
import io.reactivemq.broker.ResourceType;
import io.reactivemq.netty.security.Authorizer;
import java.util.List;

/** What a client may do, as Kafka tells it (KIP-430): the bit of each operation's number. */
final class AuthorizedOperations {

    /** Those that there are for a topic. */
    private static final List<AclOperation> OF_TOPIC = List.of(
            AclOperation.READ,
            AclOperation.WRITE,
            AclOperation.CREATE,
            AclOperation.DESCRIBE,
            AclOperation.DELETE,
            AclOperation.ALTER,
            AclOperation.DESCRIBE_CONFIGS,
            AclOperation.ALTER_CONFIGS);

    private static final List<AclOperation> OF_GROUP = List.of(
            AclOperation.READ,
            AclOperation.DESCRIBE,
            AclOperation.DELETE,
            AclOperation.DESCRIBE_CONFIGS,
            AclOperation.ALTER_CONFIGS);

    private static final List<AclOperation> OF_CLUSTER = List.of(
            AclOperation.CREATE,
            AclOperation.CLUSTER_ACTION,
            AclOperation.DESCRIBE_CONFIGS,
            AclOperation.ALTER_CONFIGS,
            AclOperation.IDEMPOTENT_WRITE,
            AclOperation.ALTER,
            AclOperation.DESCRIBE);

    private final Authorizer authorizer;

    AuthorizedOperations(Authorizer authorizer) {
        this.authorizer = authorizer;
    }

    int ofTopic(Caller caller, String topic) {
        return bits(caller, OF_TOPIC, ResourceType.TOPIC, topic);
    }

    int ofGroup(Caller caller, String groupId) {
        return bits(caller, OF_GROUP, ResourceType.GROUP, groupId);
    }

    /** None for who may not describe it. */
    int ofCluster(Caller caller) {
        return authorizer.allowsCluster(caller, AclOperation.DESCRIBE)
                ? bits(caller, OF_CLUSTER, ResourceType.CLUSTER, ResourcePattern.CLUSTER_NAME)
                : 0;
    }

    private int bits(Caller caller, List<AclOperation> operations, ResourceType type, String name) {
        int bits = 0;
        for (AclOperation operation : operations) {
            if (authorizer.allows(caller, operation, type, name)) {
                bits |= 1 << operation.code();
            }
        }
        return bits;
    }
}
