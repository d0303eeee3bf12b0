package io.reactivemq.operator;

/** What can be said about an overflow buffer besides its capacity. */
public final class OverflowOptions<T> extends BufferOptions<T, OverflowOptions<T>> {

    OverflowOptions() {}

    @Override
    OverflowOptions<T> self() {
        return this;
    }
}
