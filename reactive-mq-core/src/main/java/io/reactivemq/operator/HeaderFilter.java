package io.reactivemq.operator;

import io.reactivemq.Headers;
import java.util.function.Predicate;

/**
 * A predicate over headers that can be written as JSON and read back: see {@link Filters}, which makes them. Immutable; equal to
 * another that says the same in the same order.
 */
public sealed interface HeaderFilter extends Predicate<Headers>
        permits FilterNode.AllOf, FilterNode.AnyOf, FilterNode.Named {

    /** Whether a message with these headers passes. */
    @Override
    boolean test(Headers headers);

    /** Passes what both pass. */
    default HeaderFilter and(HeaderFilter other) {
        return Filters.all(this, other);
    }

    /** Passes what either passes. */
    default HeaderFilter or(HeaderFilter other) {
        return Filters.any(this, other);
    }

    /** The form that {@link Filters#parse} reads: what it makes of this is equal to this. */
    String toJson();
}
