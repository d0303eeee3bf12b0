package io.reactivemq.operator;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
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

    private final TopicNode<V> root = new TopicNode<>(null, TopicNode.NO_WORD, false, false);

    /** The words of all patterns, by themselves. By who holds the lock. */
    private final Map<String, Shared> words = new HashMap<>();

    private int size;

    /** A word, and in how many nodes it is. */
    private static final class Shared {

        final char[] word;
        int nodes;

        Shared(String word) {
            this.word = word.toCharArray();
        }
    }

    /** The nodes reached while a key is matched. For one thread at a time. */
    static final class Walk<V> {

        /** The key, whose characters cost less from here than from a string. */
        private final char[] key = new char[KEY_LENGTH_MAX];

        private TopicNode<V>[] reached = nodes(SCAN_MAX);
        private int count;

        private TopicNode<V>[] next = nodes(SCAN_MAX);
        private int nextCount;

        /** Of {@code next}, once it is long. */
        private @Nullable Set<TopicNode<V>> known;

        @SuppressWarnings({"unchecked", "rawtypes"}) // Java has no arrays of generic types
        private static <V> TopicNode<V>[] nodes(int length) {
            return new TopicNode[length];
        }

        private void begin(TopicNode<V> root) {
            nextCount = 0;
            reach(root);
            step();
        }

        private void step() {
            TopicNode<V>[] before = reached;
            reached = next;
            count = nextCount;
            next = before;
            nextCount = 0;
            known = null;
        }

        /** With its child that stands for none or more words, which may have been reached before. */
        private void reach(TopicNode<V> node) {
            stay(node);
            TopicNode<V> any = node.any;
            if (any != null && !(node.belowMany && isReached(any))) {
                stay(any);
            }
        }

        private boolean isReached(TopicNode<V> any) {
            Set<TopicNode<V>> all = known;
            if (all != null) {
                return all.contains(any);
            }
            if (nextCount <= SCAN_MAX) {
                for (int i = 0; i < nextCount; i++) {
                    if (next[i] == any) {
                        return true;
                    }
                }
                return false;
            }
            all = Collections.newSetFromMap(new IdentityHashMap<>());
            all.addAll(Arrays.asList(next).subList(0, nextCount));
            known = all;
            return all.contains(any);
        }

        private void stay(TopicNode<V> node) {
            if (nextCount == next.length) {
                next = Arrays.copyOf(next, nextCount * 2);
            }
            next[nextCount++] = node;
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
        TopicNode<V> node = root;
        for (String word : words(pattern)) {
            node = childFor(node, word);
        }
        node.add(value);
        size++;
    }

    private TopicNode<V> childFor(TopicNode<V> node, String word) {
        TopicNode<V> child = find(node, word);
        if (child != null) {
            return child;
        }
        boolean belowMany = node.many || node.belowMany;
        if (word.equals("#")) {
            child = new TopicNode<>(node, TopicNode.NO_WORD, true, belowMany);
            node.any = child;
        } else if (word.equals("*")) {
            child = new TopicNode<>(node, TopicNode.NO_WORD, false, belowMany);
            node.one = child;
        } else {
            Shared shared = words.computeIfAbsent(word, Shared::new);
            shared.nodes++;
            child = new TopicNode<>(node, shared.word, false, belowMany);
            node.put(child);
        }
        return child;
    }

    private static <V> @Nullable TopicNode<V> find(TopicNode<V> node, String word) {
        return switch (word) {
            case "#" -> node.many ? node : node.any;
            case "*" -> node.one;
            default -> node.child(word.toCharArray());
        };
    }

    /** Removes what one {@link #add} has added; false if there is none. */
    synchronized boolean remove(String pattern, V value) {
        TopicNode<V> node = root;
        for (String word : words(pattern)) {
            TopicNode<V> child = find(node, word);
            if (child == null) {
                return false;
            }
            node = child;
        }
        if (!node.removeValue(value)) {
            return false;
        }
        size--;
        prune(node);
        return true;
    }

    private void prune(TopicNode<V> leaf) {
        TopicNode<V> node = leaf;
        for (TopicNode<V> parent = node.parent; parent != null && node.isEmpty(); parent = node.parent) {
            if (parent.any != node && parent.one != node) {
                words.computeIfPresent(new String(node.word), (word, shared) -> --shared.nodes == 0 ? null : shared);
            }
            parent.remove(node);
            node = parent;
        }
    }

    /** How many were added and not removed. */
    synchronized int size() {
        return size;
    }

    /** How many nodes there are besides the root: none when all is removed. */
    synchronized int nodes() {
        return root.count() - 1;
    }

    /** How many words are kept for the nodes: none when all is removed. */
    synchronized int wordsKept() {
        return words.size();
    }

    /** Hands out the values of all patterns that match; one that is under several comes several times. */
    void match(String key, Walk<V> walk, Consumer<? super V> found) {
        checkLength("a routing key", key);
        int length = key.length();
        char[] text = walk.key;
        key.getChars(0, length, text, 0);
        walk.begin(root);
        for (int from = 0; from <= length && length > 0 && walk.count > 0; ) {
            int hash = 0;
            int to = from;
            while (to < length && text[to] != '.') {
                hash = 31 * hash + text[to++];
            }
            advance(walk, from, to, TopicNode.spread(hash));
            from = to + 1;
        }
        for (int i = 0; i < walk.count; i++) {
            walk.reached[i].handOut(found);
        }
    }

    private static <V> void advance(Walk<V> walk, int from, int to, int hash) {
        TopicNode<V>[] reached = walk.reached;
        int count = walk.count;
        // first those that stay, so that none is reached a second time
        for (int i = 0; i < count; i++) {
            if (reached[i].many) {
                walk.stay(reached[i]);
            }
        }
        for (int i = 0; i < count; i++) {
            TopicNode<V> node = reached[i];
            TopicNode<V> child = node.child(walk.key, from, to, hash);
            if (child != null) {
                walk.reach(child);
            }
            TopicNode<V> one = node.one;
            if (one != null) {
                walk.reach(one);
            }
        }
        walk.step();
    }
}
