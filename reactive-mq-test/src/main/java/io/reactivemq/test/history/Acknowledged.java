package io.reactivemq.test.history;

import java.util.HashMap;
import java.util.Map;

/** Offsets of a partition that members of a group were about to acknowledge, unless they were told that it was too late. */
final class Acknowledged {

    private final Map<Long, Integer> times = new HashMap<>();

    void note(Phase phase, long offset) {
        if (phase == Phase.INVOKED) {
            times.merge(offset, 1, Integer::sum);
        } else if (phase == Phase.FAILED) {
            times.computeIfPresent(offset, (same, before) -> before == 1 ? null : before - 1);
        }
    }

    boolean contains(long offset) {
        return times.containsKey(offset);
    }
}
