package io.reactivemq.netty.server;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.ssl.NotSslRecordException;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.timeout.IdleState;
import io.netty.handler.timeout.IdleStateEvent;
import io.netty.handler.timeout.IdleStateHandler;
import io.netty.util.ReferenceCounted;
import io.netty.util.concurrent.Future;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.FetchLease;
import io.reactivemq.broker.FetchMemory;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.netty.protocol.BadRequestException;
import io.reactivemq.netty.protocol.KafkaCodec;
import io.reactivemq.netty.protocol.RequestHeader;
import io.reactivemq.netty.security.Session;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Mono;
import reactor.core.publisher.SignalType;

/**
 * One connection: takes frames, has them answered, and writes the answers in the order of the requests.
 *
 * <p>Requests are handled one after the other, as Kafka does: a client may rely on the one before being done. Requests to produce are the exception,
 * since a producer sends several ahead: a run of them is handed to the broker at once, in order. A request is begun only while the client takes what was
 * written before, so one answer at most waits beyond Netty's high watermark. Reading stops while the requests that are not answered, and those whose
 * records are not written yet, have {@code inFlightBytesMax} together.
 *
 * <p>All state belongs to the channel's event loop.
 */
final class ConnectionHandler extends ChannelInboundHandlerAdapter {

    private static final Logger LOG = LoggerFactory.getLogger(ConnectionHandler.class);

    /** What a waiting request costs beside its frame; so that many small ones are bounded too. */
    private static final int REQUEST_BYTES = 256;

    private final ApiTable apis;
    private final ServerSettings settings;
    private final ServerMeters meters;
    private final ServerSecurity security;
    private final FetchMemory fetchMemory;
    private final Function<InetSocketAddress, InetSocketAddress> advertised;

    /** Requests that are not answered, the oldest first: those under way, then those that wait. */
    private final Deque<Exchange> underWay = new ArrayDeque<>();

    private final Deque<RequestFrame> waiting = new ArrayDeque<>();

    /** Of all frames that somebody uses, and {@link #REQUEST_BYTES} of each request that is not answered. */
    private long inFlightBytes;

    private Session session = Session.unknown();
    private @Nullable Future<?> authentication;

    /** Whether the client has had more than its quota, and waits. */
    private boolean muted;

    private @Nullable Future<?> unmute;

    private boolean working;
    private boolean closing;
    private @Nullable ChannelHandlerContext context;

    ConnectionHandler(
            ApiTable apis,
            ServerSettings settings,
            ServerMeters meters,
            ServerSecurity security,
            FetchMemory fetchMemory,
            Function<InetSocketAddress, InetSocketAddress> advertised) {
        this.apis = apis;
        this.settings = settings;
        this.meters = meters;
        this.security = security;
        this.fetchMemory = fetchMemory;
        this.advertised = advertised;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        context = ctx;
    }

    /** Whether the client has shown who it is, where it has to. */
    boolean isKnown() {
        return session.isKnown();
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        session = security.open(ctx.channel());
        if (!session.isKnown()) {
            authentication = ctx.executor()
                    .schedule(
                            () -> stillUnknown(ctx),
                            security.authenticationTimeout().toNanos(),
                            TimeUnit.NANOSECONDS);
        }
        ctx.fireChannelActive();
        // not by reactor-netty's demand: this handler takes what comes
        ctx.channel().config().setAutoRead(true);
    }

    private void stillUnknown(ChannelHandlerContext ctx) {
        if (!session.isKnown() && ctx.channel().isActive()) {
            refuse(ctx, "it has not authenticated within " + security.authenticationTimeout());
        }
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf frame = (ByteBuf) message;
        if (closing) {
            frame.release();
            return;
        }
        meters.received(frame.readableBytes() + KafkaCodec.LENGTH_BYTES);
        int bytes = frame.readableBytes();
        waiting.add(new RequestFrame(frame, () -> freed(ctx, bytes)));
        inFlightBytes += bytes + REQUEST_BYTES;
        if (inFlightBytes > inFlightBytesMax()) {
            ctx.channel().config().setAutoRead(false);
        }
        work(ctx);
    }

    /** From whatever thread has let go of a frame last. */
    private void freed(ChannelHandlerContext ctx, int bytes) {
        if (ctx.executor().inEventLoop()) {
            inFlightBytes -= bytes;
            readOn(ctx);
        } else if (ctx.channel().isActive()) { // else the loop may have ended, and nothing is read any more
            ctx.executor().execute(() -> freed(ctx, bytes));
        }
    }

    private long inFlightBytesMax() {
        return session.isKnown()
                ? settings.inFlightBytesMax()
                : Math.min(settings.inFlightBytesMax(), FrameDecoder.UNKNOWN_FRAME_BYTES_MAX);
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        work(ctx);
        ctx.fireChannelWritabilityChanged();
    }

    /** Tells this handler when nothing comes or goes, and when nothing goes, be it a part of an answer. */
    static IdleStateHandler idleAfter(Duration idle) {
        return new IdleStateHandler(true, 0, idle.toMillis(), idle.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof IdleStateEvent idle) {
            if (idle.state() == IdleState.WRITER_IDLE) {
                // the first one may come just when an answer begins; by the next one it has stood still in between
                if (!idle.isFirst() && isStalled(ctx.channel())) {
                    meters.refused();
                    LOG.warn(
                            "connection of {} is closed: it takes nothing of its answers",
                            ctx.channel().remoteAddress());
                    close(ctx);
                }
            } else if (underWay.isEmpty() && waiting.isEmpty()) {
                LOG.debug(
                        "connection of {} is closed, it was idle", ctx.channel().remoteAddress());
                close(ctx);
            }
        }
        ctx.fireUserEventTriggered(event);
    }

    private static boolean isStalled(Channel channel) {
        ChannelOutboundBuffer out = channel.unsafe().outboundBuffer();
        return out != null && !out.isEmpty();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        letGo();
        ctx.fireChannelInactive();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        if (cause instanceof NotSslRecordException || cause.getCause() instanceof NotSslRecordException) {
            refuse(ctx, "it does not speak TLS"); // not what it said instead, which may be a password
        } else if (cause instanceof DecoderException || cause instanceof SSLException) {
            refuse(ctx, cause.getMessage());
        } else if (cause instanceof IOException) {
            LOG.debug("connection of {} was lost", ctx.channel().remoteAddress(), cause);
            close(ctx);
        } else {
            LOG.error("connection of {} is closed", ctx.channel().remoteAddress(), cause);
            close(ctx);
        }
    }

    /** Takes no more requests, finishes those that can be finished without waiting for records, and closes. */
    void drain() {
        ChannelHandlerContext ctx = Objects.requireNonNull(context);
        ctx.executor().execute(() -> {
            closing = true;
            ctx.channel().config().setAutoRead(false);
            dropWaiting();
            for (Exchange exchange : List.copyOf(underWay)) {
                if (exchange.header.api() == ApiMessageType.FETCH) {
                    exchange.cancel();
                }
            }
            work(ctx);
        });
    }

    /** Writes what is answered and begins what may begin. */
    private void work(ChannelHandlerContext ctx) {
        if (working) {
            return;
        }
        working = true;
        boolean written = false;
        try {
            boolean again = true;
            while (again) {
                again = false;
                Exchange head = underWay.peek();
                while (head != null && head.done) {
                    underWay.remove();
                    written |= write(ctx, head);
                    head = underWay.peek();
                }
                RequestFrame next = waiting.peek();
                if (next != null && mayBegin(ctx.channel(), next)) {
                    waiting.remove();
                    begin(ctx, next);
                    again = true;
                }
            }
        } finally {
            working = false;
        }
        if (written) {
            ctx.flush();
        }
        if (closing && underWay.isEmpty() && ctx.channel().isActive()) {
            ctx.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
        }
    }

    private boolean mayBegin(Channel channel, RequestFrame frame) {
        if (muted || !channel.isWritable()) {
            return false;
        }
        Exchange last = underWay.peekLast();
        return last == null || (last.header.api() == ApiMessageType.PRODUCE && isProduce(frame.content()));
    }

    private static boolean isProduce(ByteBuf frame) {
        return frame.readableBytes() >= Short.BYTES
                && frame.getShort(frame.readerIndex()) == ApiMessageType.PRODUCE.apiKey();
    }

    private void begin(ChannelHandlerContext ctx, RequestFrame frame) {
        boolean begun = false; // or waits on
        try {
            ByteBuffer content = frame.content().nioBuffer();
            RequestHeader header = KafkaCodec.readHeader(content, apis);
            if (!session.isKnown() && !ServerSecurity.isForTheUnknown(header.api())) {
                refuse(ctx, header.api().name + " came before authentication");
                return;
            }
            Caller caller = callerOf(ctx.channel(), header);
            int waitMs = security.waitMs(caller, header);
            if (waitMs > 0) {
                waiting.addFirst(frame);
                begun = true;
                mute(ctx, waitMs);
                return;
            }
            short answerVersion = header.version();
            // bytes that have to be encrypted are read where a thread may wait for them, not on the event loop
            FetchLease lease = new FetchLease(fetchMemory, !isEncrypted(ctx));
            Mono<ApiMessage> answer;
            if (Objects.requireNonNull(apis.of(header.api())).contains(header.version())) {
                ApiMessage body = KafkaCodec.readBody(content, header);
                ApiRequest request = new ApiRequest(header, caller, advertisedTo(ctx), session, lease, frame);
                answer = Mono.defer(() -> apis.answer(request, body));
            } else {
                answerVersion = 0;
                answer = Mono.just(MetadataApis.unsupportedVersion(apis));
            }
            Exchange exchange = new Exchange(ctx, header, caller, answerVersion, lease, frame, settings.runtimeNanos());
            underWay.add(exchange);
            begun = true;
            settings.broker().runtime().quickFiles().lend(() -> answer.subscribe(exchange));
        } catch (BadRequestException e) {
            refuse(ctx, e.getMessage());
        } finally {
            if (!begun) {
                frame.release();
            }
        }
    }

    private static boolean isEncrypted(ChannelHandlerContext ctx) {
        return ctx.pipeline().get(SslHandler.class) != null;
    }

    private InetSocketAddress advertisedTo(ChannelHandlerContext ctx) {
        return advertised.apply((InetSocketAddress) ctx.channel().localAddress());
    }

    private Caller callerOf(Channel channel, RequestHeader header) {
        InetSocketAddress remote = (InetSocketAddress) channel.remoteAddress();
        return new Caller(
                session.principal(),
                header.clientId(),
                "/" + remote.getAddress().getHostAddress(),
                security.listener());
    }

    /** Writes the answer, if there is one; false where the connection is closed instead. */
    private boolean write(ChannelHandlerContext ctx, Exchange exchange) {
        boolean written = false;
        try {
            written = writeAnswer(ctx, exchange);
            return written;
        } finally {
            if (!written) {
                exchange.lease.close();
            }
        }
    }

    private boolean writeAnswer(ChannelHandlerContext ctx, Exchange exchange) {
        inFlightBytes -= REQUEST_BYTES;
        readOn(ctx);
        meters.answered(exchange.header.api(), settings.runtimeNanos() - exchange.beganNanos, exchange.failure != null);
        if (exchange.failure instanceof UnansweredException unanswered) {
            refuse(ctx, unanswered.getMessage());
            return false;
        }
        if (exchange.failure != null) {
            LOG.error(
                    "request {} from {} failed; the connection is closed",
                    exchange.header,
                    ctx.channel().remoteAddress(),
                    exchange.failure);
            close(ctx);
            return false;
        }
        ApiMessage answer = exchange.answer;
        mute(ctx, security.charge(exchange.caller, exchange.header, exchange.frame.bytes() + REQUEST_BYTES, answer));
        if (answer == null || !ctx.channel().isActive()) {
            return false;
        }
        List<ReferenceCounted> parts;
        try {
            meters.told(exchange.header.api(), answer);
            parts = KafkaCodec.writeResponse(ctx.alloc(), exchange.header, exchange.answerVersion, answer);
        } catch (RuntimeException e) {
            LOG.error("the response to {} cannot be written; the connection is closed", exchange.header, e);
            close(ctx);
            return false;
        }
        exchange.answer = null; // its records are written, and wait in other buffers
        ChannelFuture last = null;
        for (ReferenceCounted part : parts) {
            meters.sent(OutboundBytes.of(part));
            last = ctx.write(part).addListener(ChannelFutureListener.CLOSE_ON_FAILURE);
        }
        Objects.requireNonNull(last).addListener(sent -> exchange.lease.close());
        if (session.isFailed() && !closing) {
            meters.refused();
            LOG.warn(
                    "connection of {} is closed: it has not shown who it is",
                    ctx.channel().remoteAddress());
            closing = true;
            dropWaiting();
        }
        return true;
    }

    private void readOn(ChannelHandlerContext ctx) {
        if (inFlightBytes <= inFlightBytesMax() / 2 && !closing && !muted) {
            ctx.channel().config().setAutoRead(true);
        }
    }

    /** Takes nothing from the client for that long; what it has begun goes on. */
    private void mute(ChannelHandlerContext ctx, int throttleMs) {
        if (throttleMs == 0 || muted) {
            return;
        }
        muted = true;
        ctx.channel().config().setAutoRead(false);
        unmute = ctx.executor()
                .schedule(
                        () -> {
                            muted = false;
                            readOn(ctx);
                            work(ctx);
                        },
                        throttleMs,
                        TimeUnit.MILLISECONDS);
    }

    private void refuse(ChannelHandlerContext ctx, @Nullable String reason) {
        if (!closing) {
            meters.refused();
            LOG.warn("connection of {} is closed: {}", ctx.channel().remoteAddress(), reason);
        }
        close(ctx);
    }

    private void close(ChannelHandlerContext ctx) {
        letGo();
        ctx.close().addListener(ChannelFutureListener.FIRE_EXCEPTION_ON_FAILURE);
    }

    private void letGo() {
        closing = true;
        if (authentication != null) {
            authentication.cancel(false);
        }
        if (unmute != null) {
            unmute.cancel(false);
        }
        dropWaiting();
        List<Exchange> left = List.copyOf(underWay);
        underWay.clear();
        left.forEach(Exchange::abandon);
    }

    private void dropWaiting() {
        waiting.forEach(RequestFrame::release);
        waiting.clear();
    }

    /** A request that was begun, and its answer once that is there. Its frame is held to its end, whichever way that comes. */
    private final class Exchange extends BaseSubscriber<ApiMessage> {

        private final ChannelHandlerContext ctx;
        private final RequestHeader header;
        private final Caller caller;
        private final short answerVersion;
        private final FetchLease lease;
        private final RequestFrame frame;
        private final long beganNanos;
        private @Nullable ApiMessage answer;
        private @Nullable Throwable failure;
        private boolean done;

        Exchange(
                ChannelHandlerContext ctx,
                RequestHeader header,
                Caller caller,
                short answerVersion,
                FetchLease lease,
                RequestFrame frame,
                long beganNanos) {
            this.ctx = ctx;
            this.lease = lease;
            this.header = header;
            this.caller = caller;
            this.answerVersion = answerVersion;
            this.frame = frame;
            this.beganNanos = beganNanos;
        }

        /** What is not going to be written needs nothing. */
        void abandon() {
            cancel();
            lease.close();
        }

        @Override
        protected void hookOnNext(ApiMessage value) {
            onLoop(() -> answer = value);
        }

        @Override
        protected void hookOnError(Throwable reason) {
            onLoop(() -> failure = reason);
        }

        @Override
        protected void hookFinally(SignalType type) {
            onLoop(() -> {
                done = true;
                frame.release();
                work(ctx);
            });
        }

        private void onLoop(Runnable change) {
            if (ctx.executor().inEventLoop()) {
                change.run();
            } else {
                ctx.executor().execute(change);
            }
        }
    }
}
