package io.reactivemq.operator;

import io.reactivemq.Headers;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The bindings of a router: which queues an element goes to. Bindings of a queue count: it is bound until each is removed.
 *
 * <p>Many threads may look up while others change; a lookup may or may not see what is changed meanwhile.
 *
 * @param <B> what a queue is bound by
 */
interface RouteTable<T, B> {

    /** Throws what a user should see if nothing can be bound by it. */
    void check(B binding);

    /** Checked, too. */
    void add(B binding, RouteFeed<T> queue);

    void remove(B binding, RouteFeed<T> queue);

    /** Adds the queues that are bound for the element. */
    void match(T element, RouteMatches<T> matches);

    /** By the equal key. */
    final class Direct<T> implements RouteTable<T, String> {

        private final Function<? super T, String> routingKey;
        private final Map<String, List<RouteFeed<T>>> queues = new ConcurrentHashMap<>();

        Direct(Function<? super T, String> routingKey) {
            this.routingKey = routingKey;
        }

        @Override
        public void check(String key) {
            Objects.requireNonNull(key, "key");
        }

        @Override
        public void add(String key, RouteFeed<T> queue) {
            queues.compute(key, (k, bound) -> {
                List<RouteFeed<T>> all = bound == null ? new CopyOnWriteArrayList<>() : bound;
                all.add(queue);
                return all;
            });
        }

        @Override
        public void remove(String key, RouteFeed<T> queue) {
            queues.computeIfPresent(key, (k, bound) -> {
                bound.remove(queue);
                return bound.isEmpty() ? null : bound;
            });
        }

        @Override
        public void match(T element, RouteMatches<T> matches) {
            List<RouteFeed<T>> bound = queues.get(key(routingKey, element));
            if (bound != null) {
                bound.forEach(matches);
            }
        }
    }

    /** By a pattern of words. */
    final class Topic<T> implements RouteTable<T, String> {

        private final Function<? super T, String> routingKey;
        private final TopicTrie<RouteFeed<T>> trie = new TopicTrie<>();

        Topic(Function<? super T, String> routingKey) {
            this.routingKey = routingKey;
        }

        @Override
        public void check(String pattern) {
            TopicTrie.check(pattern);
        }

        @Override
        public void add(String pattern, RouteFeed<T> queue) {
            trie.add(pattern, queue);
        }

        @Override
        public void remove(String pattern, RouteFeed<T> queue) {
            trie.remove(pattern, queue);
        }

        @Override
        public void match(T element, RouteMatches<T> matches) {
            trie.match(key(routingKey, element), matches.walk, matches);
        }
    }

    /** All that are bound. */
    final class Fanout<T> implements RouteTable<T, String> {

        private final List<RouteFeed<T>> queues = new CopyOnWriteArrayList<>();

        @Override
        public void check(String ignored) {
            // anything will do
        }

        @Override
        public void add(String ignored, RouteFeed<T> queue) {
            queues.add(queue);
        }

        @Override
        public void remove(String ignored, RouteFeed<T> queue) {
            queues.remove(queue);
        }

        @Override
        public void match(T element, RouteMatches<T> matches) {
            queues.forEach(matches);
        }
    }

    /** By a predicate; each is tried. */
    final class ByHeaders<T> implements RouteTable<T, Predicate<Headers>> {

        private record Bound<T>(Predicate<Headers> predicate, RouteFeed<T> queue) {}

        private final Function<? super T, Headers> headers;
        private final List<Bound<T>> bindings = new CopyOnWriteArrayList<>();

        ByHeaders(Function<? super T, Headers> headers) {
            this.headers = headers;
        }

        @Override
        public void check(Predicate<Headers> predicate) {
            Objects.requireNonNull(predicate, "predicate");
        }

        @Override
        public void add(Predicate<Headers> predicate, RouteFeed<T> queue) {
            check(predicate);
            bindings.add(new Bound<>(predicate, queue));
        }

        @Override
        public void remove(Predicate<Headers> predicate, RouteFeed<T> queue) {
            bindings.remove(new Bound<>(predicate, queue));
        }

        @Override
        public void match(T element, RouteMatches<T> matches) {
            Headers found = Objects.requireNonNull(headers.apply(element), "the headers of an element are null");
            for (Bound<T> bound : bindings) {
                if (bound.predicate.test(found)) {
                    matches.accept(bound.queue);
                }
            }
        }
    }

    private static <T> String key(Function<? super T, String> routingKey, T element) {
        @Nullable String key = routingKey.apply(element);
        return Objects.requireNonNull(key, "the routing key of an element is null");
    }
}
