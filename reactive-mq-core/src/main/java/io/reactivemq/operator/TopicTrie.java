package io.reactivemq.operator;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
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

    private final Node<V> root = new Node<>(null, "", false, false);

    private int size;

    private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(Object[].class);

    private static final Object[] NONE = new Object[0];

    /**
     * A node, and its children by word: a table with open addressing, at most half full, which is read without a copy of the word. Changed
     * under the trie's lock; a slot goes from empty to a child, from a child to {@code GONE}, and back to a child.
     */
    private static final class Node<V> {

        /** In the place of a child that was removed. No key has a word with a dot. */
        private static final Node<Object> GONE = new Node<>(null, ".", false, false);

        final @Nullable Node<V> parent;
        final String word;
        final int hash;

        /** Stands for none or more words. */
        final boolean many;

        /** Has such a node above it. */
        final boolean belowMany;

        volatile Object[] words = NONE;
        volatile @Nullable Node<V> one;
        volatile @Nullable Node<V> any;

        /** Replaced, never changed. */
        volatile Object[] values = NONE;

        /** By who holds the lock. */
        private int children;

        /** Slots that are not empty. By who holds the lock. */
        private int used;

        Node(@Nullable Node<V> parent, String word, boolean many, boolean belowMany) {
            this.parent = parent;
            this.word = word;
            this.many = many;
            this.belowMany = belowMany;
            this.hash = spread(word.hashCode());
        }

        /** Of the hash code of a word, as String has it: its upper bits count, too. */
        static int spread(int hash) {
            return hash ^ hash >>> 16;
        }

        /** The child whose word is that part of the key. */
        @Nullable Node<V> child(String key, int from, int to, int hash) {
            Object[] table = words;
            int mask = table.length - 1;
            if (mask < 0) {
                return null;
            }
            for (int i = hash & mask; ; i = i + 1 & mask) {
                @SuppressWarnings("unchecked") // only put writes children
                Node<V> child = (Node<V>) SLOT.getAcquire(table, i);
                if (child == null) {
                    return null;
                }
                if (child.hash == hash
                        && child.word.length() == to - from
                        && key.regionMatches(from, child.word, 0, to - from)) {
                    return child;
                }
            }
        }

        @Nullable Node<V> child(String word) {
            return child(word, 0, word.length(), spread(word.hashCode()));
        }

        void put(Node<V> child) {
            if ((used + 1) * 2 > words.length) {
                Object[] table = new Object[Math.max(2, Integer.highestOneBit(children + 1) << 2)];
                for (Object each : words) {
                    if (each instanceof Node<?> node && node != GONE) {
                        insert(table, node);
                    }
                }
                used = children;
                words = table;
            }
            insert(words, child);
            used++;
            children++;
        }

        private static void insert(Object[] table, Node<?> child) {
            int mask = table.length - 1;
            int i = child.hash & mask;
            while (table[i] != null) {
                i = i + 1 & mask;
            }
            SLOT.setRelease(table, i, child);
        }

        void remove(Node<V> child) {
            Object[] table = words;
            for (int i = 0; i < table.length; i++) {
                if (table[i] == child) {
                    SLOT.setRelease(table, i, GONE);
                    children--;
                }
            }
            if (children == 0) {
                used = 0;
                words = NONE;
            }
        }

        boolean isEmpty() {
            return values.length == 0 && children == 0 && one == null && any == null;
        }
    }

    /** The nodes reached while a key is matched. For one thread at a time. */
    static final class Walk<V> {

        private List<Node<V>> reached = new ArrayList<>();
        private List<Node<V>> next = new ArrayList<>();

        /** Of {@code next}, once it is long. */
        private @Nullable Set<Node<V>> known;

        private void begin(Node<V> root) {
            next.clear();
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
                stay(any);
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
        Node<V> child = node.child(word);
        if (child == null) {
            child = new Node<>(node, word, false, belowMany);
            node.put(child);
        }
        return child;
    }

    /** Removes what one {@link #add} has added; false if there is none. */
    synchronized boolean remove(String pattern, V value) {
        Node<V> node = root;
        for (String word : words(pattern)) {
            Node<V> child =
                    word.equals("#") ? (node.many ? node : node.any) : word.equals("*") ? node.one : node.child(word);
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
                parent.remove(node);
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
        for (Object child : node.words) {
            if (child instanceof Node<?> each && each != Node.GONE) {
                count += count(each);
            }
        }
        return count;
    }

    /** Hands out the values of all patterns that match; one that is under several comes several times. */
    void match(String key, Walk<V> walk, Consumer<? super V> found) {
        checkLength("a routing key", key);
        walk.begin(root);
        int length = key.length();
        int hash = 0;
        int from = 0;
        for (int at = 0; at <= length && length > 0; at++) {
            char c = at == length ? '.' : key.charAt(at);
            if (c != '.') {
                hash = 31 * hash + c;
                continue;
            }
            advance(walk, key, from, at, Node.spread(hash));
            if (walk.reached.isEmpty()) {
                return;
            }
            hash = 0;
            from = at + 1;
        }
        List<Node<V>> reached = walk.reached;
        for (int i = 0; i < reached.size(); i++) {
            hand(reached.get(i).values, found);
        }
    }

    private static <V> void advance(Walk<V> walk, String key, int from, int to, int hash) {
        List<Node<V>> reached = walk.reached;
        int count = reached.size();
        // first those that stay, so that none is reached a second time
        for (int i = 0; i < count; i++) {
            Node<V> node = reached.get(i);
            if (node.many) {
                walk.stay(node);
            }
        }
        for (int i = 0; i < count; i++) {
            Node<V> node = reached.get(i);
            Node<V> child = node.child(key, from, to, hash);
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
