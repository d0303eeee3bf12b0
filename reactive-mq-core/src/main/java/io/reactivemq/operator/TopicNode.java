package io.reactivemq.operator;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A node of a {@link TopicTrie}: what is below it by word and by wildcard, and the values of the patterns that end here.
 *
 * <p><b>Layout.</b> With many bindings a match costs what its cache misses cost, so there are few steps from a node to what it
 * leads to: the first child and the first value are in the node itself, and as most nodes have but one of each, most have no more. The other
 * children are in a table with open addressing, at most half full. A word is characters that equal words of all patterns
 * share, and is compared in place with a part of the key.
 *
 * <p><b>Threads.</b> Changed under the trie's lock, read without. A child or value is put in one place and stays in that one until it is
 * removed, so who reads meanwhile misses none that was there before and after. A slot of the table goes from empty to a child, from a
 * child to {@code GONE}, and stays that until the table is replaced.
 */
final class TopicNode<V> {

    static final char[] NO_WORD = {};

    private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(Object[].class);
    private static final Object[] NONE = {};

    /** In the place of a child that was removed. No key has a word with a dot. */
    private static final TopicNode<Object> GONE = new TopicNode<>(null, new char[] {'.'}, false, false);

    final @Nullable TopicNode<V> parent;

    /** Not to be changed. That of a wildcard does not matter. */
    final char[] word;

    final int hash;

    /** Stands for none or more words. */
    final boolean many;

    /** Has such a node above it. */
    final boolean belowMany;

    /** The child that stands for one word, whichever. */
    volatile @Nullable TopicNode<V> one;

    /** The child that stands for none or more words. */
    volatile @Nullable TopicNode<V> any;

    /** A child by its word. */
    private volatile @Nullable TopicNode<V> first;

    /** The other children by their words. */
    private volatile Object[] others = NONE;

    private volatile @Nullable V value;

    /** The other values. Replaced, never changed. */
    private volatile Object[] values = NONE;

    /** In {@code others}. By who holds the lock. */
    private int children;

    /** Slots of {@code others} that are not empty. By who holds the lock. */
    private int used;

    TopicNode(@Nullable TopicNode<V> parent, char[] word, boolean many, boolean belowMany) {
        this.parent = parent;
        this.word = word;
        this.many = many;
        this.belowMany = belowMany;
        this.hash = hash(word, 0, word.length);
    }

    /** Of a word. Its upper bits count in the lower ones, which choose a slot. */
    static int hash(char[] text, int from, int to) {
        int hash = 0;
        for (int i = from; i < to; i++) {
            hash = 31 * hash + text[i];
        }
        return spread(hash);
    }

    static int spread(int hash) {
        return hash ^ hash >>> 16;
    }

    // children

    /** The child whose word is that part of the key. */
    @Nullable TopicNode<V> child(char[] key, int from, int to, int hash) {
        TopicNode<V> node = first;
        if (node != null && node.is(key, from, to, hash)) {
            return node;
        }
        Object[] table = others;
        int mask = table.length - 1;
        if (mask < 0) {
            return null;
        }
        for (int i = hash & mask; ; i = i + 1 & mask) {
            @SuppressWarnings("unchecked") // only put writes children
            TopicNode<V> child = (TopicNode<V>) SLOT.getAcquire(table, i);
            if (child == null || child.is(key, from, to, hash)) {
                return child;
            }
        }
    }

    private boolean is(char[] key, int from, int to, int hash) {
        return this.hash == hash && Arrays.equals(word, 0, word.length, key, from, to);
    }

    @Nullable TopicNode<V> child(char[] word) {
        return child(word, 0, word.length, hash(word, 0, word.length));
    }

    void put(TopicNode<V> child) {
        if (first == null) {
            first = child;
            return;
        }
        if ((used + 1) * 2 > others.length) {
            Object[] table = new Object[Math.max(4, Integer.highestOneBit(children + 1) << 2)];
            for (Object each : others) {
                if (each instanceof TopicNode<?> node && node != GONE) {
                    insert(table, node);
                }
            }
            used = children;
            others = table;
        }
        insert(others, child);
        used++;
        children++;
    }

    private static void insert(Object[] table, TopicNode<?> child) {
        int mask = table.length - 1;
        int i = child.hash & mask;
        while (table[i] != null) {
            i = i + 1 & mask;
        }
        SLOT.setRelease(table, i, child);
    }

    void remove(TopicNode<V> child) {
        if (any == child) {
            any = null;
        } else if (one == child) {
            one = null;
        } else if (first == child) {
            first = null;
        } else {
            removeOther(child);
        }
    }

    private void removeOther(TopicNode<V> child) {
        Object[] table = others;
        int mask = table.length - 1;
        int i = child.hash & mask;
        while (table[i] != child) {
            i = i + 1 & mask;
        }
        SLOT.setRelease(table, i, GONE);
        children--;
        if (children == 0) {
            used = 0;
            others = NONE;
        }
    }

    // values

    void add(V added) {
        if (value == null) {
            value = added;
            return;
        }
        Object[] before = values;
        Object[] more = Arrays.copyOf(before, before.length + 1);
        more[before.length] = added;
        values = more;
    }

    /** False if it is not here. */
    boolean removeValue(V removed) {
        if (value == removed) {
            value = null;
            return true;
        }
        Object[] before = values;
        for (int i = 0; i < before.length; i++) {
            if (before[i] == removed) {
                Object[] fewer = new Object[before.length - 1];
                System.arraycopy(before, 0, fewer, 0, i);
                System.arraycopy(before, i + 1, fewer, i, fewer.length - i);
                values = fewer;
                return true;
            }
        }
        return false;
    }

    @SuppressWarnings("unchecked") // only add writes values
    void handOut(Consumer<? super V> found) {
        V only = value;
        if (only != null) {
            found.accept(only);
        }
        for (Object each : values) {
            found.accept((V) each);
        }
    }

    boolean isEmpty() {
        return value == null && values.length == 0 && first == null && children == 0 && one == null && any == null;
    }

    /** How many nodes there are from here on. By who holds the lock. */
    int count() {
        int count = 1 + count(one) + count(any) + count(first);
        for (Object child : others) {
            if (child instanceof TopicNode<?> each && each != GONE) {
                count += each.count();
            }
        }
        return count;
    }

    private static int count(@Nullable TopicNode<?> node) {
        return node == null ? 0 : node.count();
    }
}
