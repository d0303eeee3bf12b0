package io.reactivemq.netty.protocol;

import io.reactivemq.kafka.common.message.ApiMessageType;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * What stands before a request.
 *
 * @param api which API is called
 * @param version the version of request and response
 * @param correlationId comes back with the response
 * @param clientId the name the client gave itself; empty for none
 */
public record RequestHeader(ApiMessageType api, short version, int correlationId, String clientId) {

    private static final int CLIENT_ID_CHARS_SHOWN = 100;
    private static final Pattern UNPRINTABLE = Pattern.compile("[^ -~]");

    public RequestHeader {
        Objects.requireNonNull(api, "api");
        Objects.requireNonNull(clientId, "clientId");
    }

    /** On one line, whatever the client calls itself. */
    @Override
    public String toString() {
        return api.name + " v" + version + " #" + correlationId + (clientId.isEmpty() ? "" : " of " + printable());
    }

    private String printable() {
        String shown = clientId.length() <= CLIENT_ID_CHARS_SHOWN
                ? clientId
                : clientId.substring(0, CLIENT_ID_CHARS_SHOWN) + "...";
        return UNPRINTABLE.matcher(shown).replaceAll("?");
    }
}
