package io.reactivemq.operator;

import io.reactivemq.operator.FilterNode.AllOf;
import io.reactivemq.operator.FilterNode.AnyOf;
import io.reactivemq.operator.FilterNode.Bound;
import io.reactivemq.operator.FilterNode.Condition;
import io.reactivemq.operator.FilterNode.Exact;
import io.reactivemq.operator.FilterNode.Exists;
import io.reactivemq.operator.FilterNode.IgnoreCase;
import io.reactivemq.operator.FilterNode.Named;
import io.reactivemq.operator.FilterNode.NoPrefix;
import io.reactivemq.operator.FilterNode.NoSuffix;
import io.reactivemq.operator.FilterNode.NoneOf;
import io.reactivemq.operator.FilterNode.Numeric;
import io.reactivemq.operator.FilterNode.Prefix;
import io.reactivemq.operator.FilterNode.Suffix;
import java.math.BigDecimal;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Filters over headers, put together in Java or read from JSON, in the form of the filter policies of Amazon SNS:
 *
 * <pre>{@code
 * HeaderFilter filter = Filters.exact("region", "eu", "us")
 *         .and(Filters.numeric("price", n -> n.atLeast(100).below(500)));
 *
 * HeaderFilter same = Filters.parse("""
 *         {"region": ["eu", "us"], "price": [{"numeric": [">=", 100, "<", 500]}]}""");
 *
 * orders.filter(order -> filter.test(order.headers()));
 * }</pre>
 *
 * <p><img src="doc-files/filters.svg" alt="what holds for the headers of an element decides whether it passes">
 *
 * <p><b>JSON.</b> An object whose properties all have to hold. The name of a property is the name of a header; its value is an
 * array of conditions, of which one has to hold:
 * <ul>
 * <li>{@code "eu"}, {@code true}: the header's value is this text;
 * <li>{@code 100}: it is this number, however it is written;
 * <li>{@code {"prefix": "order."}}, {@code {"suffix": ".png"}}, {@code {"equals-ignore-case": "EU"}};
 * <li>{@code {"numeric": [">=", 0, "<", 10]}}: it is a number within the bounds: one of {@code <, <=, >, >=, =}, or a lower and an upper;
 * <li>{@code {"anything-but": ["test", 0]}}: it is none of them; also a single one, and {@code {"anything-but": {"prefix": "test"}}} or
 *     {@code suffix}, with a text or an array;
 * <li>{@code {"exists": true}}: the header is there with a value that is not empty; {@code false}: it is not.
 * </ul>
 * The property {@code "$or"} holds an array of two or more such objects, of which one has to hold. {@code "$and"}, which SNS does not
 * know, is the same for all of them, where two have to do with one name.
 *
 * <p><b>Values.</b> The value of a header is its text in UTF-8. A name that occurs more than once has several values, and a condition
 * holds if it does for one of them, as for an array of SNS: so {@code anything-but} holds if one value is another. Where a name does not occur
 * only {@code exists: false} holds, also without any header at all (where SNS refuses the message).
 *
 * <p><b>Limits.</b> {@link #JSON_LENGTH_MAX}, {@link #CONDITIONS_MAX} and {@link #DEPTH_MAX}; not SNS's of five names and 150
 * combinations. What a filter costs is linear in its conditions times the headers.
 */
public final class Filters {

    /** The longest JSON that is read, in characters. SNS allows 256 KiB, too. */
    public static final int JSON_LENGTH_MAX = 256 * 1024;

    /** The most conditions in one JSON. */
    public static final int CONDITIONS_MAX = 10_000;

    /** How deep {@code $or} and {@code $and} may be nested in JSON. */
    public static final int DEPTH_MAX = 32;

    private Filters() {}

    /** The value is one of the texts. */
    public static HeaderFilter exact(String name, String... texts) {
        return named(name, texts, Exact::new);
    }

    /** The value is one of the texts but for upper and lower case. */
    public static HeaderFilter equalsIgnoreCase(String name, String... texts) {
        return named(name, texts, IgnoreCase::new);
    }

    /** The value begins with one of the texts. */
    public static HeaderFilter prefix(String name, String... texts) {
        return named(name, texts, Prefix::new);
    }

    /** The value ends with one of the texts. */
    public static HeaderFilter suffix(String name, String... texts) {
        return named(name, texts, Suffix::new);
    }

    /** The value is a number within the bounds. */
    public static HeaderFilter numeric(String name, Consumer<NumberRange> bounds) {
        NumberRange range = new NumberRange();
        bounds.accept(range);
        return new Named(checked(name), List.of(new Numeric(range.from, range.to)));
    }

    /** The value is none of the texts, but there is one. */
    public static HeaderFilter anythingBut(String name, String... texts) {
        return new Named(checked(name), List.of(new NoneOf(some(texts), Set.of())));
    }

    /** The value is none of the numbers, but there is one; it need not be a number. */
    public static HeaderFilter anythingBut(String name, Number... numbers) {
        if (numbers.length == 0) {
            throw new IllegalArgumentException("at least one number has to be given");
        }
        Set<BigDecimal> exact = Arrays.stream(numbers)
                .map(Filters::decimal)
                .map(BigDecimal::stripTrailingZeros)
                .collect(Collectors.toSet());
        return new Named(checked(name), List.of(new NoneOf(Set.of(), exact)));
    }

    /** The value begins with none of the texts, but there is one. */
    public static HeaderFilter anythingButPrefix(String name, String... texts) {
        return new Named(checked(name), List.of(new NoPrefix(some(texts))));
    }

    /** The value ends with none of the texts, but there is one. */
    public static HeaderFilter anythingButSuffix(String name, String... texts) {
        return new Named(checked(name), List.of(new NoSuffix(some(texts))));
    }

    /** The header is there, with a value that is not empty. */
    public static HeaderFilter exists(String name) {
        return new Named(checked(name), List.of(new Exists(true)));
    }

    /** The header is not there, or its value is null or empty. */
    public static HeaderFilter absent(String name) {
        return new Named(checked(name), List.of(new Exists(false)));
    }

    /** All of them hold: AMQP's x-match all. */
    public static HeaderFilter all(HeaderFilter... filters) {
        requireSome(filters);
        return filters.length == 1 ? filters[0] : new AllOf(List.of(filters));
    }

    /** One of them holds: AMQP's x-match any. */
    public static HeaderFilter any(HeaderFilter... filters) {
        requireSome(filters);
        return filters.length == 1 ? filters[0] : new AnyOf(List.of(filters));
    }

    /**
     * Reads the JSON form. Needs Jackson 3's {@code tools.jackson.core:jackson-core}, which this library does not bring along.
     *
     * @throws IllegalArgumentException if it is no filter; the message says where (as a path, line and column), what was expected
     *     and what is there
     * @throws IllegalStateException without Jackson
     */
    public static HeaderFilter parse(String json) {
        Objects.requireNonNull(json, "json");
        if (json.length() > JSON_LENGTH_MAX) {
            throw new IllegalArgumentException("the JSON of a filter has at most " + JSON_LENGTH_MAX
                    + " characters, but this has " + json.length());
        }
        try {
            return FilterJson.parse(json);
        } catch (NoClassDefFoundError e) {
            throw new IllegalStateException(
                    "to read a filter from JSON, add tools.jackson.core:jackson-databind (or jackson-core), version 3, to the"
                            + " class path",
                    e);
        }
    }

    private static HeaderFilter named(String name, String[] texts, Function<String, Condition> condition) {
        if (texts.length == 0) {
            throw new IllegalArgumentException("at least one text has to be given");
        }
        return new Named(checked(name), Arrays.stream(texts).map(condition).toList());
    }

    private static Set<String> some(String[] texts) {
        if (texts.length == 0) {
            throw new IllegalArgumentException("at least one text has to be given");
        }
        return Arrays.stream(texts).collect(Collectors.toSet());
    }

    private static void requireSome(HeaderFilter[] filters) {
        if (filters.length == 0) {
            throw new IllegalArgumentException("at least one filter has to be given");
        }
    }

    private static String checked(String name) {
        if (name.equals(FilterNode.OR) || name.equals(FilterNode.AND)) {
            throw new IllegalArgumentException("a header cannot be called " + name + " in a filter: it is an operator");
        }
        return name;
    }

    private static BigDecimal decimal(Number number) {
        try {
            return new BigDecimal(number.toString());
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("a finite number is expected, but it is " + number, e);
        }
    }

    /** Bounds of numbers: one, or a lower and an upper. */
    public static final class NumberRange {

        private @Nullable Bound from;
        private @Nullable Bound to;

        private NumberRange() {}

        /** The number or more. */
        public NumberRange atLeast(Number number) {
            from = new Bound(decimal(number), true);
            return this;
        }

        /** More than the number. */
        public NumberRange above(Number number) {
            from = new Bound(decimal(number), false);
            return this;
        }

        /** The number or less. */
        public NumberRange atMost(Number number) {
            to = new Bound(decimal(number), true);
            return this;
        }

        /** Less than the number. */
        public NumberRange below(Number number) {
            to = new Bound(decimal(number), false);
            return this;
        }

        /** Just the number, however it is written: 100, 100.0 and 1e2 are one. */
        public NumberRange equalTo(Number number) {
            from = new Bound(decimal(number), true);
            to = from;
            return this;
        }
    }
}
