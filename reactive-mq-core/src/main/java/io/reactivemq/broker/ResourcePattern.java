package io.reactivemq.broker;

import java.util.Objects;

/**
 * The resources that an ACL is about.
 *
 * @param type of what kind they are
 * @param name their name, the prefix of their names, or {@value #WILDCARD} for each of that type
 * @param match how the name is meant
 */
public record ResourcePattern(ResourceType type, String name, Match match) {

    /** As a literal name: any. */
    public static final String WILDCARD = "*";

    /** The name of the one resource of type {@link ResourceType#CLUSTER}. */
    public static final String CLUSTER_NAME = "kafka-cluster";

    /** The broker as a whole. */
    public static final ResourcePattern CLUSTER = literal(ResourceType.CLUSTER, CLUSTER_NAME);

    /** How a name is meant, with Kafka's numbers. */
    public enum Match {
        LITERAL(3),
        PREFIXED(4);

        private final byte code;

        Match(int code) {
            this.code = (byte) code;
        }

        /** Kafka's number of it. */
        public byte code() {
            return code;
        }
    }

    public ResourcePattern {
        Objects.requireNonNull(type, "type");
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(match, "match");
        if (name.isEmpty()) {
            throw new IllegalArgumentException("name: expected 1 character or more, was ''");
        }
        if (type == ResourceType.CLUSTER && !(name.equals(CLUSTER_NAME) || name.equals(WILDCARD))) {
            throw new IllegalArgumentException(
                    "name of the cluster: expected " + CLUSTER_NAME + ", was '" + name + "'");
        }
    }

    /** One resource, or with {@value #WILDCARD} each of the type. */
    public static ResourcePattern literal(ResourceType type, String name) {
        return new ResourcePattern(type, name, Match.LITERAL);
    }

    /** The resources whose names begin so. */
    public static ResourcePattern prefixed(ResourceType type, String prefix) {
        return new ResourcePattern(type, prefix, Match.PREFIXED);
    }

    /** Whether a resource of this type and with that name is among them. */
    public boolean covers(String resource) {
        return switch (match) {
            case LITERAL -> name.equals(WILDCARD) || name.equals(resource);
            case PREFIXED -> resource.startsWith(name);
        };
    }
}
