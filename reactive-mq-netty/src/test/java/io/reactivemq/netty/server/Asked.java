package io.reactivemq.netty.server;

import static java.util.Objects.requireNonNull;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.netty.protocol.RequestHeader;
import java.net.InetSocketAddress;

/** The handlers of a server, asked without a connection. */
final class Asked {

    static final Caller CALLER = Caller.embedded("test");

    private final ApiTable apis;

    private Asked(ApiTable apis) {
        this.apis = apis;
    }

    /** Of a server over that broker, where everyone may do all. */
    static Asked over(Broker broker) {
        return over(new ServerSettings(broker, 1, null, 0, 1, 1 << 20, 1 << 20, 10, 10));
    }

    static Asked over(ServerSettings settings) {
        return new Asked(KafkaServer.apis(settings));
    }

    static Asked over(ServerSettings settings, ServerSecurity security) {
        return new Asked(KafkaServer.apis(settings, security));
    }

    <A extends ApiMessage> A ask(ApiMessageType api, int version, ApiMessage body, Class<A> answer) {
        return ask(CALLER, api, version, body, answer);
    }

    <A extends ApiMessage> A ask(Caller caller, ApiMessageType api, int version, ApiMessage body, Class<A> answer) {
        ByteBuf frame = Unpooled.buffer();
        try {
            ApiRequest request = new ApiRequest(
                    new RequestHeader(api, (short) version, 9, "test"),
                    caller,
                    InetSocketAddress.createUnresolved("127.0.0.1", 9092),
                    frame);
            return answer.cast(requireNonNull(apis.answer(request, body).block(RunningServer.PATIENCE), "the answer"));
        } finally {
            frame.release();
        }
    }
}
