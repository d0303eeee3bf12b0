package io.reactivemq.netty.server;

import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.netty.protocol.KafkaCodec;
import io.reactivemq.netty.protocol.VersionRange;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/** What is served: by API the versions and who answers. What is not in here is not advertised, and not answered. */
final class ApiTable implements KafkaCodec.Versions {

    private final Map<ApiMessageType, Api> apis = new EnumMap<>(ApiMessageType.class);

    /**
     * Serves an API.
     *
     * @param min the lowest version, which the codec must know
     * @param max the highest version
     * @param type what the codec makes of the request's body
     * @param handler answers; an empty answer: nothing is sent. An error it does not put into the response closes the connection
     */
    <Q extends ApiMessage> void serve(
            ApiMessageType api,
            int min,
            int max,
            Class<Q> type,
            BiFunction<ApiRequest, Q, ? extends Mono<? extends ApiMessage>> handler) {
        if (min < api.lowestSupportedVersion() || max > api.highestSupportedVersion(true)) {
            throw new IllegalArgumentException("the codec has " + api.name + " in versions "
                    + api.lowestSupportedVersion() + " to " + api.highestSupportedVersion(true) + ", not in " + min
                    + " to " + max);
        }
        Api served = new Api(
                VersionRange.of(min, max),
                (request, body) -> handler.apply(request, type.cast(body)).cast(ApiMessage.class));
        if (apis.put(api, served) != null) {
            throw new IllegalStateException(api.name + " is served twice");
        }
    }

    @Override
    public @Nullable VersionRange of(ApiMessageType api) {
        Api served = apis.get(api);
        return served == null ? null : served.versions;
    }

    /** All that is served, in the order of the keys. */
    Map<ApiMessageType, VersionRange> versions() {
        Map<ApiMessageType, VersionRange> versions = new EnumMap<>(ApiMessageType.class);
        apis.forEach((api, served) -> versions.put(api, served.versions));
        return Collections.unmodifiableMap(versions);
    }

    /** Answers a request; the API is served. */
    Mono<ApiMessage> answer(ApiRequest request, ApiMessage body) {
        Api served = apis.get(request.header().api());
        if (served == null) {
            throw new IllegalStateException(request.header().api().name + " is not served");
        }
        return served.handler.apply(request, body);
    }

    private record Api(VersionRange versions, BiFunction<ApiRequest, ApiMessage, Mono<ApiMessage>> handler) {}
}
