package io.reactivemq.metadata;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.AclBinding;
import io.reactivemq.broker.AclFilter;
import io.reactivemq.broker.QuotaChange;
import io.reactivemq.broker.QuotaEntity;
import io.reactivemq.broker.ScramCredential;
import io.reactivemq.broker.ScramMechanism;
import io.reactivemq.broker.SecurityApi;
import io.reactivemq.broker.SecurityImage;
import io.reactivemq.coordinator.CoordinatorRecord;
import io.reactivemq.coordinator.CoordinatorResult;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** ACLs, credentials and quotas: the part of the metadata that the doors of the broker go by. Belongs to the coordinator's drain loop. */
public final class SecurityState {

    /** Each is looked at when one changes, and all are in memory. */
    static final int ACLS_MAX = 50_000;

    static final int CREDENTIALS_MAX = 50_000;
    static final int QUOTAS_MAX = 50_000;

    /** As the names of topics and more than the names of users need; so one entry stays small. */
    static final int NAME_CHARS_MAX = 1_024;

    private final Set<AclBinding> acls = new LinkedHashSet<>();
    private final Map<String, Map<ScramMechanism, ScramCredential>> credentials = new HashMap<>();
    private final Map<QuotaEntity, Map<String, Double>> quotas = new HashMap<>();

    /** Once there it never changes. */
    private byte @Nullable [] secret;

    SecurityState() {}

    /** What holds. */
    public SecurityImage image() {
        return new SecurityImage(acls, credentials, quotas);
    }

    /** Adds what is not there yet. */
    public CoordinatorResult<Boolean> createAcls(Collection<AclBinding> wanted) {
        Set<AclBinding> added = new LinkedHashSet<>(wanted);
        added.removeAll(acls);
        for (AclBinding acl : added) {
            requireShort("name of a resource", acl.pattern().name());
            requireShort("principal", acl.principal());
            requireShort("host", acl.host());
        }
        if (acls.size() + added.size() > ACLS_MAX) {
            throw new MqException(
                    ErrorCode.INVALID_REQUEST,
                    "there may be " + ACLS_MAX + " ACLs, there are " + acls.size() + ", and " + added.size()
                            + " would be added");
        }
        return new CoordinatorResult<>(added.stream().map(SecurityRecords::of).toList(), Boolean.TRUE);
    }

    /** Removes those that are meant; the response is which. */
    public CoordinatorResult<List<AclBinding>> deleteAcls(AclFilter filter) {
        List<AclBinding> ended = acls.stream().filter(filter::matches).toList();
        return new CoordinatorResult<>(ended.stream().map(SecurityRecords::end).toList(), ended);
    }

    /** Gives a user a credential. */
    public CoordinatorResult<Boolean> upsert(String user, ScramCredential credential) {
        if (user.isEmpty() || user.length() > NAME_CHARS_MAX) {
            throw new MqException(
                    ErrorCode.UNACCEPTABLE_CREDENTIAL,
                    "the name of a user has 1 to " + NAME_CHARS_MAX + " characters, this has " + user.length());
        }
        if (!credentials.containsKey(user) && credentials.size() >= CREDENTIALS_MAX) {
            throw new MqException(
                    ErrorCode.UNACCEPTABLE_CREDENTIAL, "there may be " + CREDENTIALS_MAX + " users, and there are");
        }
        return result(SecurityRecords.of(user, credential));
    }

    /** Takes a credential away. */
    public CoordinatorResult<Boolean> delete(String user, ScramMechanism mechanism) {
        Map<ScramMechanism, ScramCredential> own = credentials.get(user);
        if (own == null || !own.containsKey(mechanism)) {
            throw new MqException(
                    ErrorCode.RESOURCE_NOT_FOUND, "there is no credential of that user for " + mechanism.saslName());
        }
        return result(SecurityRecords.end(user, mechanism));
    }

    /** Changes the quotas of an entity. */
    public CoordinatorResult<Boolean> alter(QuotaEntity entity, List<QuotaChange> changes) {
        requireShort(entity.user());
        requireShort(entity.clientId());
        Map<String, Double> own = new HashMap<>(quotas.getOrDefault(entity, Map.of()));
        for (QuotaChange change : changes) {
            if (!SecurityApi.QUOTAS.contains(change.key())) {
                throw new MqException(
                        ErrorCode.INVALID_REQUEST,
                        "quotas are " + SecurityApi.QUOTAS.stream().sorted().toList() + ", was '" + change.key() + "'");
            }
            Double value = change.value();
            if (value == null) {
                own.remove(change.key());
            } else if (value > 0 && !value.isInfinite()) {
                own.put(change.key(), value);
            } else {
                throw new MqException(
                        ErrorCode.INVALID_REQUEST, change.key() + " must be more than 0, was " + change.value());
            }
        }
        if (own.equals(quotas.getOrDefault(entity, Map.of()))) {
            return CoordinatorResult.of(Boolean.TRUE);
        }
        if (!quotas.containsKey(entity) && quotas.size() >= QUOTAS_MAX) {
            throw new MqException(
                    ErrorCode.INVALID_REQUEST, "there may be quotas of " + QUOTAS_MAX + " entities, and there are");
        }
        return result(SecurityRecords.of(entity, own));
    }

    /** The secret that is kept: the first one. */
    public CoordinatorResult<byte[]> keepSecret(byte[] fresh) {
        byte[] kept = secret;
        return kept == null
                ? new CoordinatorResult<>(List.of(SecurityRecords.ofSecret(fresh)), fresh.clone())
                : CoordinatorResult.of(kept.clone());
    }

    private static CoordinatorResult<Boolean> result(CoordinatorRecord record) {
        return new CoordinatorResult<>(List.of(record), Boolean.TRUE);
    }

    private static void requireShort(QuotaEntity.@Nullable Part part) {
        String name = part == null ? null : part.name();
        if (name != null) {
            requireShort("name of a quota's entity", name);
        }
    }

    private static void requireShort(String what, String text) {
        if (text.length() > NAME_CHARS_MAX) {
            throw new MqException(
                    ErrorCode.INVALID_REQUEST,
                    what + " has " + NAME_CHARS_MAX + " characters at most, this has " + text.length());
        }
    }

    /** Takes one of its records in; false where it is of another kind. */
    boolean replay(ByteBuffer key, @Nullable ByteBuffer value) {
        switch (key.getShort(key.position())) {
            case SecurityRecords.ACL -> {
                key.getShort();
                AclBinding acl = SecurityRecords.readAcl(key);
                if (value == null) {
                    acls.remove(acl);
                } else {
                    acls.add(acl);
                }
            }
            case SecurityRecords.CREDENTIAL -> {
                key.getShort();
                ScramMechanism mechanism = SecurityRecords.readMechanism(key);
                replay(SecurityRecords.readString(key), mechanism, value);
            }
            case SecurityRecords.QUOTA -> {
                key.getShort();
                QuotaEntity entity = SecurityRecords.readEntity(key);
                if (value == null) {
                    quotas.remove(entity);
                } else {
                    quotas.put(entity, SecurityRecords.readQuotas(value));
                }
            }
            case SecurityRecords.SECRET -> {
                if (value != null) {
                    secret = SecurityRecords.readSecret(value);
                }
            }
            default -> {
                return false;
            }
        }
        return true;
    }

    private void replay(String user, ScramMechanism mechanism, @Nullable ByteBuffer value) {
        if (value != null) {
            credentials
                    .computeIfAbsent(user, name -> new EnumMap<>(ScramMechanism.class))
                    .put(mechanism, SecurityRecords.readCredential(mechanism, value));
            return;
        }
        Map<ScramMechanism, ScramCredential> own = credentials.get(user);
        if (own != null) {
            own.remove(mechanism);
            if (own.isEmpty()) {
                credentials.remove(user);
            }
        }
    }
}
