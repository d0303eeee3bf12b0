package io.reactivemq.broker;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import reactor.core.publisher.Mono;

/**
 * ACLs, credentials and quotas: what the doors of a broker go by, such as a server. The broker keeps them with its metadata; it does not hold
 * applications in its own JVM to them.
 *
 * <p>When a Mono of a change completes, the change survives what the broker's metadata survives, and {@link #current()} has it.
 */
public interface SecurityApi {

    /** The quotas there are, by Kafka's names. The last two are kept, and nobody is held to them. */
    Set<String> QUOTAS =
            Set.of("producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate");

    /** What holds now; costs nothing, and never waits. */
    SecurityImage current();

    /** Adds ACLs, all or none; one that is there already stays. {@code INVALID_REQUEST} where there would be too many. */
    Mono<Void> createAcls(Caller caller, Collection<AclBinding> acls);

    /** {@link #createAcls(Caller, Collection)} by this application. */
    default Mono<Void> createAcls(AclBinding... acls) {
        return createAcls(Caller.embedded("admin"), List.of(acls));
    }

    /** Removes the ACLs that are meant, and says which those were. */
    Mono<List<AclBinding>> deleteAcls(Caller caller, AclFilter filter);

    /** The ACLs that are meant. */
    Mono<List<AclBinding>> describeAcls(Caller caller, AclFilter filter);

    /** Gives a user a credential, in the place of the one of that mechanism. {@code UNACCEPTABLE_CREDENTIAL} for an empty name, or too many. */
    Mono<Void> upsertCredential(Caller caller, String user, ScramCredential credential);

    /** {@link #upsertCredential(Caller, String, ScramCredential)} by this application. */
    default Mono<Void> upsertCredential(String user, ScramCredential credential) {
        return upsertCredential(Caller.embedded("admin"), user, credential);
    }

    /** Takes a credential away; {@code RESOURCE_NOT_FOUND} where there is none. Who is connected with it stays so. */
    Mono<Void> deleteCredential(Caller caller, String user, ScramMechanism mechanism);

    /** The credentials of all users, by user and mechanism. */
    Mono<Map<String, Map<ScramMechanism, ScramCredential>>> describeCredentials(Caller caller);

    /**
     * Keeps a secret of the doors of this broker: what they make of it stays the same when they close and open again.
     *
     * @param fresh what nobody can guess, 32 bytes say
     * @return the secret that is kept: this one, or an earlier one where there is one
     */
    Mono<byte[]> keepSecret(byte[] fresh);

    /** Changes quotas of an entity, all or none. {@code INVALID_REQUEST} for a quota there is not, or a value that is not more than 0. */
    Mono<Void> alterQuotas(Caller caller, QuotaEntity entity, List<QuotaChange> changes);

    /** Whether {@link #alterQuotas(Caller, QuotaEntity, List)} would do it: completes, or fails as that. Changes nothing. */
    Mono<Void> validateQuotas(Caller caller, QuotaEntity entity, List<QuotaChange> changes);

    /** {@link #alterQuotas(Caller, QuotaEntity, List)} by this application. */
    default Mono<Void> alterQuotas(QuotaEntity entity, QuotaChange... changes) {
        return alterQuotas(Caller.embedded("admin"), entity, List.of(changes));
    }

    /** All quotas, by entity and Kafka's name. */
    Mono<Map<QuotaEntity, Map<String, Double>>> describeQuotas(Caller caller);
}
