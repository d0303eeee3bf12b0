package io.reactivemq.operator;

/** What becomes of an element that finds a buffer full. */
public enum OverflowStrategy {
    /** The one that has waited longest is let go, and the new one taken. */
    DROP_OLDEST("dropOldest"),
    /** The new one is let go. */
    DROP_NEWEST("dropNewest"),
    /** It has to wait outside until there is room: an operator withholds demand, a sink parks whoever emits. */
    BLOCK("block"),
    /** The sequence fails with Reactor's overflow exception. */
    ERROR("error");

    private final String operatorName;

    OverflowStrategy(String operatorName) {
        this.operatorName = operatorName;
    }

    /** The name of the operator with this strategy, as a meter's tag gives it. */
    String operatorName() {
        return operatorName;
    }
}
