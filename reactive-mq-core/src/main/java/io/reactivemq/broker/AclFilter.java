package io.reactivemq.broker;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Which ACLs are meant; null: any.
 *
 * @param type the type of their resources
 * @param name the name in their pattern
 * @param patterns how the name is compared
 * @param principal their user
 * @param host their host
 * @param operation their operation
 * @param permission whether they allow or deny
 */
public record AclFilter(
        @Nullable ResourceType type,
        @Nullable String name,
        Patterns patterns,
        @Nullable String principal,
        @Nullable String host,
        @Nullable AclOperation operation,
        @Nullable AclPermission permission) {

    /** All there are. */
    public static final AclFilter ALL = new AclFilter(null, null, Patterns.ANY, null, null, null, null);

    /** How the name of a filter is compared with a pattern, with Kafka's numbers. */
    public enum Patterns {
        /** The pattern has that name, however it is meant. */
        ANY(1),
        /** The pattern covers a resource of that name. */
        MATCH(2),
        /** The pattern has that name literally. */
        LITERAL(3),
        /** The pattern has that prefix. */
        PREFIXED(4);

        private final byte code;

        Patterns(int code) {
            this.code = (byte) code;
        }

        /** Kafka's number of it. */
        public byte code() {
            return code;
        }
    }

    public AclFilter {
        Objects.requireNonNull(patterns, "patterns");
    }

    /** Whether an ACL is meant. */
    public boolean matches(AclBinding acl) {
        return (type == null || type == acl.pattern().type())
                && matches(acl.pattern())
                && (principal == null || principal.equals(acl.principal()))
                && (host == null || host.equals(acl.host()))
                && (operation == null || operation == acl.operation())
                && (permission == null || permission == acl.permission());
    }

    private boolean matches(ResourcePattern pattern) {
        return switch (patterns) {
            case ANY -> name == null || name.equals(pattern.name());
            case MATCH -> name == null || pattern.covers(name);
            case LITERAL ->
                pattern.match() == ResourcePattern.Match.LITERAL && (name == null || name.equals(pattern.name()));
            case PREFIXED ->
                pattern.match() == ResourcePattern.Match.PREFIXED && (name == null || name.equals(pattern.name()));
        };
    }
}
