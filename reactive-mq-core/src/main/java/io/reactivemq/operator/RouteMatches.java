package io.reactivemq.operator;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The queues found for one element, each once. For one thread at a time, and used again. */
final class RouteMatches<T> implements Consumer<RouteFeed<T>> {

    /** Up to so many a look through the list costs less than a set. */
    private static final int SCAN_MAX = 16;

    final TopicTrie.Walk<RouteFeed<T>> walk = new TopicTrie.Walk<>();

    private final List<RouteFeed<T>> queues = new ArrayList<>();
    private @Nullable Set<RouteFeed<T>> known;

    @Override
    public void accept(RouteFeed<T> queue) {
        if (known != null) {
            if (known.add(queue)) {
                queues.add(queue);
            }
        } else if (!queues.contains(queue)) {
            queues.add(queue);
            if (queues.size() > SCAN_MAX) {
                known = Collections.newSetFromMap(new IdentityHashMap<>());
                known.addAll(queues);
            }
        }
    }

    void clear() {
        queues.clear();
        known = null;
    }

    int size() {
        return queues.size();
    }

    RouteFeed<T> get(int index) {
        return queues.get(index);
    }
}
