package io.reactivemq;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The headers of a record, in order; a name may occur more than once. Immutable: {@link #with} returns a new value.
 */
public final class Headers implements Iterable<Header> {

    private static final Headers EMPTY = new Headers(List.of());

    private final List<Header> headers;

    private Headers(List<Header> headers) {
        this.headers = headers;
    }

    public static Headers empty() {
        return EMPTY;
    }

    public static Headers of(Header... headers) {
        return of(List.of(headers));
    }

    public static Headers of(List<Header> headers) {
        return headers.isEmpty() ? EMPTY : new Headers(List.copyOf(headers));
    }

    /** These headers followed by one more. */
    public Headers with(Header header) {
        List<Header> all = new ArrayList<>(headers.size() + 1);
        all.addAll(headers);
        all.add(header);
        return new Headers(List.copyOf(all));
    }

    /** These headers followed by one more, its value in UTF-8. */
    public Headers with(String key, String value) {
        return with(Header.of(key, value));
    }

    /** These headers followed by one more. */
    public Headers with(String key, byte @Nullable [] value) {
        return with(Header.of(key, value));
    }

    /** The last header of that name, which by Kafka's convention is the one that counts; null where there is none. */
    public @Nullable Header last(String key) {
        for (int i = headers.size() - 1; i >= 0; i--) {
            if (headers.get(i).key().equals(key)) {
                return headers.get(i);
            }
        }
        return null;
    }

    /** The last value of that name read as UTF-8; null where there is none or it is null. */
    public @Nullable String lastAsString(String key) {
        Header header = last(key);
        return header == null ? null : header.valueAsString();
    }

    public int size() {
        return headers.size();
    }

    public boolean isEmpty() {
        return headers.isEmpty();
    }

    /** The headers in order, unmodifiable. */
    public List<Header> asList() {
        return headers;
    }

    @Override
    public Iterator<Header> iterator() {
        return headers.iterator();
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Headers that && headers.equals(that.headers);
    }

    @Override
    public int hashCode() {
        return headers.hashCode();
    }

    @Override
    public String toString() {
        return headers.toString();
    }
}
