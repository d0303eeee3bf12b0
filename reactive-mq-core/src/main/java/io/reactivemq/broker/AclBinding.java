package io.reactivemq.broker;

import java.util.Objects;

/**
 * An access control list's entry: who may, or may not, do what to which resources.
 *
 * @param pattern the resources
 * @param principal the user, as {@code User:name}; {@value #ANY_USER} for each
 * @param host the address it comes from; {@value #ANY_HOST} for any
 * @param operation what is done
 * @param permission whether it is allowed
 */
public record AclBinding(
        ResourcePattern pattern, String principal, String host, AclOperation operation, AclPermission permission) {

    public static final String ANY_USER = "User:*";
    public static final String ANY_HOST = "*";

    public AclBinding {
        Objects.requireNonNull(pattern, "pattern");
        Objects.requireNonNull(principal, "principal");
        Objects.requireNonNull(host, "host");
        Objects.requireNonNull(operation, "operation");
        Objects.requireNonNull(permission, "permission");
        if (principal.indexOf(':') < 1) {
            throw new IllegalArgumentException("principal: expected type:name, was '" + principal + "'");
        }
        if (host.isEmpty()) {
            throw new IllegalArgumentException("host: expected an address or " + ANY_HOST + ", was ''");
        }
    }

    /** Allows a user, from any address. */
    public static AclBinding allow(String principal, AclOperation operation, ResourcePattern pattern) {
        return new AclBinding(pattern, principal, ANY_HOST, operation, AclPermission.ALLOW);
    }

    /** Denies a user, from any address. */
    public static AclBinding deny(String principal, AclOperation operation, ResourcePattern pattern) {
        return new AclBinding(pattern, principal, ANY_HOST, operation, AclPermission.DENY);
    }
}
