package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.Header;
import io.reactivemq.Headers;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("Filters:")
class FiltersTest {

    private static final int SEQUENCES = Integer.getInteger("reactivemq.sequences", 100_000);

    /** "a=1;a=2;b=" as headers; "-" is none. */
    private static Headers headers(String text) {
        Headers headers = Headers.empty();
        if (!text.equals("-")) {
            for (String one : text.split(";", -1)) {
                int at = one.indexOf('=');
                headers = headers.with(one.substring(0, at), one.substring(at + 1));
            }
        }
        return headers;
    }

    /** What SNS's documentation says of its operators, with headers in place of attributes. */
    @ParameterizedTest(name = "{0} and {1}: {2}")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            {"store": ["example_corp"]}                                          | store=example_corp                      | true
            {"store": ["example_corp"]}                                          | store=Example_corp                      | false
            {"store": ["example_corp"]}                                          | event=order_placed                      | false
            {"store": ["example_corp"]}                                          | -                                       | false
            {"customer_interests": ["rugby", "tennis"]}                          | customer_interests=rugby                | true
            {"customer_interests": ["rugby", "tennis"]}                          | customer_interests=baseball             | false
            {"customer_interests": ["rugby"]}                                    | customer_interests=soccer;customer_interests=rugby | true
            {"customer_interests": [{"anything-but": ["rugby", "tennis"]}]}      | customer_interests=baseball             | true
            {"customer_interests": [{"anything-but": ["rugby", "tennis"]}]}      | customer_interests=rugby;customer_interests=baseball | true
            {"customer_interests": [{"anything-but": ["rugby", "tennis"]}]}      | customer_interests=rugby                | false
            {"customer_interests": [{"anything-but": ["rugby", "tennis"]}]}      | store=x                                 | false
            {"customer_interests": [{"anything-but": "rugby"}]}                  | customer_interests=tennis               | true
            {"event": [{"anything-but": {"prefix": "order-"}}]}                  | event=data-entry                        | true
            {"event": [{"anything-but": {"prefix": "order-"}}]}                  | event=order-number                      | false
            {"event": [{"anything-but": {"suffix": ["-a", "-b"]}}]}              | event=x-b                               | false
            {"event": [{"anything-but": {"suffix": ["-a", "-b"]}}]}              | event=x-c                               | true
            {"tennis": [{"equals-ignore-case": "Tennis"}]}                       | tennis=TENNIS                           | true
            {"customer_interests": [{"prefix": "bas"}]}                          | customer_interests=baseball             | true
            {"customer_interests": [{"prefix": "bas"}]}                          | customer_interests=rugby                | false
            {"customer_interests": [{"suffix": "ball"}]}                         | customer_interests=basketball           | true
            {"customer_interests": [{"suffix": "ball"}]}                         | customer_interests=rugby                | false
            {"price_usd": [{"numeric": ["=", 301.5]}]}                           | price_usd=301.5                         | true
            {"price_usd": [{"numeric": ["=", 301.5]}]}                           | price_usd=3.015e2                       | true
            {"price_usd": [{"numeric": ["=", 301.5]}]}                           | price_usd=301                           | false
            {"price_usd": [{"numeric": ["=", 301.5]}]}                           | price_usd=cheap                         | false
            {"price": [{"anything-but": [100, 500]}]}                            | price=101                               | true
            {"price": [{"anything-but": [100, 500]}]}                            | price=100.1                             | true
            {"price": [{"anything-but": [100, 500]}]}                            | price=100;price=50                      | true
            {"price": [{"anything-but": [100, 500]}]}                            | price=100                               | false
            {"price": [{"anything-but": [100, 500]}]}                            | price=1e2                               | false
            {"price_usd": [{"numeric": ["<", 0]}]}                               | price_usd=-0.01                         | true
            {"price_usd": [{"numeric": ["<", 0]}]}                               | price_usd=0                             | false
            {"price_usd": [{"numeric": [">", 0, "<=", 150]}]}                    | price_usd=150                           | true
            {"price_usd": [{"numeric": [">", 0, "<=", 150]}]}                    | price_usd=0                             | false
            {"price_usd": [{"numeric": [">", 0, "<=", 150]}]}                    | price_usd=150.00001                     | false
            {"price_usd": [{"numeric": [">=", 100]}, "free"]}                    | price_usd=free                          | true
            {"price_usd": [100]}                                                 | price_usd=100.0                         | true
            {"gift": [true]}                                                     | gift=true                               | true
            {"store": [{"exists": true}]}                                        | store=fans;x=y                          | true
            {"store": [{"exists": true}]}                                        | x=y                                     | false
            {"store": [{"exists": true}]}                                        | store=                                  | false
            {"store": [{"exists": false}]}                                       | x=y                                     | true
            {"store": [{"exists": false}]}                                       | store=fans                              | false
            {"store": [{"exists": false}]}                                       | -                                       | true
            {"a": ["1"], "b": ["2"]}                                             | a=1;b=2                                 | true
            {"a": ["1"], "b": ["2"]}                                             | a=1;b=3                                 | false
            {"a": ["1"], "b": ["2"]}                                             | a=1                                     | false
            {"source": ["x"], "$or": [{"m": ["CPU"]}, {"n": ["AWS"]}]}           | source=x;n=AWS                          | true
            {"source": ["x"], "$or": [{"m": ["CPU"]}, {"n": ["AWS"]}]}           | source=x;m=CPU                          | true
            {"source": ["x"], "$or": [{"m": ["CPU"]}, {"n": ["AWS"]}]}           | source=x;m=RAM                          | false
            {"source": ["x"], "$or": [{"m": ["CPU"]}, {"n": ["AWS"]}]}           | m=CPU;n=AWS                             | false
            {"$and": [{"a": [{"prefix": "x"}]}, {"a": [{"suffix": "z"}]}]}       | a=xyz                                   | true
            {"$and": [{"a": [{"prefix": "x"}]}, {"a": [{"suffix": "z"}]}]}       | a=xy                                    | false
            """)
    @DisplayName("G04 policy and headers:")
    void table(String json, String headers, boolean passes) {
        HeaderFilter filter = Filters.parse(json);
        assertThat(filter.test(headers(headers))).isEqualTo(passes);
        assertThat(Filters.parse(filter.toJson())).isEqualTo(filter);
    }

    @Test
    @DisplayName("G04 filters put together in Java are those read from JSON")
    void javaAndJson() {
        assertThat(Filters.exact("region", "eu", "us")
                        .and(Filters.numeric("price", n -> n.atLeast(100).below(500))))
                .isEqualTo(Filters.parse(
                        "{\"region\": [\"eu\", \"us\"], \"price\": [{\"numeric\": [\">=\", 100, \"<\", 5e2]}]}"));
        assertThat(Filters.any(
                        Filters.anythingBut("a", 1, 2.5),
                        Filters.anythingBut("b", "x"),
                        Filters.anythingButPrefix("c", "p", "q"),
                        Filters.anythingButSuffix("d", "s")))
                .isEqualTo(Filters.parse("""
                        {"$or": [{"a": [{"anything-but": [2.50, 1]}]}, {"b": [{"anything-but": "x"}]},
                                 {"c": [{"anything-but": {"prefix": ["q", "p"]}}]},
                                 {"d": [{"anything-but": {"suffix": "s"}}]}]}"""));
        assertThat(Filters.exists("a").and(Filters.absent("b")).or(Filters.suffix("c", ".png")))
                .isEqualTo(Filters.parse("""
                                {"$or": [{"a": [{"exists": true}], "b": [{"exists": false}]}, {"c": [{"suffix": ".png"}]}]}"""));
        assertThat(Filters.numeric("n", n -> n.equalTo(100.0))).isEqualTo(Filters.parse("{\"n\": [1e2]}"));
        assertThat(Filters.prefix("a", "x").and(Filters.suffix("a", "z")).toJson())
                .isEqualTo("{\"$and\":[{\"a\":[{\"prefix\":\"x\"}]},{\"a\":[{\"suffix\":\"z\"}]}]}");
        assertThat(Filters.equalsIgnoreCase("a", "É\"\\\n").toJson())
                .isEqualTo("{\"a\":[{\"equals-ignore-case\":\"É\\\"\\\\\\u000a\"}]}");
    }

    @Test
    @DisplayName("G04 random filters are equal to what is read from their JSON, and pass the same")
    void roundTrip() {
        Long only = Long.getLong("reactivemq.seed");
        for (long seed = only == null ? 1 : only; seed <= (only == null ? SEQUENCES : only); seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            HeaderFilter filter = filter(random, 3);
            String json = filter.toJson();
            HeaderFilter read = Filters.parse(json);
            Headers headers = headers(random);
            if (!read.equals(filter) || read.test(headers) != filter.test(headers)) {
                assertThat(read)
                        .as("-Dreactivemq.seed=%s replays this: %s", seed, json)
                        .isEqualTo(filter);
            }
        }
    }

    private static HeaderFilter filter(SplittableRandom random, int depth) {
        String name = text(random);
        return switch (random.nextInt(depth == 0 ? 9 : 12)) {
            case 0 -> Filters.exact(name, text(random), text(random));
            case 1 -> Filters.prefix(name, text(random));
            case 2 -> Filters.suffix(name, text(random));
            case 3 -> Filters.equalsIgnoreCase(name, text(random));
            case 4 -> random.nextBoolean() ? Filters.exists(name) : Filters.absent(name);
            case 5 -> Filters.anythingBut(name, text(random), text(random));
            case 6 -> Filters.anythingBut(name, random.nextInt(5) / 2.0, random.nextInt(1000));
            case 7 -> Filters.anythingButPrefix(name, text(random));
            case 8 -> {
                int from = random.nextInt(10);
                yield Filters.numeric(name, n -> n.above(from).atMost(from + 1.5));
            }
            case 9, 10 -> Filters.all(some(random, depth));
            default -> Filters.any(some(random, depth));
        };
    }

    private static HeaderFilter[] some(SplittableRandom random, int depth) {
        return IntStream.range(0, random.nextInt(1, 4))
                .mapToObj(i -> filter(random, depth - 1))
                .toArray(HeaderFilter[]::new);
    }

    private static Headers headers(SplittableRandom random) {
        return Headers.of(IntStream.range(0, random.nextInt(4))
                .mapToObj(i -> Header.of(text(random), text(random)))
                .collect(Collectors.toList()));
    }

    private static String text(SplittableRandom random) {
        String[] texts = {"a", "b", "ab", "1", "2.50", "", "\"", "\\u", "\t", "é"};
        return texts[random.nextInt(texts.length)];
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            []                                       | the filter at $, line 1, column 1: expected an object with names of headers, but found an array
            {}                                       | the filter at $, line 1, column 2: expected at least one name of a header, but found the end of an object
            {"a": "x"}                               | the filter at $.a, line 1, column 7: expected an array of conditions, but found the text 'x'
            {"a": []}                                | the filter at $.a, line 1, column 8: expected at least one condition in the array, but found the end of an array
            {"a": ["x", null]}                       | the filter at $.a[1], line 1, column 13: expected a text, a number, true, false or an object with an operator, but found null
            {"a": [["x"]]}                           | the filter at $.a[0], line 1, column 8: expected a text, a number, true, false or an object with an operator, but found an array
            {"a": [{}]}                              | the filter at $.a[0], line 1, column 9: expected an operator, but found the end of an object
            {"a": [{"wildcard": "x*"}]}              | the filter at $.a[0].wildcard, line 1, column 21: expected one of prefix, suffix, equals-ignore-case, exists, numeric, anything-but, but found 'wildcard'
            {"a": [{"prefix": 7}]}                   | the filter at $.a[0].prefix, line 1, column 19: expected a text, but found 7
            {"a": [{"prefix": "x", "suffix": "y"}]}  | the filter at $.a[0], line 1, column 24: expected one operator in an object, but found the name 'suffix'
            {"a": [{"exists": "yes"}]}               | the filter at $.a[0].exists, line 1, column 19: expected true or false, but found the text 'yes'
            {"a": [{"numeric": 5}]}                  | the filter at $.a[0].numeric, line 1, column 20: expected an array of comparisons and numbers, but found 5
            {"a": [{"numeric": []}]}                 | the filter at $.a[0].numeric, line 1, column 21: expected a comparison and a number, but found the end of an array
            {"a": [{"numeric": ["!=", 5]}]}          | the filter at $.a[0].numeric[0], line 1, column 21: expected one of <, <=, >, >=, =, but found the text '!='
            {"a": [{"numeric": [">", "5"]}]}         | the filter at $.a[0].numeric[1], line 1, column 26: expected a number, but found the text '5'
            {"a": [{"numeric": [">", 5, ">=", 6]}]}  | the filter at $.a[0].numeric[2], line 1, column 29: expected one lower and one upper bound at most, but found the text '>='
            {"a": [{"numeric": [">", 5, "<", 5]}]}   | the filter at $.a[0].numeric, line 1, column 35: no number is above 5 and below 5
            {"a": [{"anything-but": []}]}            | the filter at $.a[0].anything-but, line 1, column 26: expected at least one text or number in the array, but found the end of an array
            {"a": [{"anything-but": {"x": 1}}]}      | the filter at $.a[0].anything-but.x, line 1, column 31: expected prefix or suffix, but found 'x'
            {"$or": [{"a": [1]}]}                    | the filter at $.$or, line 1, column 20: expected two or more objects in the array, but found the end of an array
            {"$or": {"a": [1]}}                      | the filter at $.$or, line 1, column 9: expected an array of two or more objects, but found an object
            {"a": [1]} {}                            | the filter at $, line 1, column 12: expected nothing behind the filter, but found an object
            """)
    @DisplayName("G04 what is no policy is refused, with place, expected and found:")
    void refused(String json, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Filters.parse(json))
                .withMessage(message);
    }

    @Test
    @DisplayName("G04 what is no JSON is refused with its place")
    void noJson() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Filters.parse("{\"a\":\n [x]}"))
                .withMessageStartingWith("the filter is no JSON, line 2, column ");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Filters.parse("{\"a\": [1], \"a\": [2]}"))
                .withMessageContaining("line 1, column")
                .withMessageContaining("\"a\"");
        assertThatIllegalArgumentException().isThrownBy(() -> Filters.parse(""));
        assertThatIllegalArgumentException().isThrownBy(() -> Filters.parse("{\"a\": [1"));
    }

    @Test
    @DisplayName("G04 length, conditions and depth are bounded")
    void limits() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Filters.parse(" ".repeat(262_145)))
                .withMessage("the JSON of a filter has at most 262144 characters, but this has 262145");
        String many = IntStream.range(0, 10_001).mapToObj(String::valueOf).collect(Collectors.joining(","));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Filters.parse("{\"a\": [" + many + "]}"))
                .withMessageContaining("no more than 10000 conditions");
        String deep = "{\"$or\": [".repeat(33) + "{\"a\": [1]}" + ",{\"b\": [1]}]}".repeat(33);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Filters.parse(deep))
                .withMessageContaining("no more than 32 levels of $or and $and");
        String endless = "[".repeat(200_000);
        assertThatIllegalArgumentException().isThrownBy(() -> Filters.parse("{\"a\": " + endless));
        // a number that would take a gigabyte written out
        HeaderFilter big = Filters.parse("{\"a\": [{\"numeric\": [\"<\", 1e999999]}]}");
        assertThat(big.test(headers("a=5"))).isTrue();
        assertThat(big.test(headers("a=1e2147483647"))).isFalse();
        assertThat(big.test(headers("a=" + "9".repeat(100)))).isFalse();
        assertThat(big.toJson()).hasSizeLessThan(60);
    }

    @Test
    @DisplayName("arguments are checked")
    void arguments() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Filters.exact("a"))
                .withMessage("at least one text has to be given");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Filters.exists("$or"))
                .withMessage("a header cannot be called $or in a filter: it is an operator");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Filters.numeric("a", n -> n.above(2).below(1)))
                .withMessage("no number is above 2 and below 1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Filters.numeric("a", n -> {}))
                .withMessage("a range of numbers needs a bound");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Filters.numeric("a", n -> n.above(Double.NaN)))
                .withMessage("a finite number is expected, but it is NaN");
        assertThatIllegalArgumentException().isThrownBy(Filters::all);
        assertThat(Filters.any(Filters.exists("a"))).isEqualTo(Filters.exists("a"));
    }

    @Test
    @DisplayName("a null value is no value, and a header that is there twice has two")
    void values() {
        Headers withNull = Headers.of(Header.of("a", (byte[]) null));
        assertThat(Filters.absent("a").test(withNull)).isTrue();
        assertThat(Filters.anythingBut("a", "x").test(withNull)).isFalse();
        assertThat(Filters.exact("a", "x").test(withNull.with("a", "x"))).isTrue();
        assertThat(Filters.exists("a").test(withNull.with("a", "x").with("a", "")))
                .isTrue();
    }

    @Test
    @DisplayName("without Jackson reading tells what to add, and the rest works")
    void withoutJackson() throws Exception {
        ClassLoader hidden = new WithoutJackson();
        Class<?> filters = Class.forName(Filters.class.getName(), true, hidden);
        Object made = filters.getMethod("exists", String.class).invoke(null, "a");
        assertThat(made.toString()).contains("Exists");
        assertThatThrownBy(() -> filters.getMethod("parse", String.class).invoke(null, "{}"))
                .isInstanceOf(InvocationTargetException.class)
                .cause()
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("add tools.jackson.core:jackson-databind");
    }

    /** Loads the operators itself, and finds no Jackson for them. */
    private static final class WithoutJackson extends ClassLoader {

        WithoutJackson() {
            super(FiltersTest.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (name.startsWith("tools.jackson.")) {
                throw new ClassNotFoundException(name);
            }
            if (!name.startsWith("io.reactivemq.operator.")) {
                return super.loadClass(name, resolve);
            }
            Class<?> loaded = findLoadedClass(name);
            if (loaded != null) {
                return loaded;
            }
            try (InputStream in = getResourceAsStream(name.replace('.', '/') + ".class")) {
                if (in == null) {
                    throw new ClassNotFoundException(name);
                }
                byte[] bytes = in.readAllBytes();
                return defineClass(name, bytes, 0, bytes.length);
            } catch (IOException e) {
                throw new ClassNotFoundException(name, e);
            }
        }
    }

    @Test
    @DisplayName("a filter is a predicate for a Flux, and for a router's headers")
    void asPredicate() {
        HeaderFilter pdf = Filters.exact("format", "pdf");
        Router<Headers, java.util.function.Predicate<Headers>> router = Router.headers(headers -> headers);
        List<Headers> received = new ArrayList<>();
        router.bind(pdf).subscribe(received::add);
        Headers match = headers("format=pdf");
        reactor.core.publisher.Flux.just(match, headers("format=doc"))
                .transform(router::route)
                .subscribe();
        assertThat(received).containsExactly(match);
    }
}
