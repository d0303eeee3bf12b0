package io.reactivemq;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

/**
 * Where a record belongs in a distributed trace, as the W3C's Trace Context has it. In a record it is two headers, in a pipeline an entry
 * of the Reactor context under this class; sending takes it from the one to the other, and receiving back.
 *
 * @param traceparent version, trace id, parent id and flags, such as {@code 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01}
 * @param tracestate what vendors add; null for nothing
 */
public record TraceContext(String traceparent, @Nullable String tracestate) {

    /** The name of the header. */
    public static final String TRACEPARENT = "traceparent";

    /** The name of the header. */
    public static final String TRACESTATE = "tracestate";

    public TraceContext {
        Objects.requireNonNull(traceparent, "traceparent");
    }

    /** The one in those headers; null where there is none. */
    public static @Nullable TraceContext of(Headers headers) {
        String parent = headers.isEmpty() ? null : headers.lastAsString(TRACEPARENT);
        return parent == null ? null : new TraceContext(parent, headers.lastAsString(TRACESTATE));
    }

    /** The one in that context; null where there is none. */
    public static @Nullable TraceContext of(ContextView context) {
        return context.isEmpty() ? null : context.<@Nullable TraceContext>getOrDefault(TraceContext.class, null);
    }

    /** The headers with this one behind them, which is the one that counts. */
    public Headers addTo(Headers headers) {
        Headers more = headers.with(TRACEPARENT, traceparent);
        return tracestate == null ? more : more.with(TRACESTATE, tracestate);
    }

    /** The context with this one in it. */
    public Context addTo(Context context) {
        return context.put(TraceContext.class, this);
    }
}
