package io.reactivemq.operator;

import io.reactivemq.operator.Conflater.Place;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * An {@link EvictingRing} of one place for each key that waits. {@link #replace} comes first, then, if there was nothing to replace,
 * {@link #place}, {@link #offer(Place)} and {@link #evict}.
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

    /** A place for an element whose key does not wait. To be followed by {@link #offer(Place)}. */
    Place<E> place(Object key, E element) {
        return conflater.add(key, element);
    }

    /** To be followed by {@link #evict}. */
    void offer(Place<E> place) {
        places.offer(place);
    }

    @Override
    public boolean offer(E element) {
        return places.offer(place(keyOf(element), element));
    }

    /** By the producer: takes the oldest if there is one too many; null if not. */
    @Nullable E evict() {
        return valueOf(places.evict());
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
