package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.AclBinding;
import io.reactivemq.broker.AclFilter;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.AclPermission;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.ResourcePattern;
import io.reactivemq.broker.ResourceType;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.CreateAclsRequestData;
import io.reactivemq.kafka.common.message.CreateAclsRequestData.AclCreation;
import io.reactivemq.kafka.common.message.CreateAclsResponseData;
import io.reactivemq.kafka.common.message.CreateAclsResponseData.AclCreationResult;
import io.reactivemq.kafka.common.message.DeleteAclsRequestData;
import io.reactivemq.kafka.common.message.DeleteAclsRequestData.DeleteAclsFilter;
import io.reactivemq.kafka.common.message.DeleteAclsResponseData;
import io.reactivemq.kafka.common.message.DeleteAclsResponseData.DeleteAclsFilterResult;
import io.reactivemq.kafka.common.message.DeleteAclsResponseData.DeleteAclsMatchingAcl;
import io.reactivemq.kafka.common.message.DescribeAclsRequestData;
import io.reactivemq.kafka.common.message.DescribeAclsResponseData;
import io.reactivemq.kafka.common.message.DescribeAclsResponseData.AclDescription;
import io.reactivemq.kafka.common.message.DescribeAclsResponseData.DescribeAclsResource;
import io.reactivemq.netty.protocol.ProtocolError;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** ACLs: CreateAcls, DeleteAcls, DescribeAcls. */
final class AclApis {

    /** What a filter leaves open, in all of Kafka's numbers. */
    private static final byte ANY = 1;

    private final Broker broker;

    AclApis(Broker broker) {
        this.broker = broker;
    }

    void register(ApiTable apis) {
        apis.serve(ApiMessageType.CREATE_ACLS, 1, 3, CreateAclsRequestData.class, this::create);
        apis.serve(ApiMessageType.DELETE_ACLS, 1, 3, DeleteAclsRequestData.class, this::delete);
        apis.serve(ApiMessageType.DESCRIBE_ACLS, 1, 3, DescribeAclsRequestData.class, this::describe);
    }

    /** Those that are well formed are created together, all or none. */
    private Mono<CreateAclsResponseData> create(ApiRequest request, CreateAclsRequestData body) {
        List<AclBinding> wanted = new ArrayList<>();
        List<@Nullable MqException> refusals = new ArrayList<>();
        for (AclCreation creation : body.creations()) {
            MqException refusal = null;
            try {
                wanted.add(binding(creation));
            } catch (MqException e) {
                refusal = e;
            }
            refusals.add(refusal);
        }
        return broker.security()
                .createAcls(request.caller(), wanted)
                .then(Mono.just(created(refusals, null)))
                .onErrorResume(MqException.class, failure -> Mono.just(created(refusals, failure)));
    }

    private static CreateAclsResponseData created(List<@Nullable MqException> refusals, @Nullable MqException ofAll) {
        List<AclCreationResult> results = new ArrayList<>();
        for (MqException refusal : refusals) {
            MqException reason = refusal == null ? ofAll : refusal;
            results.add(new AclCreationResult()
                    .setErrorCode(ProtocolError.codeOf(reason))
                    .setErrorMessage(ProtocolError.messageOf(reason)));
        }
        return new CreateAclsResponseData().setResults(results);
    }

    private static AclBinding binding(AclCreation creation) {
        ResourceType type = required(ResourceType.values(), ResourceType::code, creation.resourceType(), "resource");
        ResourcePattern.Match match = required(
                ResourcePattern.Match.values(), ResourcePattern.Match::code, creation.resourcePatternType(), "pattern");
        AclOperation operation = required(AclOperation.values(), AclOperation::code, creation.operation(), "operation");
        AclPermission permission =
                required(AclPermission.values(), AclPermission::code, creation.permissionType(), "permission");
        try {
            return new AclBinding(
                    new ResourcePattern(type, creation.resourceName(), match),
                    creation.principal(),
                    creation.host(),
                    operation,
                    permission);
        } catch (IllegalArgumentException e) {
            throw new MqException(ErrorCode.INVALID_REQUEST, String.valueOf(e.getMessage()), e);
        }
    }

    private Mono<DeleteAclsResponseData> delete(ApiRequest request, DeleteAclsRequestData body) {
        return Flux.fromIterable(body.filters())
                .concatMap(filter -> Refusal.orElse(
                                () -> broker.security().deleteAcls(request.caller(), filter(filter)))
                        .map(deleted -> new DeleteAclsFilterResult()
                                .setMatchingAcls(
                                        deleted.stream().map(AclApis::deleted).toList()))
                        .onErrorResume(
                                MqException.class,
                                failure -> Mono.just(new DeleteAclsFilterResult()
                                        .setErrorCode(failure.errorCode().code())
                                        .setErrorMessage(failure.getMessage()))))
                .collectList()
                .map(results -> new DeleteAclsResponseData().setFilterResults(results));
    }

    private static AclFilter filter(DeleteAclsFilter asked) {
        return filter(
                asked.resourceTypeFilter(),
                asked.resourceNameFilter(),
                asked.patternTypeFilter(),
                asked.principalFilter(),
                asked.hostFilter(),
                asked.operation(),
                asked.permissionType());
    }

    private static AclFilter filter(
            byte type,
            @Nullable String name,
            byte patterns,
            @Nullable String principal,
            @Nullable String host,
            byte operation,
            byte permission) {
        return new AclFilter(
                type == ANY ? null : required(ResourceType.values(), ResourceType::code, type, "resource"),
                name,
                required(AclFilter.Patterns.values(), AclFilter.Patterns::code, patterns, "pattern"),
                principal,
                host,
                operation == ANY ? null : required(AclOperation.values(), AclOperation::code, operation, "operation"),
                permission == ANY
                        ? null
                        : required(AclPermission.values(), AclPermission::code, permission, "permission"));
    }

    private static DeleteAclsMatchingAcl deleted(AclBinding acl) {
        return new DeleteAclsMatchingAcl()
                .setResourceType(acl.pattern().type().code())
                .setResourceName(acl.pattern().name())
                .setPatternType(acl.pattern().match().code())
                .setPrincipal(acl.principal())
                .setHost(acl.host())
                .setOperation(acl.operation().code())
                .setPermissionType(acl.permission().code());
    }

    private Mono<DescribeAclsResponseData> describe(ApiRequest request, DescribeAclsRequestData body) {
        return Refusal.orElse(() -> broker.security()
                        .describeAcls(
                                request.caller(),
                                filter(
                                        body.resourceTypeFilter(),
                                        body.resourceNameFilter(),
                                        body.patternTypeFilter(),
                                        body.principalFilter(),
                                        body.hostFilter(),
                                        body.operation(),
                                        body.permissionType())))
                .map(AclApis::described)
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(new DescribeAclsResponseData()
                                .setErrorCode(failure.errorCode().code())
                                .setErrorMessage(failure.getMessage())));
    }

    private static DescribeAclsResponseData described(List<AclBinding> acls) {
        Map<ResourcePattern, List<AclDescription>> byPattern = new LinkedHashMap<>();
        acls.forEach(acl -> byPattern
                .computeIfAbsent(acl.pattern(), pattern -> new ArrayList<>())
                .add(new AclDescription()
                        .setPrincipal(acl.principal())
                        .setHost(acl.host())
                        .setOperation(acl.operation().code())
                        .setPermissionType(acl.permission().code())));
        List<DescribeAclsResource> resources = new ArrayList<>();
        byPattern.forEach((pattern, described) -> resources.add(new DescribeAclsResource()
                .setResourceType(pattern.type().code())
                .setResourceName(pattern.name())
                .setPatternType(pattern.match().code())
                .setAcls(described)));
        return new DescribeAclsResponseData().setResources(resources);
    }

    private static <T> T required(T[] values, ToIntFunction<T> code, byte number, String what) {
        for (T value : values) {
            if (code.applyAsInt(value) == number) {
                return value;
            }
        }
        throw new MqException(ErrorCode.INVALID_REQUEST, "there is no type of " + what + " " + number);
    }
}
