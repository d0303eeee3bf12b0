package io.reactivemq.engine;

import io.reactivemq.broker.AclBinding;
import io.reactivemq.broker.AclFilter;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.QuotaChange;
import io.reactivemq.broker.QuotaEntity;
import io.reactivemq.broker.ScramCredential;
import io.reactivemq.broker.ScramMechanism;
import io.reactivemq.broker.SecurityApi;
import io.reactivemq.broker.SecurityImage;
import io.reactivemq.coordinator.Coordinator;
import io.reactivemq.coordinator.CoordinatorResult;
import io.reactivemq.metadata.MetadataShard;
import io.reactivemq.metadata.SecurityState;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import reactor.core.publisher.Mono;

/** ACLs, credentials and quotas in the broker's metadata. Safe for many threads: what holds is one immutable image, replaced when a change is durable. */
final class SecurityStore implements SecurityApi {

    private final Coordinator<MetadataShard> metadata;

    /** Written in the order of the coordinator's answers, which come one at a time. */
    private volatile SecurityImage current = SecurityImage.EMPTY;

    SecurityStore(Coordinator<MetadataShard> metadata) {
        this.metadata = metadata;
    }

    /** Takes over what the metadata has. */
    Mono<Void> load() {
        return metadata.read(machine -> machine.security().image())
                .doOnNext(image -> current = image)
                .then();
    }

    @Override
    public SecurityImage current() {
        return current;
    }

    @Override
    public Mono<Void> createAcls(Caller caller, Collection<AclBinding> acls) {
        Set<AclBinding> wanted = Set.copyOf(acls);
        return change(state -> state.createAcls(wanted)).then();
    }

    @Override
    public Mono<List<AclBinding>> deleteAcls(Caller caller, AclFilter filter) {
        return change(state -> state.deleteAcls(filter));
    }

    @Override
    public Mono<List<AclBinding>> describeAcls(Caller caller, AclFilter filter) {
        return Mono.fromSupplier(
                () -> current.acls().stream().filter(filter::matches).toList());
    }

    @Override
    public Mono<Void> upsertCredential(Caller caller, String user, ScramCredential credential) {
        return change(state -> state.upsert(user, credential)).then();
    }

    @Override
    public Mono<Void> deleteCredential(Caller caller, String user, ScramMechanism mechanism) {
        return change(state -> state.delete(user, mechanism)).then();
    }

    @Override
    public Mono<Map<String, Map<ScramMechanism, ScramCredential>>> describeCredentials(Caller caller) {
        return Mono.fromSupplier(() -> current.credentials());
    }

    @Override
    public Mono<byte[]> keepSecret(byte[] fresh) {
        byte[] own = fresh.clone();
        return change(state -> state.keepSecret(own));
    }

    @Override
    public Mono<Void> alterQuotas(Caller caller, QuotaEntity entity, List<QuotaChange> changes) {
        List<QuotaChange> wanted = List.copyOf(changes);
        return change(state -> state.alter(entity, wanted)).then();
    }

    @Override
    public Mono<Void> validateQuotas(Caller caller, QuotaEntity entity, List<QuotaChange> changes) {
        List<QuotaChange> wanted = List.copyOf(changes);
        return metadata.read(machine -> machine.security().alter(entity, wanted))
                .then();
    }

    @Override
    public Mono<Map<QuotaEntity, Map<String, Double>>> describeQuotas(Caller caller) {
        return Mono.fromSupplier(() -> current.quotas());
    }

    /** Once subscribed it runs to its end, whoever cancels: what is recorded has to hold too. */
    private <R> Mono<R> change(Function<SecurityState, CoordinatorResult<R>> change) {
        Mono<R> work = metadata.handle(machine -> change.apply(machine.security()))
                .flatMap(result -> load().thenReturn(result));
        return Uncancelled.of(work);
    }
}
