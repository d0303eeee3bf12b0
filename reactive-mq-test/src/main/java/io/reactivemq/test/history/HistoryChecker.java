package io.reactivemq.test.history;

import java.util.ArrayList;
import java.util.List;

/**
 * Finds what is wrong with a history: a pure function of it. A history without {@link ConsumerHistory#drained drains} is judged by what was read; with
 * one of everything, by {@code READ_UNCOMMITTED} and by {@code READ_COMMITTED}, also by what was not.
 *
 * <p>Of an operation whose end is unknown, or was not written down, it takes it that it may have happened or not; and either all of a
 * transaction's records and offsets, or none.
 */
public final class HistoryChecker {

    private HistoryChecker() {}

    /**
     * @param events in the order in which they were written down
     * @return what is wrong, empty where nothing is
     * @throws IllegalArgumentException where two sends have the same value: nothing could be told of them
     */
    public static List<Anomaly> check(List<HistoryEvent> events) {
        List<Anomaly> found = new ArrayList<>();
        Facts facts = new Facts(events);
        new SendChecks(facts, found).run();
        new TransactionChecks(facts, found).run();
        new PollChecks(facts, found).run();
        new GroupChecks(facts, found).run();
        return List.copyOf(found);
    }
}
