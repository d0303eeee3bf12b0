package io.reactivemq.operator;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Values under topic patterns, found by the words of a key and not by trying one pattern after the other.
 *
 * <p>A pattern is words with dots between them; {@code *} stands for one word, {@code #} for none or more. The patterns form a
 * tree, a word an edge. A key is matched by walking all branches that fit at once, word by word: the nodes reached so far, then those reached
 * with the next word. A node of {@code #} stays reached, and is reached with its parent. Each node counts once,
 * however many ways lead there, so the work is bounded by words times nodes reached, also for patterns of many {@code #},
 * where trying each length in turn would grow exponentially.
 *
 * <p>{@code #.#} is the same as {@code #} and stored as such. An empty key or pattern has no words; between two dots that touch is
 * an empty word, which {@code *} takes, as in RabbitMQ.
 *
 * <p>Many threads may match while others add and remove: a match sees what was added before it began, and may or may not see what is changed
 * meanwhile. Changes take a lock, matches none.
 */
final class TopicTrie<V> {

    /** As of AMQP's routing keys. */
    static final int KEY_LENGTH_MAX = 255;

    /** Below it no node that stands for none or more words repeats another. */
    private static final int SCAN_MAX = 16;

    private final Node<V> root = new Node<>(null, "", false, false);

    private int size;

    private static final class Node<V> {

        final @Nullable Node<V> parent;
        final String word;

        /** Stands for none or more words. */
        final boolean many;

        /** Has such a node above it. */
        final boolean belowMany;

        final Map<String, Node<V>> words = new ConcurrentHashMap<>(2);
        volatile @Nullable Node<V> one;
        volatile @Nullable Node<V> any;

        /** Replaced, never changed. */
        volatile Object[] values = NONE;

        private static final Object[] NONE = new Object[0];

        Node(@Nullable Node<V> parent, String word, boolean many, boolean belowMany) {
            this.parent = parent;
            this.word = word;
            this.many = many;
            this.belowMany = belowMany;
        }

        boolean isEmpty() {
            return values.length == 0 && words.isEmpty() && one == null && any == null;
        }
    }

    /** The nodes reached while a key is matched. For one thread at a time. */
    static final class Walk<V> {

        private List<Node<V>> reached = new ArrayList<>();
        private List<Node<V>> next = new ArrayList<>();

        /** Of {@code next}, nodes of none or more words; only where there are many. */
        private @Nullable Set<Node<V>> known;

        private void begin(Node<V> root) {
            reached.clear();
            reach(root);
            step();
        }

        private void step() {
            List<Node<V>> before = reached;
            reached = next;
            next = before;
            next.clear();
            known = null;
        }

        /** With its child that stands for none or more words, which may have been reached before. */
        private void reach(Node<V> node) {
            next.add(node);
            Node<V> any = node.any;
            if (any != null && !(node.belowMany && isReached(any))) {
                next.add(any);
                if (known != null) {
                    known.add(any);
                }
            }
        }

        private boolean isReached(Node<V> any) {
            if (next.size() <= SCAN_MAX) {
                return next.contains(any);
            }
            if (known == null) {
                known = Collections.newSetFromMap(new IdentityHashMap<>());
                known.addAll(next);
            }
            return known.contains(any);
        }

        private void stay(Node<V> node) {
            next.add(node);
            if (known != null) {
                known.add(node);
            }
        }
    }

    /** Throws what a user should see if it is no pattern. */
    static void check(String pattern) {
        checkLength("a topic pattern", pattern);
        for (String word : words(pattern)) {
            boolean wild = word.indexOf('*') >= 0 || word.indexOf('#') >= 0;
            if (wild && word.length() > 1) {
                throw new IllegalArgumentException("in a topic pattern * and # stand for whole words, but one of '"
                        + pattern + "' is '" + word + "'");
            }
        }
    }

    private static void checkLength(String what, String text) {
        if (text.length() > KEY_LENGTH_MAX) {
            throw new IllegalArgumentException(what + " has at most " + KEY_LENGTH_MAX + " characters, but this has "
                    + text.length() + ": '" + text.substring(0, 40) + "...'");
        }
    }

    static List<String> words(String text) {
        List<String> words = new ArrayList<>();
        if (!text.isEmpty()) {
            int from = 0;
            for (int dot = text.indexOf('.'); dot >= 0; dot = text.indexOf('.', from)) {
                words.add(text.substring(from, dot));
                from = dot + 1;
            }
            words.add(text.substring(from));
        }
        return words;
    }

    /** The same value may be added more than once, and counts as often. */
    synchronized void add(String pattern, V value) {
        check(pattern);
        Node<V> node = root;
        for (String word : words(pattern)) {
            node = childFor(node, word);
        }
        Object[] values = node.values;
        Object[] more = new Object[values.length + 1];
        System.arraycopy(values, 0, more, 0, values.length);
        more[values.length] = value;
        node.values = more;
        size++;
    }

    private static <V> Node<V> childFor(Node<V> node, String word) {
        boolean belowMany = node.many || node.belowMany;
        if (word.equals("#")) {
            if (node.many) {
                return node;
            }
            Node<V> any = node.any;
            if (any == null) {
                any = new Node<>(node, word, true, belowMany);
                node.any = any;
            }
            return any;
        }
        if (word.equals("*")) {
            Node<V> one = node.one;
            if (one == null) {
                one = new Node<>(node, word, false, belowMany);
                node.one = one;
            }
            return one;
        }
        return node.words.computeIfAbsent(word, w -> new Node<>(node, w, false, belowMany));
    }

    /** Removes what one {@link #add} has added; false if there is none. */
    synchronized boolean remove(String pattern, V value) {
        Node<V> node = root;
        for (String word : words(pattern)) {
            Node<V> child = word.equals("#")
                    ? (node.many ? node : node.any)
                    : word.equals("*") ? node.one : node.words.get(word);
            if (child == null) {
                return false;
            }
            node = child;
        }
        Object[] values = node.values;
        for (int i = 0; i < values.length; i++) {
            if (values[i] == value) {
                Object[] fewer = new Object[values.length - 1];
                System.arraycopy(values, 0, fewer, 0, i);
                System.arraycopy(values, i + 1, fewer, i, fewer.length - i);
                node.values = fewer;
                size--;
                prune(node);
                return true;
            }
        }
        return false;
    }

    private static <V> void prune(Node<V> leaf) {
        Node<V> node = leaf;
        while (node.parent != null && node.isEmpty()) {
            Node<V> parent = node.parent;
            if (parent.any == node) {
                parent.any = null;
            } else if (parent.one == node) {
                parent.one = null;
            } else {
                parent.words.remove(node.word);
            }
            node = parent;
        }
    }

    /** How many were added and not removed. */
    synchronized int size() {
        return size;
    }

    /** How many nodes there are besides the root: none when all is removed. */
    synchronized int nodes() {
        return count(root) - 1;
    }

    private static <V> int count(@Nullable Node<V> node) {
        if (node == null) {
            return 0;
        }
        int count = 1 + count(node.one) + count(node.any);
        for (Node<V> child : node.words.values()) {
            count += count(child);
        }
        return count;
    }

    /** Hands out the values of all patterns that match; one that is under several comes several times. */
    void match(String key, Walk<V> walk, Consumer<? super V> found) {
        checkLength("a routing key", key);
        walk.begin(root);
        int length = key.length();
        for (int from = 0; from <= length && length > 0; ) {
            int dot = key.indexOf('.', from);
            int to = dot < 0 ? length : dot;
            advance(walk, key.substring(from, to));
            if (walk.reached.isEmpty()) {
                return;
            }
            from = to + 1;
        }
        List<Node<V>> reached = walk.reached;
        for (int i = 0; i < reached.size(); i++) {
            hand(reached.get(i).values, found);
        }
    }

    private static <V> void advance(Walk<V> walk, String word) {
        List<Node<V>> reached = walk.reached;
        // first those that stay, so that none is reached a second time
        for (int i = 0; i < reached.size(); i++) {
            Node<V> node = reached.get(i);
            if (node.many) {
                walk.stay(node);
            }
        }
        for (int i = 0; i < reached.size(); i++) {
            Node<V> node = reached.get(i);
            Node<V> child = node.words.get(word);
            if (child != null) {
                walk.reach(child);
            }
            Node<V> one = node.one;
            if (one != null) {
                walk.reach(one);
            }
        }
        walk.step();
    }

    @SuppressWarnings("unchecked") // only add writes values
    private static <V> void hand(Object[] values, Consumer<? super V> found) {
        for (Object value : values) {
            found.accept((V) value);
        }
    }
}
