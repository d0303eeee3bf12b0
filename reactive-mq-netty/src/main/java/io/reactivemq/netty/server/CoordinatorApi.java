package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.FindCoordinatorRequestData;
import io.reactivemq.kafka.common.message.FindCoordinatorResponseData;
import io.reactivemq.kafka.common.message.FindCoordinatorResponseData.Coordinator;
import io.reactivemq.netty.protocol.ProtocolError;
import java.util.List;
import reactor.core.publisher.Mono;

/** FindCoordinator: this server coordinates every group and every transactional id. */
final class CoordinatorApi {

    private static final int SEVERAL_KEYS = 4;

    private static final byte GROUP = 0;
    private static final byte TRANSACTION = 1;

    private final ServerSettings settings;

    CoordinatorApi(ServerSettings settings) {
        this.settings = settings;
    }

    void register(ApiTable apis) {
        apis.serve(ApiMessageType.FIND_COORDINATOR, 0, 6, FindCoordinatorRequestData.class, this::findCoordinator);
    }

    private Mono<FindCoordinatorResponseData> findCoordinator(ApiRequest request, FindCoordinatorRequestData body) {
        boolean known = body.keyType() == GROUP || body.keyType() == TRANSACTION;
        short error = known ? ProtocolError.NONE : ErrorCode.INVALID_REQUEST.code();
        int node = known ? settings.nodeId() : -1;
        String host = known ? request.advertised().getHostString() : "";
        int port = known ? request.advertised().getPort() : -1;
        if (request.version() < SEVERAL_KEYS) {
            return Mono.just(new FindCoordinatorResponseData()
                    .setErrorCode(error)
                    .setNodeId(node)
                    .setHost(host)
                    .setPort(port));
        }
        List<Coordinator> coordinators = body.coordinatorKeys().stream()
                .map(key -> new Coordinator()
                        .setKey(key)
                        .setErrorCode(error)
                        .setNodeId(node)
                        .setHost(host)
                        .setPort(port))
                .toList();
        return Mono.just(new FindCoordinatorResponseData().setCoordinators(coordinators));
    }
}
