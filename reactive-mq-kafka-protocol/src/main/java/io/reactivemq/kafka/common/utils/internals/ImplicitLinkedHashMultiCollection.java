package io.reactivemq.kafka.common.utils.internals;

import java.util.Iterator;
import java.util.List;

/**
 * The supertype of the message classes' collections.
 *
 * @param <E> the elements
 */
public class ImplicitLinkedHashMultiCollection<E extends ImplicitLinkedHashCollection.Element>
        extends ImplicitLinkedHashCollection<E> {

    /** Without elements. */
    public ImplicitLinkedHashMultiCollection() {}

    /** Without elements, with room for some. */
    public ImplicitLinkedHashMultiCollection(int expected) {
        super(expected);
    }

    /** With the elements that there are. */
    public ImplicitLinkedHashMultiCollection(Iterator<E> initial) {
        super(initial);
    }

    /** All elements of that key, in their order. */
    public final List<E> findAll(E key) {
        return stream().filter(key::elementKeysAreEqual).toList();
    }
}
