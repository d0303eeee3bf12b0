package io.reactivemq.netty.protocol;

import io.reactivemq.kafka.common.message.ApiMessageType;
import java.util.Objects;

/**
 * What stands before a request.
 *
 * @param api which API is called
 * @param version the version of request and response
 * @param correlationId comes back with the response
 * @param clientId the name the client gave itself; empty for none
 */
public record RequestHeader(ApiMessageType api, short version, int correlationId, String clientId) {

    public RequestHeader {
        Objects.requireNonNull(api, "api");
        Objects.requireNonNull(clientId, "clientId");
    }

    @Override
    public String toString() {
        return api.name + " v" + version + " #" + correlationId + (clientId.isEmpty() ? "" : " of " + clientId);
    }
}
