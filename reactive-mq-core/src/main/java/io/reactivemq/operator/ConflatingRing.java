package io.reactivemq.operator;

import io.reactivemq.operator.Conflater.Place;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * An {@link EvictingRing} of one place for each key that waits. {@link #replace} comes first, then, if there was nothing to replace,
 * {@link #place} and {@link #put(Place)}.
 */
final class ConflatingRing<E> implements Ring<E> {

    private final Conflater<E> conflater;
    private final EvictingRing<Place<E>> places;

    ConflatingRing(Function<? super E, ?> keyFn, int capacity) {
        conflater = new Conflater<>(keyFn);
        places = new EvictingRing<>(capacity);
    }

    /** What the user's function makes of an element. */
    Object keyOf(E element) {
        return conflater.keyOf(element);
    }

    /** Puts the element in the place of the one that waits with this key and returns that; null if none waits. */
    @Nullable E replace(Object key, E element) {
        return conflater.replace(key, element);
    }

    /** A place for an element whose key does not wait. To be followed by {@link #put(Place)}. */
    Place<E> place(Object key, E element) {
        return conflater.add(key, element);
    }

    /** By the producer: adds it and returns the oldest element if there is one too many; null if not. */
    @Nullable E put(Place<E> place) {
        return valueOf(places.put(place));
    }

    @Override
    public @Nullable E put(E element) {
        return put(place(keyOf(element), element));
    }

    @Override
    public @Nullable E poll() {
        return valueOf(places.poll());
    }

    private static <E> @Nullable E valueOf(@Nullable Place<E> place) {
        return place == null ? null : place.take();
    }

    @Override
    public long currentConsumerIndex() {
        return places.currentConsumerIndex();
    }

    @Override
    public boolean isEmpty() {
        return places.isEmpty();
    }

    @Override
    public int size() {
        return places.size();
    }
}
