package io.reactivemq.operator;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Which keys wait in a buffer, so that a newer value can take the place of the one that waits. What waits in the ring is a
 * {@link Place} for each key, with room for one value.
 *
 * <p>One producer at a time; the consumer needs only {@link Place#take}. Both meet in the value of a place: whoever takes it leaves null
 * behind, and a place that is empty takes no value again, so that each value leaves once.
 *
 * <p>The producer learns of places that were taken when it adds one: the oldest are looked at then. So it may remember, at
 * most, the keys of as many places as the ring holds, and it does so until the next key comes.
 */
final class Conflater<T> {

    private final Function<? super T, ?> keyFn;
    private final Map<Object, Place<T>> byKey = new HashMap<>();

    /** In the order in which they were added, which is that in which they are taken. */
    private final Deque<Place<T>> places = new ArrayDeque<>();

    /** Where the value of a key waits. */
    static final class Place<T> {

        private static final VarHandle VALUE = value();

        private final Object key;

        /** Null once taken. */
        private volatile @Nullable T value;

        Place(Object key, T value) {
            this.key = key;
            this.value = value;
        }

        private static VarHandle value() {
            try {
                return MethodHandles.lookup().findVarHandle(Place.class, "value", Object.class);
            } catch (ReflectiveOperationException e) {
                throw new ExceptionInInitializerError(e);
            }
        }

        /** By who has taken this place out of the ring. */
        @SuppressWarnings("unchecked") // nothing else is written
        T take() {
            return (T) VALUE.getAndSet(this, null);
        }

        /** Gives it a newer value and returns the older one; null if that has been taken, and the newer one not. */
        private @Nullable T replace(T newer) {
            T older = value;
            return older != null && VALUE.compareAndSet(this, older, newer) ? older : null;
        }
    }

    Conflater(Function<? super T, ?> keyFn) {
        this.keyFn = keyFn;
    }

    /** What the user's function makes of an element. */
    Object keyOf(T element) {
        return Objects.requireNonNull(keyFn.apply(element), () -> "keyFn returned null for " + element);
    }

    /** Puts the element in the place of the one that waits with this key and returns that; null if none waits. */
    @Nullable T replace(Object key, T element) {
        Place<T> place = byKey.get(key);
        return place == null ? null : place.replace(element);
    }

    /** A new place for a key none waits with. To be added to the ring next. If a key throws, it is as if this had not been called. */
    Place<T> add(Object key, T element) {
        for (Place<T> oldest = places.peek(); oldest != null && oldest.value == null; oldest = places.peek()) {
            places.remove();
            byKey.remove(oldest.key, oldest);
        }
        Place<T> place = new Place<>(key, element);
        byKey.put(key, place);
        places.add(place);
        return place;
    }

    /** Forgets the place that was added last, and was not added to the ring. */
    void takeBack(Place<T> place) {
        places.removeLast();
        // first, so that it takes no value even if its key throws now
        place.value = null;
        byKey.remove(place.key, place);
    }

    /** How many places it remembers. */
    int size() {
        return places.size();
    }
}
