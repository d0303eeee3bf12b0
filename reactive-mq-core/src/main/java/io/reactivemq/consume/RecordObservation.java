package io.reactivemq.consume;

import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.observation.transport.Kind;
import io.micrometer.observation.transport.ReceiverContext;
import io.reactivemq.Headers;
import org.jspecify.annotations.Nullable;
import reactor.util.context.Context;

/**
 * The observation of one record in work, from its first attempt to its end. A tracer behind the registry goes on with the trace in the
 * record's headers, and finds the observation in the Reactor context where Micrometer looks for it.
 */
final class RecordObservation {

    private static final String NAME = "reactivemq.process";

    /** The key of Micrometer's ObservationThreadLocalAccessor. */
    private static final String CONTEXT_KEY = "micrometer.observation";

    private final Observation observation;

    private RecordObservation(Observation observation) {
        this.observation = observation;
    }

    static RecordObservation start(
            ObservationRegistry registry, ReceiverRecord<?, ?> received, @Nullable String group) {
        ReceiverContext<Headers> context = new ReceiverContext<>(Headers::lastAsString, Kind.CONSUMER);
        context.setCarrier(received.headers());
        Observation observation = Observation.createNotStarted(NAME, () -> context, registry)
                .contextualName(received.topic() + " process")
                .lowCardinalityKeyValue("topic", received.topic())
                .lowCardinalityKeyValue("group", group == null ? "none" : group)
                .highCardinalityKeyValue("partition", Integer.toString(received.partition()))
                .highCardinalityKeyValue("offset", Long.toString(received.offset()));
        return new RecordObservation(observation.start());
    }

    Context in(Context context) {
        return context.put(CONTEXT_KEY, observation);
    }

    void stop(@Nullable Throwable error) {
        if (error != null) {
            observation.error(error);
        }
        observation.stop();
    }
}
