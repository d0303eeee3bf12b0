package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The trie of topic patterns:")
class TopicTrieTest {

    /** Some seven keys each. */
    private static final int SEQUENCES = Integer.getInteger("reactivemq.sequences", 100_000);

    private final TopicTrie<String> trie = new TopicTrie<>();
    private final TopicTrie.Walk<String> walk = new TopicTrie.Walk<>();

    private List<String> match(String key) {
        List<String> found = new ArrayList<>();
        trie.match(key, walk, found::add);
        return found;
    }

    @ParameterizedTest(name = "{0} and {1}: {2}")
    @CsvSource({
        "orders.eu.paid, orders.eu.paid, true",
        "orders.eu.paid, orders.eu, false",
        "orders.eu, orders.eu.paid, false",
        "orders.*, orders.eu, true",
        "orders.*, orders, false",
        "orders.*, orders.eu.paid, false",
        "orders.*.paid, orders.eu.paid, true",
        "*.*.*, a.b.c, true",
        "*, '', false",
        "*, a., false",
        "*.*, a., true",
        "#, '', true",
        "#, a, true",
        "#, a.b.c, true",
        "orders.#, orders, true",
        "orders.#, orders.eu.paid, true",
        "orders.#, order, false",
        "#.paid, paid, true",
        "#.paid, orders.eu.paid, true",
        "#.paid, orders.paid.eu, false",
        "orders.#.paid, orders.paid, true",
        "orders.#.paid, orders.a.b.c.paid, true",
        "#.#, a, true",
        "#.*, '', false",
        "#.*, a, true",
        "*.#, a.b, true",
        "#.a.#, b.a.c, true",
        "#.a.#, b.c, false",
        "#.a.#.b.#, x.a.y.b.z, true",
        "#.a.#.b.#, x.b.y.a.z, false",
        "'', '', true",
        "'', a, false",
        "a..b, a..b, true",
        "a.*.b, a..b, true",
    })
    @DisplayName("R01 a pattern and a key:")
    void table(String pattern, String key, boolean matches) {
        trie.add(pattern, "it");
        assertThat(match(key)).isEqualTo(matches ? List.of("it") : List.of());
        assertThat(naive(pattern, key)).isEqualTo(matches);
    }

    @Test
    @DisplayName("R01 random patterns and keys match as a plain matcher says, while bindings come and go")
    void asThePlainMatcher() {
        Long only = Long.getLong("reactivemq.seed");
        for (long seed = only == null ? 1 : only; seed <= (only == null ? SEQUENCES : only); seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            TopicTrie<String> tree = new TopicTrie<>();
            List<String> plain = new ArrayList<>();
            int steps = random.nextInt(2, 14);
            for (int step = 0; step < steps; step++) {
                if (plain.isEmpty() || random.nextInt(3) > 0) {
                    String pattern = text(random, true);
                    plain.add(pattern);
                    tree.add(pattern, pattern);
                } else {
                    String pattern = plain.remove(random.nextInt(plain.size()));
                    if (!tree.remove(pattern, pattern)) {
                        throw new AssertionError("-Dreactivemq.seed=" + seed + ": no " + pattern);
                    }
                }
                String key = text(random, false);
                List<String> found = new ArrayList<>();
                tree.match(key, walk, found::add);
                List<String> expected = plain.stream()
                        .filter(pattern -> naive(pattern, key))
                        .sorted()
                        .toList();
                if (!found.stream().sorted().toList().equals(expected)) {
                    assertThat(found)
                            .as("-Dreactivemq.seed=%s replays this; %s under %s", seed, key, plain)
                            .containsExactlyInAnyOrderElementsOf(expected);
                }
            }
            assertThat(tree.size()).isEqualTo(plain.size());
            plain.forEach(pattern -> tree.remove(pattern, pattern));
            assertThat(tree.nodes()).isZero();
            assertThat(tree.wordsKept()).isZero();
        }
    }

    @Test
    @DisplayName("R01 a node with many words below it finds each, whichever of them have come and gone")
    void manyWords() {
        SplittableRandom random = new SplittableRandom(7);
        Set<String> there = new HashSet<>();
        for (int step = 0; step < 20_000; step++) {
            // words whose hash codes are the same are among them
            int number = random.nextInt(64);
            // a value is removed by identity
            String word = ((number % 2 == 0 ? "Aa" : "BB") + number / 4 + (number % 4 < 2 ? "AaBB" : "BBAa")).intern();
            if (there.remove(word)) {
                assertThat(trie.remove("a." + word, word)).isTrue();
            } else {
                there.add(word);
                trie.add("a." + word, word);
            }
            String sought = (random.nextBoolean() ? "Aa" : "BB") + random.nextInt(16) + "AaBB";
            assertThat(match("a." + sought)).isEqualTo(there.contains(sought) ? List.of(sought) : List.of());
        }
    }

    /** Few words, so that they meet. A value is the identical string that was added. */
    private static String text(SplittableRandom random, boolean pattern) {
        String[] words = pattern ? new String[] {"a", "b", "", "*", "*", "#", "#"} : new String[] {"a", "b", "c", ""};
        StringBuilder text = new StringBuilder();
        int count = random.nextInt(7);
        for (int i = 0; i < count; i++) {
            text.append(i == 0 ? "" : ".").append(words[random.nextInt(words.length)]);
        }
        return text.toString();
    }

    /** As plain as can be: tries each length for each #. */
    private static boolean naive(String pattern, String key) {
        return naive(TopicTrie.words(pattern), TopicTrie.words(key));
    }

    private static boolean naive(List<String> pattern, List<String> key) {
        if (pattern.isEmpty()) {
            return key.isEmpty();
        }
        List<String> rest = pattern.subList(1, pattern.size());
        if (pattern.get(0).equals("#")) {
            for (int from = 0; from <= key.size(); from++) {
                if (naive(rest, key.subList(from, key.size()))) {
                    return true;
                }
            }
            return false;
        }
        boolean first =
                !key.isEmpty() && (pattern.get(0).equals("*") || pattern.get(0).equals(key.get(0)));
        return first && naive(rest, key.subList(1, key.size()));
    }

    @Test
    @DisplayName("a pattern added twice is found twice, and is there until it is removed twice")
    void twice() {
        String value = "x";
        trie.add("a.#", value);
        trie.add("a.#", value);
        assertThat(match("a.b")).containsExactly("x", "x");
        assertThat(trie.remove("a.#", value)).isTrue();
        assertThat(match("a.b")).containsExactly("x");
        assertThat(trie.remove("a.#", value)).isTrue();
        assertThat(trie.remove("a.#", value)).isFalse();
        assertThat(match("a.b")).isEmpty();
        assertThat(trie.nodes()).isZero();
        assertThat(trie.remove("never.*.#", value)).isFalse();
    }

    @Test
    @DisplayName("patterns and keys of many # and words take time by their nodes, not by the ways through them")
    void noExplosion() {
        String pattern = IntStream.range(0, 20).mapToObj(i -> "#.a").collect(Collectors.joining(".")) + ".#.z";
        for (int i = 0; i < 200; i++) {
            trie.add(pattern, "never");
        }
        // more ways to place the words than there are nanoseconds in a year
        String key = IntStream.range(0, 100).mapToObj(i -> "a").collect(Collectors.joining("."));
        assertThat(match(key)).isEmpty();
        assertThat(match(key + ".z")).hasSize(200);
        // many nodes that stand for any words, reached again and again
        TopicTrie<String> wide = new TopicTrie<>();
        for (int mask = 0; mask < 1 << 10; mask++) {
            int bits = mask;
            wide.add(
                    IntStream.range(0, 10)
                            .mapToObj(i -> "#." + ((bits & 1 << i) == 0 ? "a" : "b"))
                            .collect(Collectors.joining(".")),
                    "x");
        }
        String mixed =
                IntStream.range(0, 60).mapToObj(i -> i % 2 == 0 ? "a" : "b").collect(Collectors.joining("."));
        List<String> found = new ArrayList<>();
        wide.match(mixed, walk, found::add);
        assertThat(found).hasSizeGreaterThan(200);
    }

    @Test
    @DisplayName("a wildcard inside a word, and what is too long, is refused with what is wrong")
    void refused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> trie.add("orders.e*", "x"))
                .withMessage("in a topic pattern * and # stand for whole words, but one of 'orders.e*' is 'e*'");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> trie.add("orders.##", "x"))
                .withMessageContaining("is '##'");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> trie.add("x".repeat(256), "x"))
                .withMessage(
                        "a topic pattern has at most 255 characters, but this has 256: '" + "x".repeat(40) + "...'");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> match("y".repeat(300)))
                .withMessageStartingWith("a routing key has at most 255 characters, but this has 300: 'yyy");
        assertThat(trie.size()).isZero();
        trie.add("x".repeat(255), "x");
        assertThat(match("x".repeat(255))).containsExactly("x");
    }
}
