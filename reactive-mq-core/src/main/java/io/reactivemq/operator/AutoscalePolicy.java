package io.reactivemq.operator;

import io.reactivemq.operator.Autoscale.Load;

/**
 * How many members are wished for: a pure function of what was decided before, a load, and the time.
 *
 * <p>Needed is what keeps up with the arrivals and empties the queue in the time allowed: {@code (arrivals + depth / timeToEmpty) /
 * perMember}. Between the point where more are wished for, {@code members * (1 + tolerance)}, and the one where fewer are, {@code
 * (members - 1) * (1 - tolerance)}, nothing changes; and a change goes to a number around which the load would have to move that far to
 * change it again.
 */
record AutoscalePolicy(
        int min,
        int max,
        double timeToEmptySeconds,
        double tolerance,
        long upAfterNanos,
        long downAfterNanos,
        long coolDownNanos) {

    private enum Direction {
        NONE,
        UP,
        DOWN
    }

    /**
     * What is remembered between two loads.
     *
     * @param members the wish
     * @param sinceNanos when the load began to ask for a change in the direction of {@code tendency}
     * @param neededMost the most that was needed since
     * @param changed the direction of the last change
     * @param changedNanos when that was
     */
    record State(
            int members, Direction tendency, long sinceNanos, double neededMost, Direction changed, long changedNanos) {

        static State of(int members) {
            return new State(members, Direction.NONE, 0, 0, Direction.NONE, 0);
        }
    }

    State decide(State state, Load load, long nowNanos) {
        double needed = needed(load);
        Direction direction = direction(state.members, needed);
        if (direction == Direction.NONE) {
            return new State(state.members, direction, nowNanos, 0, state.changed, state.changedNanos);
        }
        boolean goesOn = direction == state.tendency;
        long since = goesOn ? state.sinceNanos : nowNanos;
        double most = goesOn ? Math.max(needed, state.neededMost) : needed;
        long after = direction == Direction.UP ? upAfterNanos : downAfterNanos;
        boolean turns = state.changed != Direction.NONE && state.changed != direction;
        if (nowNanos - since < after || (turns && nowNanos - state.changedNanos < coolDownNanos)) {
            return new State(state.members, direction, since, most, state.changed, state.changedNanos);
        }
        int members = direction == Direction.UP ? atLeast(needed) : atLeast(most / (1 - tolerance));
        return new State(members, Direction.NONE, nowNanos, 0, direction, nowNanos);
    }

    private double needed(Load load) {
        return (load.arrivalsPerSecond() + load.depth() / timeToEmptySeconds) / load.perMemberPerSecond();
    }

    private Direction direction(int members, double needed) {
        if (members < max && needed > members * (1 + tolerance)) {
            return Direction.UP;
        }
        boolean fewerDo = needed < (members - 1) * (1 - tolerance) || needed == 0;
        return members > min && fewerDo ? Direction.DOWN : Direction.NONE;
    }

    /** The next whole number, within the bounds. */
    private int atLeast(double needed) {
        return (int) Math.max(min, Math.min(max, Math.ceil(needed)));
    }
}
