package io.reactivemq.netty.server;

import io.netty.util.ReferenceCounted;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.FetchLease;
import io.reactivemq.netty.protocol.RequestHeader;
import io.reactivemq.netty.security.Session;
import java.net.InetSocketAddress;

/**
 * A request as its handler sees it, beside its body.
 *
 * @param header which API and version
 * @param caller who asks
 * @param advertised where the client is told that this server is
 * @param session how far its connection has come in showing who it is
 * @param lease of what is lent or copied for the answer, until that is sent
 * @param frame the bytes that the body's records are views of. Who uses them beyond the end of the answer retains it
 */
record ApiRequest(
        RequestHeader header,
        Caller caller,
        InetSocketAddress advertised,
        Session session,
        FetchLease lease,
        ReferenceCounted frame) {

    /** From who needs not say who it is. */
    ApiRequest(RequestHeader header, Caller caller, InetSocketAddress advertised, ReferenceCounted frame) {
        this(header, caller, advertised, Session.of(caller.principal()), new FetchLease(), frame);
    }

    short version() {
        return header.version();
    }
}
