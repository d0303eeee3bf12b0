package io.reactivemq.netty.security;

import io.reactivemq.broker.AclBinding;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.AclPermission;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ResourcePattern;
import io.reactivemq.broker.ResourceType;
import io.reactivemq.broker.SecurityImage;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;

/**
 * Decides who may do what, by Kafka's rules: a super user may do all; who is denied may not, whatever else allows it; who is allowed may; all others may
 * not. Until the first ACL is set, and where no authentication is asked for, everyone may do all.
 *
 * <p>Safe for many threads. The ACLs are sorted anew when they have changed.
 */
public final class Authorizer {

    private static final String ANY = ResourcePattern.WILDCARD;

    private final Supplier<SecurityImage> image;
    private final Set<String> superUsers;
    private final boolean closed;

    private volatile Index index = new Index(Set.of());

    /**
     * @param image what holds at the time
     * @param superUsers principals that may do all
     * @param closed whether all is denied that no ACL allows, also where there is none
     */
    public Authorizer(Supplier<SecurityImage> image, Collection<String> superUsers, boolean closed) {
        this.image = image;
        this.superUsers = Set.copyOf(superUsers);
        this.closed = closed;
    }

    /** Whether anybody is denied anything. */
    public boolean isOn() {
        return closed || !image.get().acls().isEmpty();
    }

    /** Whether the caller may do that to the resource of that name. */
    public boolean allows(Caller caller, AclOperation operation, ResourceType type, String name) {
        if (!isOn() || superUsers.contains(caller.principal())) {
            return true;
        }
        boolean allowed = false;
        for (AclBinding acl : index().covering(type, name)) {
            if (isAbout(acl, caller)) {
                if (acl.permission() == AclPermission.DENY) {
                    if (acl.operation() == operation || acl.operation() == AclOperation.ALL) {
                        return false;
                    }
                } else {
                    allowed |= acl.operation().implies(operation);
                }
            }
        }
        return allowed;
    }

    /** Whether the caller may do that to the broker as a whole. */
    public boolean allowsCluster(Caller caller, AclOperation operation) {
        return allows(caller, operation, ResourceType.CLUSTER, ResourcePattern.CLUSTER_NAME);
    }

    /** Whether there may be a resource of that type to which the caller may do that. */
    public boolean allowsAny(Caller caller, AclOperation operation, ResourceType type) {
        if (!isOn() || superUsers.contains(caller.principal())) {
            return true;
        }
        List<AclBinding> own =
                index().of(type).stream().filter(acl -> isAbout(acl, caller)).toList();
        List<ResourcePattern> denied = own.stream()
                .filter(acl -> acl.permission() == AclPermission.DENY
                        && (acl.operation() == operation || acl.operation() == AclOperation.ALL))
                .map(AclBinding::pattern)
                .toList();
        return own.stream()
                .filter(acl -> acl.permission() == AclPermission.ALLOW
                        && acl.operation().implies(operation))
                .anyMatch(acl -> denied.stream().noneMatch(pattern -> swallows(pattern, acl.pattern())));
    }

    /** Whether all that the second covers is covered by the first. */
    private static boolean swallows(ResourcePattern first, ResourcePattern second) {
        boolean all =
                second.match() == ResourcePattern.Match.LITERAL && second.name().equals(ANY);
        return switch (first.match()) {
            case LITERAL ->
                first.name().equals(ANY)
                        || (second.match() == first.match() && second.name().equals(first.name()));
            case PREFIXED -> !all && second.name().startsWith(first.name());
        };
    }

    private static boolean isAbout(AclBinding acl, Caller caller) {
        return (acl.principal().equals(caller.principal()) || acl.principal().equals(AclBinding.ANY_USER))
                && (acl.host().equals(AclBinding.ANY_HOST) || isFrom(caller.host(), acl.host()));
    }

    /** As Kafka writes it, the host of a caller begins with a slash. */
    private static boolean isFrom(String caller, String host) {
        return caller.startsWith("/")
                ? caller.startsWith(host, 1) && caller.length() == host.length() + 1
                : caller.equals(host);
    }

    @SuppressWarnings("ReferenceEquality") // the image is replaced as a whole; equal sets would take long to compare
    private Index index() {
        Set<AclBinding> acls = image.get().acls();
        Index sorted = index;
        if (sorted.acls != acls) {
            sorted = new Index(acls);
            index = sorted;
        }
        return sorted;
    }

    /** The ACLs by what finds them: type and name, or type and prefix. */
    private static final class Index {

        private final Set<AclBinding> acls;
        private final Map<ResourceType, ByName> types = new EnumMap<>(ResourceType.class);

        Index(Set<AclBinding> acls) {
            this.acls = acls;
            acls.forEach(acl -> types.computeIfAbsent(acl.pattern().type(), type -> new ByName())
                    .add(acl));
        }

        List<AclBinding> covering(ResourceType type, String name) {
            ByName found = types.get(type);
            return found == null ? List.of() : found.covering(name);
        }

        List<AclBinding> of(ResourceType type) {
            ByName found = types.get(type);
            return found == null ? List.of() : found.all;
        }
    }

    private static final class ByName {

        private final List<AclBinding> all = new ArrayList<>();
        private final Map<String, List<AclBinding>> literal = new HashMap<>();
        private final Map<String, List<AclBinding>> prefixed = new HashMap<>();
        private final TreeSet<Integer> prefixLengths = new TreeSet<>();

        void add(AclBinding acl) {
            ResourcePattern pattern = acl.pattern();
            all.add(acl);
            boolean byPrefix = pattern.match() == ResourcePattern.Match.PREFIXED;
            (byPrefix ? prefixed : literal)
                    .computeIfAbsent(pattern.name(), name -> new ArrayList<>())
                    .add(acl);
            if (byPrefix) {
                prefixLengths.add(pattern.name().length());
            }
        }

        List<AclBinding> covering(String name) {
            List<AclBinding> found = new ArrayList<>(literal.getOrDefault(name, List.of()));
            if (!name.equals(ANY)) {
                found.addAll(literal.getOrDefault(ANY, List.of()));
            }
            for (int length : prefixLengths) {
                if (length > name.length()) {
                    break;
                }
                found.addAll(prefixed.getOrDefault(name.substring(0, length), List.of()));
            }
            return found;
        }
    }
}
