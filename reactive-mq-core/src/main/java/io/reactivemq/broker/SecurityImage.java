package io.reactivemq.broker;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a broker keeps for its doors at one moment: who may do what, what proves who one is, and how much each may have. Immutable.
 *
 * @param acls who may do what
 * @param credentials by user and mechanism
 * @param quotas by entity and Kafka's name of the quota
 */
public record SecurityImage(
        Set<AclBinding> acls,
        Map<String, Map<ScramMechanism, ScramCredential>> credentials,
        Map<QuotaEntity, Map<String, Double>> quotas) {

    /** Nothing is set. */
    public static final SecurityImage EMPTY = new SecurityImage(Set.of(), Map.of(), Map.of());

    public SecurityImage {
        acls = Set.copyOf(acls);
        credentials = copyOf(credentials);
        quotas = copyOf(quotas);
    }

    private static <K, A, B> Map<K, Map<A, B>> copyOf(Map<K, Map<A, B>> from) {
        Map<K, Map<A, B>> copy = new HashMap<>();
        from.forEach((key, inner) -> copy.put(key, Map.copyOf(inner)));
        return Map.copyOf(copy);
    }

    /** A user's credential; null where there is none. */
    public @Nullable ScramCredential credential(String user, ScramMechanism mechanism) {
        Map<ScramMechanism, ScramCredential> own = credentials.get(user);
        return own == null ? null : own.get(mechanism);
    }

    @Override
    public String toString() {
        return "SecurityImage[" + acls.size() + " ACLs, credentials of " + credentials.size() + " users, quotas of "
                + quotas.size() + " entities]";
    }
}
