package io.reactivemq.operator;

import io.reactivemq.Header;
import io.reactivemq.Headers;
import java.math.BigDecimal;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** What {@link HeaderFilter}s are made of. Each part writes itself as JSON. */
final class FilterNode {

    /** Names of operators over filters, which no header can have here. */
    static final String OR = "$or";

    static final String AND = "$and";

    /** A longer header value is no number. */
    private static final int NUMBER_LENGTH_MAX = 64;

    private FilterNode() {}

    record AllOf(List<HeaderFilter> filters) implements HeaderFilter {

        AllOf {
            filters = List.copyOf(filters);
        }

        @Override
        public boolean test(Headers headers) {
            for (HeaderFilter filter : filters) {
                if (!filter.test(headers)) {
                    return false;
                }
            }
            return true;
        }

        /** As properties of one object where their names differ, which is how SNS says it. */
        @Override
        public String toJson() {
            Set<String> names = new HashSet<>();
            boolean distinct = filters.stream().allMatch(filter -> names.add(name(filter)));
            StringBuilder json = new StringBuilder("{");
            if (distinct) {
                list(json, filters, filter -> property(json, filter));
            } else {
                property(json, this);
            }
            return json.append('}').toString();
        }
    }

    record AnyOf(List<HeaderFilter> filters) implements HeaderFilter {

        AnyOf {
            filters = List.copyOf(filters);
        }

        @Override
        public boolean test(Headers headers) {
            for (HeaderFilter filter : filters) {
                if (filter.test(headers)) {
                    return true;
                }
            }
            return false;
        }

        @Override
        public String toJson() {
            StringBuilder json = new StringBuilder("{");
            property(json, this);
            return json.append('}').toString();
        }
    }

    /** One of the conditions holds for one of the values of that name. */
    record Named(String name, List<Condition> conditions) implements HeaderFilter {

        Named {
            conditions = List.copyOf(conditions);
        }

        @Override
        public boolean test(Headers headers) {
            boolean present = false;
            for (Header header : headers) {
                if (header.key().equals(name)) {
                    String value = header.valueAsString();
                    if (value != null) {
                        present |= !value.isEmpty();
                        if (holds(value)) {
                            return true;
                        }
                    }
                }
            }
            for (Condition condition : conditions) {
                if (condition instanceof Exists exists && exists.there == present) {
                    return true;
                }
            }
            return false;
        }

        private boolean holds(String value) {
            for (Condition condition : conditions) {
                if (condition.holds(value)) {
                    return true;
                }
            }
            return false;
        }

        @Override
        public String toJson() {
            StringBuilder json = new StringBuilder("{");
            property(json, this);
            return json.append('}').toString();
        }
    }

    private static String name(HeaderFilter filter) {
        return filter instanceof Named named ? named.name : filter instanceof AnyOf ? OR : AND;
    }

    private static void property(StringBuilder json, HeaderFilter filter) {
        quote(json, name(filter));
        json.append(":[");
        if (filter instanceof Named named) {
            list(json, named.conditions, condition -> condition.write(json));
        } else {
            List<HeaderFilter> filters =
                    filter instanceof AnyOf any ? any.filters : filter instanceof AllOf all ? all.filters : List.of();
            list(json, filters, each -> json.append(each.toJson()));
        }
        json.append(']');
    }

    /** A condition on the value of a header. */
    sealed interface Condition {

        boolean holds(String value);

        void write(StringBuilder json);
    }

    record Exact(String text) implements Condition {

        @Override
        public boolean holds(String value) {
            return value.equals(text);
        }

        @Override
        public void write(StringBuilder json) {
            quote(json, text);
        }
    }

    record IgnoreCase(String text) implements Condition {

        @Override
        public boolean holds(String value) {
            return value.equalsIgnoreCase(text);
        }

        @Override
        public void write(StringBuilder json) {
            operator(json, "equals-ignore-case", () -> quote(json, text));
        }
    }

    record Prefix(String text) implements Condition {

        @Override
        public boolean holds(String value) {
            return value.startsWith(text);
        }

        @Override
        public void write(StringBuilder json) {
            operator(json, "prefix", () -> quote(json, text));
        }
    }

    record Suffix(String text) implements Condition {

        @Override
        public boolean holds(String value) {
            return value.endsWith(text);
        }

        @Override
        public void write(StringBuilder json) {
            operator(json, "suffix", () -> quote(json, text));
        }
    }

    /** Whether the header is there; {@link Named} knows. */
    record Exists(boolean there) implements Condition {

        @Override
        public boolean holds(String value) {
            return false;
        }

        @Override
        public void write(StringBuilder json) {
            operator(json, "exists", () -> json.append(there));
        }
    }

    /** Is a number within bounds. */
    record Numeric(@Nullable Bound from, @Nullable Bound to) implements Condition {

        Numeric {
            if (from == null && to == null) {
                throw new IllegalArgumentException("a range of numbers needs a bound");
            }
            if (from != null && to != null) {
                int order = from.number.compareTo(to.number);
                if (order > 0 || (order == 0 && !(from.inclusive && to.inclusive))) {
                    throw new IllegalArgumentException("no number is "
                            + (from.inclusive ? "at least " : "above ") + from.number + " and "
                            + (to.inclusive ? "at most " : "below ") + to.number);
                }
            }
        }

        @Override
        public boolean holds(String value) {
            BigDecimal number = number(value);
            if (number == null) {
                return false;
            }
            if (from != null) {
                int order = number.compareTo(from.number);
                if (order < 0 || (order == 0 && !from.inclusive)) {
                    return false;
                }
            }
            if (to != null) {
                int order = number.compareTo(to.number);
                return order < 0 || (order == 0 && to.inclusive);
            }
            return true;
        }

        @Override
        public void write(StringBuilder json) {
            operator(json, "numeric", () -> {
                json.append('[');
                if (from != null && from.equals(to)) {
                    json.append("\"=\",").append(from.number);
                } else {
                    if (from != null) {
                        json.append(from.inclusive ? "\">=\"," : "\">\",").append(from.number);
                    }
                    if (to != null) {
                        json.append(from == null ? "" : ",")
                                .append(to.inclusive ? "\"<=\"," : "\"<\",")
                                .append(to.number);
                    }
                }
                json.append(']');
            });
        }
    }

    /** An end of a range. */
    record Bound(BigDecimal number, boolean inclusive) {

        Bound {
            // 1.0 and 1 are one number
            number = number.stripTrailingZeros();
        }
    }

    /** Is none of them. */
    record NoneOf(Set<String> texts, Set<BigDecimal> numbers) implements Condition {

        NoneOf {
            texts = Set.copyOf(texts);
            numbers = Set.copyOf(
                    numbers.stream().map(BigDecimal::stripTrailingZeros).toList());
        }

        @Override
        public boolean holds(String value) {
            if (texts.contains(value)) {
                return false;
            }
            BigDecimal number = numbers.isEmpty() ? null : number(value);
            return number == null || !numbers.contains(number.stripTrailingZeros());
        }

        @Override
        public void write(StringBuilder json) {
            operator(json, "anything-but", () -> {
                json.append('[');
                list(json, texts.stream().sorted().toList(), text -> quote(json, text));
                json.append(texts.isEmpty() || numbers.isEmpty() ? "" : ",");
                list(json, numbers.stream().sorted().toList(), json::append);
                json.append(']');
            });
        }
    }

    record NoPrefix(Set<String> texts) implements Condition {

        NoPrefix {
            texts = Set.copyOf(texts);
        }

        @Override
        public boolean holds(String value) {
            return texts.stream().noneMatch(value::startsWith);
        }

        @Override
        public void write(StringBuilder json) {
            anythingBut(json, "prefix", texts);
        }
    }

    record NoSuffix(Set<String> texts) implements Condition {

        NoSuffix {
            texts = Set.copyOf(texts);
        }

        @Override
        public boolean holds(String value) {
            return texts.stream().noneMatch(value::endsWith);
        }

        @Override
        public void write(StringBuilder json) {
            anythingBut(json, "suffix", texts);
        }
    }

    private static void anythingBut(StringBuilder json, String operator, Set<String> texts) {
        operator(
                json,
                "anything-but",
                () -> operator(json, operator, () -> {
                    json.append('[');
                    list(json, texts.stream().sorted().toList(), text -> quote(json, text));
                    json.append(']');
                }));
    }

    private static @Nullable BigDecimal number(String value) {
        if (value.isEmpty() || value.length() > NUMBER_LENGTH_MAX) {
            return null;
        }
        char first = value.charAt(0);
        if ((first < '0' || first > '9') && first != '-' && first != '+' && first != '.') {
            return null;
        }
        try {
            return new BigDecimal(value);
        } catch (NumberFormatException e) {
            return null;
        }
    }

    private static void operator(StringBuilder json, String name, Runnable value) {
        json.append("{\"").append(name).append("\":");
        value.run();
        json.append('}');
    }

    private static <E> void list(StringBuilder json, List<E> elements, Consumer<E> write) {
        for (int i = 0; i < elements.size(); i++) {
            json.append(i == 0 ? "" : ",");
            write.accept(elements.get(i));
        }
    }

    private static void quote(StringBuilder json, String text) {
        json.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                json.append('\\').append(c);
            } else if (c < ' ') {
                json.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
            } else {
                json.append(c);
            }
        }
        json.append('"');
    }
}
