package io.reactivemq.netty.server;

import io.reactivemq.MqRuntime;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.SaslAuthenticateRequestData;
import io.reactivemq.kafka.common.message.SaslAuthenticateResponseData;
import io.reactivemq.kafka.common.message.SaslHandshakeRequestData;
import io.reactivemq.kafka.common.message.SaslHandshakeResponseData;
import io.reactivemq.netty.protocol.ProtocolError;
import io.reactivemq.netty.security.AuthenticationException;
import io.reactivemq.netty.security.SaslServer;
import io.reactivemq.netty.security.Session;
import java.time.Duration;
import reactor.core.publisher.Mono;

/** Who a connection is: SaslHandshake, SaslAuthenticate. What goes wrong ends the connection behind the answer. */
final class SaslApis {

    /** Before this version messages would follow without a frame that says what they are. */
    private static final int AUTHENTICATE_FOLLOWS = 1;

    /** As Kafka ({@code connection.failed.authentication.delay.ms}): who guesses passwords is slowed down. */
    private static final Duration FAILURE_DELAY = Duration.ofMillis(100);

    private final SaslServer sasl;
    private final MqRuntime runtime;

    SaslApis(SaslServer sasl, MqRuntime runtime) {
        this.sasl = sasl;
        this.runtime = runtime;
    }

    void register(ApiTable apis) {
        apis.serve(ApiMessageType.SASL_HANDSHAKE, 0, 1, SaslHandshakeRequestData.class, this::handshake);
        apis.serve(ApiMessageType.SASL_AUTHENTICATE, 0, 2, SaslAuthenticateRequestData.class, this::authenticate);
    }

    private Mono<SaslHandshakeResponseData> handshake(ApiRequest request, SaslHandshakeRequestData body) {
        Session session = request.session();
        SaslHandshakeResponseData response = new SaslHandshakeResponseData().setMechanisms(sasl.mechanisms());
        if (!sasl.expectsHandshake(session)) {
            return Mono.just(response.setErrorCode(illegalState(session)));
        }
        if (request.version() < AUTHENTICATE_FOLLOWS) {
            session.fail();
            return Mono.just(response.setErrorCode(ProtocolError.UNSUPPORTED_VERSION));
        }
        return Mono.just(
                sasl.agree(session, body.mechanism())
                        ? response
                        : response.setErrorCode(ProtocolError.UNSUPPORTED_SASL_MECHANISM));
    }

    private Mono<SaslAuthenticateResponseData> authenticate(ApiRequest request, SaslAuthenticateRequestData body) {
        Session session = request.session();
        if (!sasl.expectsToken(session)) {
            return Mono.just(new SaslAuthenticateResponseData()
                    .setErrorCode(illegalState(session))
                    .setErrorMessage("there is nothing to authenticate now"));
        }
        return sasl.token(session, body.authBytes())
                .map(answer -> new SaslAuthenticateResponseData().setAuthBytes(answer))
                .onErrorResume(
                        AuthenticationException.class,
                        failure -> Mono.just(new SaslAuthenticateResponseData()
                                        .setErrorCode(ProtocolError.SASL_AUTHENTICATION_FAILED)
                                        .setErrorMessage(failure.getMessage()))
                                .delayElement(FAILURE_DELAY, runtime.timers()));
    }

    /** Who is known stays so; who is on its way, and leaves it, has failed. */
    private static short illegalState(Session session) {
        if (!session.isKnown()) {
            session.fail();
        }
        return ProtocolError.ILLEGAL_SASL_STATE;
    }
}
