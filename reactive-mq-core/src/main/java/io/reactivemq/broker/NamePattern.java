package io.reactivemq.broker;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A regular expression that names (of topics, transactional ids) match as a whole. It is {@code java.util.regex}, within bounds: Kafka takes RE2/J, whose
 * expressions mean the same here but for what only one of the two knows. An expression that looks at the characters of a name more than {@value
 * #LOOKS_MAX} times (nested repetitions do), or is nested too deeply for the stack, is given up and does not match.
 */
public final class NamePattern {

    /** Of an expression. */
    public static final int LENGTH_MAX = 1_000;

    /** A plain expression looks a few times at each of at most 249 characters. */
    public static final int LOOKS_MAX = 100_000;

    private final Pattern pattern;

    private NamePattern(Pattern pattern) {
        this.pattern = pattern;
    }

    /** Compiles it; {@code INVALID_REGULAR_EXPRESSION} where it is none. */
    public static NamePattern of(String expression) {
        if (expression.length() > LENGTH_MAX) {
            throw new MqException(
                    ErrorCode.INVALID_REGULAR_EXPRESSION,
                    "a regular expression may have " + LENGTH_MAX + " characters, has " + expression.length());
        }
        try {
            return new NamePattern(Pattern.compile(expression));
        } catch (StackOverflowError e) {
            throw new MqException(ErrorCode.INVALID_REGULAR_EXPRESSION, "the expression is nested too deeply", e);
        } catch (PatternSyntaxException e) {
            throw new MqException(
                    ErrorCode.INVALID_REGULAR_EXPRESSION,
                    "'" + expression + "' is no regular expression: " + e.getDescription() + " at " + e.getIndex(),
                    e);
        }
    }

    /** Whether the name does. */
    public boolean matches(String name) {
        return matches(name, new Looks(LOOKS_MAX));
    }

    private boolean matches(String name, Looks looks) {
        try {
            return pattern.matcher(new Counted(name, looks)).matches();
        } catch (TooManyLooksException | StackOverflowError e) {
            // deep nesting costs frames for each character
            return false;
        }
    }

    /**
     * For many names, one after the other.
     *
     * @param looksMax how often characters of all of them together may be looked at; beyond, an error, {@code INVALID_REGULAR_EXPRESSION}
     */
    public Predicate<String> within(int looksMax) {
        Looks looks = new Looks(looksMax);
        return name -> {
            boolean found = matches(name, looks);
            if (looks.count > looks.max) {
                throw new MqException(
                        ErrorCode.INVALID_REGULAR_EXPRESSION,
                        "the expression was given up: it takes too long for names as there are");
            }
            return found;
        };
    }

    private static final class TooManyLooksException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        TooManyLooksException() {
            super("the expression was given up", null, false, false);
        }
    }

    private static final class Looks {
        private final int max;
        private int count;

        Looks(int max) {
            this.max = max;
        }
    }

    /** Counts how often its characters are looked at. */
    private record Counted(CharSequence text, Looks looks) implements CharSequence {
        @Override
        public char charAt(int index) {
            if (++looks.count > looks.max) {
                throw new TooManyLooksException();
            }
            return text.charAt(index);
        }

        @Override
        public int length() {
            return text.length();
        }

        @Override
        public CharSequence subSequence(int start, int end) {
            return new Counted(text.subSequence(start, end), looks);
        }

        @Override
        public String toString() {
            return text.toString();
        }
    }
}
