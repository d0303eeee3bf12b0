package io.reactivemq.netty.security;

import io.reactivemq.ErrorCode;
import io.reactivemq.broker.AclBinding;
import io.reactivemq.broker.AclFilter;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.QuotaChange;
import io.reactivemq.broker.QuotaEntity;
import io.reactivemq.broker.ScramCredential;
import io.reactivemq.broker.ScramMechanism;
import io.reactivemq.broker.SecurityApi;
import io.reactivemq.broker.SecurityImage;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import reactor.core.publisher.Mono;

/** ACLs, credentials and quotas as those may see and change them whom the ACLs allow it: all are the cluster's. */
final class AuthorizingSecurity implements SecurityApi {

    private final SecurityApi target;
    private final Authorizer authorizer;

    AuthorizingSecurity(SecurityApi target, Authorizer authorizer) {
        this.target = target;
        this.authorizer = authorizer;
    }

    /** For this server, not for its clients. */
    @Override
    public SecurityImage current() {
        return target.current();
    }

    @Override
    public Mono<Void> createAcls(Caller caller, Collection<AclBinding> acls) {
        return guarded(caller, AclOperation.ALTER, () -> target.createAcls(caller, acls));
    }

    @Override
    public Mono<List<AclBinding>> deleteAcls(Caller caller, AclFilter filter) {
        return guarded(caller, AclOperation.ALTER, () -> target.deleteAcls(caller, filter));
    }

    @Override
    public Mono<List<AclBinding>> describeAcls(Caller caller, AclFilter filter) {
        return guarded(caller, AclOperation.DESCRIBE, () -> target.describeAcls(caller, filter));
    }

    @Override
    public Mono<Void> upsertCredential(Caller caller, String user, ScramCredential credential) {
        return guarded(caller, AclOperation.ALTER, () -> target.upsertCredential(caller, user, credential));
    }

    @Override
    public Mono<Void> deleteCredential(Caller caller, String user, ScramMechanism mechanism) {
        return guarded(caller, AclOperation.ALTER, () -> target.deleteCredential(caller, user, mechanism));
    }

    @Override
    public Mono<Map<String, Map<ScramMechanism, ScramCredential>>> describeCredentials(Caller caller) {
        return guarded(caller, AclOperation.DESCRIBE, () -> target.describeCredentials(caller));
    }

    /** For this server, not for its clients. */
    @Override
    public Mono<byte[]> keepSecret(byte[] fresh) {
        return target.keepSecret(fresh);
    }

    @Override
    public Mono<Void> alterQuotas(Caller caller, QuotaEntity entity, List<QuotaChange> changes) {
        return guarded(caller, AclOperation.ALTER_CONFIGS, () -> target.alterQuotas(caller, entity, changes));
    }

    @Override
    public Mono<Void> validateQuotas(Caller caller, QuotaEntity entity, List<QuotaChange> changes) {
        return guarded(caller, AclOperation.ALTER_CONFIGS, () -> target.validateQuotas(caller, entity, changes));
    }

    @Override
    public Mono<Map<QuotaEntity, Map<String, Double>>> describeQuotas(Caller caller) {
        return guarded(caller, AclOperation.DESCRIBE_CONFIGS, () -> target.describeQuotas(caller));
    }

    private <T> Mono<T> guarded(Caller caller, AclOperation operation, Supplier<Mono<T>> request) {
        return AuthorizingBroker.guarded(
                authorizer.allowsCluster(caller, operation)
                        ? null
                        : AuthorizingBroker.denied(
                                ErrorCode.CLUSTER_AUTHORIZATION_FAILED, caller, operation, "the", "cluster"),
                request);
    }
}
