package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.ResourceType;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.FindCoordinatorRequestData;
import io.reactivemq.kafka.common.message.FindCoordinatorResponseData;
import io.reactivemq.kafka.common.message.FindCoordinatorResponseData.Coordinator;
import io.reactivemq.netty.protocol.ProtocolError;
import io.reactivemq.netty.security.Authorizer;
import reactor.core.publisher.Mono;

/** FindCoordinator: this server coordinates every group and every transactional id. */
final class CoordinatorApi {

    private static final int SEVERAL_KEYS = 4;

    private static final byte GROUP = 0;
    private static final byte TRANSACTION = 1;

    private final ServerSettings settings;
    private final Authorizer authorizer;

    CoordinatorApi(ServerSettings settings, Authorizer authorizer) {
        this.settings = settings;
        this.authorizer = authorizer;
    }

    void register(ApiTable apis) {
        apis.serve(ApiMessageType.FIND_COORDINATOR, 0, 6, FindCoordinatorRequestData.class, this::findCoordinator);
    }

    private Mono<FindCoordinatorResponseData> findCoordinator(ApiRequest request, FindCoordinatorRequestData body) {
        if (request.version() < SEVERAL_KEYS) {
            Coordinator found = find(request, body.keyType(), body.key());
            return Mono.just(new FindCoordinatorResponseData()
                    .setErrorCode(found.errorCode())
                    .setNodeId(found.nodeId())
                    .setHost(found.host())
                    .setPort(found.port()));
        }
        return Mono.just(new FindCoordinatorResponseData()
                .setCoordinators(body.coordinatorKeys().stream()
                        .map(key -> find(request, body.keyType(), key))
                        .toList()));
    }

    private Coordinator find(ApiRequest request, byte type, String key) {
        short error = errorOf(request, type, key);
        Coordinator found = new Coordinator().setKey(key).setErrorCode(error);
        return error == ProtocolError.NONE
                ? found.setNodeId(settings.nodeId())
                        .setHost(request.advertised().getHostString())
                        .setPort(request.advertised().getPort())
                : found.setNodeId(-1).setHost("").setPort(-1);
    }

    private short errorOf(ApiRequest request, byte type, String key) {
        return switch (type) {
            case GROUP ->
                authorizer.allows(request.caller(), AclOperation.DESCRIBE, ResourceType.GROUP, key)
                        ? ProtocolError.NONE
                        : ErrorCode.GROUP_AUTHORIZATION_FAILED.code();
            case TRANSACTION ->
                authorizer.allows(request.caller(), AclOperation.DESCRIBE, ResourceType.TRANSACTIONAL_ID, key)
                        ? ProtocolError.NONE
                        : ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED.code();
            default -> ErrorCode.INVALID_REQUEST.code();
        };
    }
}
