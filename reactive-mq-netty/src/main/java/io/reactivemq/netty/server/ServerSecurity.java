package io.reactivemq.netty.server;

import io.netty.channel.Channel;
import io.netty.handler.ssl.SslHandler;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.FetchResponseData;
import io.reactivemq.kafka.common.message.FetchResponseData.FetchableTopicResponse;
import io.reactivemq.kafka.common.message.FetchResponseData.PartitionData;
import io.reactivemq.kafka.common.message.ProduceResponseData;
import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.netty.protocol.RequestHeader;
import io.reactivemq.netty.security.Authorizer;
import io.reactivemq.netty.security.ClientQuotas;
import io.reactivemq.netty.security.SaslMechanism;
import io.reactivemq.netty.security.SaslServer;
import io.reactivemq.netty.security.Secrets;
import io.reactivemq.netty.security.ServerTls.ClientCertificates;
import io.reactivemq.netty.security.Session;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import javax.net.ssl.SSLPeerUnverifiedException;
import org.jspecify.annotations.Nullable;

/**
 * What a server goes by to know and to bound its clients.
 *
 * @param authorizer decides who may do what
 * @param sasl has clients show who they are
 * @param quotas how much each may have
 * @param listener the name of this door, as Kafka's security protocol
 * @param authenticationTimeout how long a connection may take to show who it is
 */
record ServerSecurity(
        Authorizer authorizer, SaslServer sasl, ClientQuotas quotas, String listener, Duration authenticationTimeout) {

    /**
     * @param clients whether clients show certificates; null: there is no TLS
     * @param mechanisms what they may choose from to authenticate; none: they need not
     */
    static ServerSecurity of(
            Broker broker,
            @Nullable ClientCertificates clients,
            List<SaslMechanism> mechanisms,
            Collection<String> superUsers,
            Duration authenticationTimeout,
            Secrets secrets) {
        boolean authenticates = !mechanisms.isEmpty() || (clients != null && clients != ClientCertificates.NONE);
        return new ServerSecurity(
                new Authorizer(broker.security()::current, superUsers, authenticates),
                new SaslServer(mechanisms, broker.security(), secrets, broker.runtime()),
                new ClientQuotas(broker.security()::current, broker.runtime()::nanoTime),
                (mechanisms.isEmpty() ? "" : "SASL_") + (clients == null ? "PLAINTEXT" : "SSL"),
                authenticationTimeout);
    }

    /** No TLS, no authentication. */
    static ServerSecurity none(Broker broker) {
        return of(broker, null, List.of(), Set.of(), Duration.ofSeconds(1), Secrets.ofSystem());
    }

    /** Whether an API is there for those who have not authenticated. */
    static boolean isForTheUnknown(ApiMessageType api) {
        return api == ApiMessageType.API_VERSIONS
                || api == ApiMessageType.SASL_HANDSHAKE
                || api == ApiMessageType.SASL_AUTHENTICATE;
    }

    /** The session of a connection that has come up: with TLS, its handshake is done. */
    Session open(Channel channel) {
        SslHandler tls = channel.pipeline().get(SslHandler.class);
        if (tls == null) {
            return sasl.open(Session.ANONYMOUS);
        }
        try {
            return sasl.open(
                    "User:" + tls.engine().getSession().getPeerPrincipal().getName());
        } catch (SSLPeerUnverifiedException e) {
            return sasl.open(Session.ANONYMOUS); // it has shown no certificate
        }
    }

    /**
     * Takes a request and its answer from the caller's quota, and tells the client in the answer.
     *
     * @return how long to read nothing from the client, in ms
     */
    int charge(Caller caller, RequestHeader header, int requestBytes, @Nullable ApiMessage answer) {
        if (header.api() == ApiMessageType.PRODUCE) {
            int throttleMs = quotas.take(caller, ClientQuotas.PRODUCED, requestBytes);
            if (answer instanceof ProduceResponseData produced) {
                produced.setThrottleTimeMs(throttleMs);
            }
            return throttleMs;
        }
        if (answer instanceof FetchResponseData fetched) {
            int throttleMs = quotas.take(caller, ClientQuotas.FETCHED, recordBytes(fetched));
            fetched.setThrottleTimeMs(throttleMs);
            return throttleMs;
        }
        return 0;
    }

    /** How long the request may not be begun yet, in ms, since its caller has produced too much before, be it on another connection. */
    int waitMs(Caller caller, RequestHeader header) {
        return header.api() == ApiMessageType.PRODUCE ? quotas.waitMs(caller, ClientQuotas.PRODUCED) : 0;
    }

    private static long recordBytes(FetchResponseData answer) {
        long bytes = 0;
        for (FetchableTopicResponse topic : answer.responses()) {
            for (PartitionData partition : topic.partitions()) {
                bytes += partition.records() == null ? 0 : partition.records().sizeInBytes();
            }
        }
        return bytes;
    }
}
