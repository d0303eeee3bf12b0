package io.reactivemq.test.history;

import java.util.Locale;
import java.util.Objects;

/**
 * One line of a history.
 *
 * @param timeMs when; only for people to read, what came first is told by the order in the history
 * @param client who
 * @param phase how far the operation has come
 * @param operation what
 */
public record HistoryEvent(long timeMs, String client, Phase phase, Operation operation) {

    public HistoryEvent {
        Objects.requireNonNull(client, "client");
        Objects.requireNonNull(phase, "phase");
        Objects.requireNonNull(operation, "operation");
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%9.3f %-14s %-7s %s",
                timeMs / 1000.0,
                client,
                phase.name().toLowerCase(Locale.ROOT),
                operation);
    }
}
