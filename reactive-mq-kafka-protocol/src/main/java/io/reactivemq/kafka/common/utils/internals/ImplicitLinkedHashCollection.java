package io.reactivemq.kafka.common.utils.internals;

import java.util.AbstractCollection;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/**
 * What the message classes keep elements with keys in: a list. It stands in for Kafka's hash table of that name, which looks for a place for each
 * element that is read from a request behind all others of the same hash: a client that sends 100,000 equal keys, or keys whose hashes are equal,
 * keeps such a table busy for hours. Here an element is put at the end, whatever its key, and costs the same as in any list of a message.
 *
 * <p>Elements with equal keys are kept, all of them, as Kafka's messages keep them. {@link #find} walks through the list: it is for a few
 * questions, and who has many makes an index.
 *
 * @param <E> the elements
 */
public class ImplicitLinkedHashCollection<E extends ImplicitLinkedHashCollection.Element>
        extends AbstractCollection<E> {

    /** Where no element stands: what Kafka's message classes begin with. */
    public static final int INVALID_INDEX = -2;

    private final List<E> elements;

    /** An element with a key. The places are for Kafka's table; nobody asks for them here. */
    public interface Element {

        /** The place of the one before. */
        int prev();

        /** Sets the place of the one before. */
        void setPrev(int prev);

        /** The place of the one behind. */
        int next();

        /** Sets the place of the one behind. */
        void setNext(int next);

        /** Whether the other is an element of the same key. */
        default boolean elementKeysAreEqual(Object other) {
            return equals(other);
        }
    }

    /** Without elements. */
    public ImplicitLinkedHashCollection() {
        this(0);
    }

    /** Without elements, with room for some. */
    public ImplicitLinkedHashCollection(int expected) {
        elements = new ArrayList<>(expected);
    }

    /** With the elements that there are. */
    public ImplicitLinkedHashCollection(Iterator<E> initial) {
        this(0);
        initial.forEachRemaining(elements::add);
    }

    @Override
    public final boolean add(E element) {
        return elements.add(element);
    }

    /** As {@link #add}, which always succeeds here. */
    public final void mustAdd(E element) {
        elements.add(element);
    }

    /** The first element of that key, null if there is none. */
    public final E find(E key) {
        for (E element : elements) {
            if (key.elementKeysAreEqual(element)) {
                return element;
            }
        }
        return null;
    }

    @Override
    public final Iterator<E> iterator() {
        return elements.iterator();
    }

    @Override
    public final int size() {
        return elements.size();
    }

    /** Whether the other has equal elements in the same order. */
    @Override
    public boolean equals(Object other) {
        return other instanceof ImplicitLinkedHashCollection<?> that && elements.equals(that.elements);
    }

    @Override
    public int hashCode() {
        return elements.hashCode();
    }
}
