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
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.core.json.JsonFactory;

/** Reads filters from JSON. The one class that needs Jackson, and it is loaded when something is read. */
final class FilterJson {

    private static final JsonFactory JSON = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    private final JsonParser parser;

    /** Where the parser is: names, and indexes in brackets. */
    private final Deque<String> path = new ArrayDeque<>();

    private int conditions;

    private FilterJson(JsonParser parser) {
        this.parser = parser;
    }

    static HeaderFilter parse(String json) {
        try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(), json)) {
            FilterJson reader = new FilterJson(parser);
            reader.next();
            HeaderFilter filter = reader.object(0);
            if (reader.next() != null) {
                throw reader.expected("nothing behind the filter");
            }
            return filter;
        } catch (JacksonException e) {
            TokenStreamLocation at = e.getLocation();
            throw new IllegalArgumentException(
                    "the filter is no JSON" + (at == null ? "" : ", " + place(at)) + ": " + e.getOriginalMessage(), e);
        }
    }

    /** The object that begins at the current token, to its end. */
    private HeaderFilter object(int depth) {
        if (parser.currentToken() != JsonToken.START_OBJECT) {
            throw expected("an object with names of headers");
        }
        if (depth > Filters.DEPTH_MAX) {
            throw expected("no more than " + Filters.DEPTH_MAX + " levels of $or and $and");
        }
        List<HeaderFilter> filters = new ArrayList<>();
        while (next() == JsonToken.PROPERTY_NAME) {
            String name = parser.currentName();
            path.addLast("." + name);
            next();
            filters.add(
                    switch (name) {
                        case FilterNode.OR -> new AnyOf(objects(depth));
                        case FilterNode.AND -> new AllOf(objects(depth));
                        default -> new Named(name, conditions());
                    });
            path.removeLast();
        }
        if (filters.isEmpty()) {
            throw expected("at least one name of a header");
        }
        return filters.size() == 1 ? filters.get(0) : new AllOf(filters);
    }

    private List<HeaderFilter> objects(int depth) {
        List<HeaderFilter> filters = new ArrayList<>();
        requireArray("an array of two or more objects");
        while (enterNext(filters.size())) {
            filters.add(object(depth + 1));
            path.removeLast();
        }
        if (filters.size() < 2) {
            throw expected("two or more objects in the array");
        }
        return filters;
    }

    private List<Condition> conditions() {
        List<Condition> read = new ArrayList<>();
        requireArray("an array of conditions");
        while (enterNext(read.size())) {
            if (++conditions > Filters.CONDITIONS_MAX) {
                throw expected("no more than " + Filters.CONDITIONS_MAX + " conditions");
            }
            read.add(condition());
            path.removeLast();
        }
        if (read.isEmpty()) {
            throw expected("at least one condition in the array");
        }
        return read;
    }

    private Condition condition() {
        JsonToken token = parser.currentToken();
        if (token == JsonToken.START_OBJECT) {
            return operator();
        }
        if (isNumber(token)) {
            Bound bound = new Bound(number(), true);
            return new Numeric(bound, bound);
        }
        if (token == JsonToken.VALUE_STRING || token == JsonToken.VALUE_TRUE || token == JsonToken.VALUE_FALSE) {
            return new Exact(parser.getString());
        }
        throw expected("a text, a number, true, false or an object with an operator");
    }

    private Condition operator() {
        String name = beginOperator("an operator");
        Condition condition = switch (name) {
            case "prefix" -> new Prefix(text());
            case "suffix" -> new Suffix(text());
            case "equals-ignore-case" -> new IgnoreCase(text());
            case "exists" -> new Exists(flag());
            case "numeric" -> numeric();
            case "anything-but" -> anythingBut();
            default -> throw unknown(name, "one of prefix, suffix, equals-ignore-case, exists, numeric, anything-but");
        };
        endOperator();
        return condition;
    }

    /** Leaves the parser at the operator's value. */
    private String beginOperator(String what) {
        if (next() != JsonToken.PROPERTY_NAME) {
            throw expected(what);
        }
        String name = parser.currentName();
        path.addLast("." + name);
        next();
        return name;
    }

    private void endOperator() {
        path.removeLast();
        if (next() != JsonToken.END_OBJECT) {
            throw expected("one operator in an object");
        }
    }

    private Condition anythingBut() {
        JsonToken token = parser.currentToken();
        if (token == JsonToken.START_OBJECT) {
            String name = beginOperator("prefix or suffix");
            Condition condition = switch (name) {
                case "prefix" -> new NoPrefix(texts());
                case "suffix" -> new NoSuffix(texts());
                default -> throw unknown(name, "prefix or suffix");
            };
            endOperator();
            return condition;
        }
        Set<String> texts = new HashSet<>();
        Set<BigDecimal> numbers = new HashSet<>();
        if (token == JsonToken.START_ARRAY) {
            for (int index = 0; enterNext(index); index++) {
                textOrNumber(texts, numbers);
                path.removeLast();
            }
            if (texts.isEmpty() && numbers.isEmpty()) {
                throw expected("at least one text or number in the array");
            }
        } else {
            textOrNumber(texts, numbers);
        }
        return new NoneOf(texts, numbers);
    }

    private void textOrNumber(Set<String> texts, Set<BigDecimal> numbers) {
        if (isNumber(parser.currentToken())) {
            numbers.add(number().stripTrailingZeros());
        } else if (parser.currentToken() == JsonToken.VALUE_STRING) {
            texts.add(parser.getString());
        } else {
            throw expected("a text or a number");
        }
        if (++conditions > Filters.CONDITIONS_MAX) {
            throw expected("no more than " + Filters.CONDITIONS_MAX + " conditions");
        }
    }

    private Set<String> texts() {
        Set<String> texts = new HashSet<>();
        if (parser.currentToken() != JsonToken.START_ARRAY) {
            texts.add(text());
            return texts;
        }
        for (int index = 0; enterNext(index); index++) {
            texts.add(text());
            path.removeLast();
        }
        if (texts.isEmpty()) {
            throw expected("at least one text in the array");
        }
        return texts;
    }

    private Condition numeric() {
        requireArray("an array of comparisons and numbers");
        Bound from = null;
        Bound to = null;
        for (int index = 0; enterNext(index); index += 2) {
            String comparison = text();
            boolean lower = comparison.equals(">") || comparison.equals(">=");
            boolean upper = comparison.equals("<") || comparison.equals("<=");
            boolean equal = comparison.equals("=");
            if (!lower && !upper && !equal) {
                throw expected("one of <, <=, >, >=, =");
            }
            if ((from != null && !upper) || (to != null && !lower)) {
                throw expected("one lower and one upper bound at most");
            }
            path.removeLast();
            path.addLast("[" + (index + 1) + "]");
            if (!isNumber(next())) {
                throw expected("a number");
            }
            Bound bound = new Bound(number(), equal || comparison.length() == 2);
            from = lower || equal ? bound : from;
            to = upper || equal ? bound : to;
            path.removeLast();
        }
        if (from == null && to == null) {
            throw expected("a comparison and a number");
        }
        try {
            return new Numeric(from, to);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(where() + e.getMessage(), e);
        }
    }

    private String text() {
        if (parser.currentToken() != JsonToken.VALUE_STRING) {
            throw expected("a text");
        }
        return parser.getString();
    }

    private boolean flag() {
        if (parser.currentToken() == JsonToken.VALUE_TRUE) {
            return true;
        }
        if (parser.currentToken() == JsonToken.VALUE_FALSE) {
            return false;
        }
        throw expected("true or false");
    }

    private static boolean isNumber(@Nullable JsonToken token) {
        return token == JsonToken.VALUE_NUMBER_INT || token == JsonToken.VALUE_NUMBER_FLOAT;
    }

    private BigDecimal number() {
        return parser.getDecimalValue();
    }

    private @Nullable JsonToken next() {
        return parser.nextToken();
    }

    private void requireArray(String what) {
        if (parser.currentToken() != JsonToken.START_ARRAY) {
            throw expected(what);
        }
    }

    /** Goes to the next element of an array, which is of that index; false at the end. */
    private boolean enterNext(int index) {
        if (next() == JsonToken.END_ARRAY) {
            return false;
        }
        path.addLast("[" + index + "]");
        return true;
    }

    private IllegalArgumentException unknown(String name, String expected) {
        return new IllegalArgumentException(where() + "expected " + expected + ", but found '" + name + "'");
    }

    private IllegalArgumentException expected(String what) {
        return new IllegalArgumentException(where() + "expected " + what + ", but found " + found());
    }

    private String where() {
        return "the filter at $" + String.join("", path) + ", " + place(parser.currentTokenLocation()) + ": ";
    }

    private static String place(TokenStreamLocation at) {
        return "line " + at.getLineNr() + ", column " + at.getColumnNr();
    }

    private String found() {
        JsonToken token = parser.currentToken();
        if (token == null) {
            return "the end";
        }
        return switch (token) {
            case START_OBJECT -> "an object";
            case END_OBJECT -> "the end of an object";
            case START_ARRAY -> "an array";
            case END_ARRAY -> "the end of an array";
            case VALUE_NULL -> "null";
            case VALUE_STRING -> "the text '" + shortened(parser.getString()) + "'";
            case PROPERTY_NAME -> "the name '" + shortened(parser.currentName()) + "'";
            case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT, VALUE_TRUE, VALUE_FALSE -> shortened(parser.getString());
            case NOT_AVAILABLE, VALUE_EMBEDDED_OBJECT -> token.toString();
        };
    }

    private static String shortened(String text) {
        return text.length() <= 40 ? text : text.substring(0, 40) + "...";
    }
}
