package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.GroupType;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.DeleteGroupsRequestData;
import io.reactivemq.kafka.common.message.DeleteGroupsResponseData;
import io.reactivemq.kafka.common.message.DeleteGroupsResponseData.DeletableGroupResult;
import io.reactivemq.kafka.common.message.DescribeGroupsRequestData;
import io.reactivemq.kafka.common.message.DescribeGroupsResponseData;
import io.reactivemq.kafka.common.message.DescribeGroupsResponseData.DescribedGroup;
import io.reactivemq.kafka.common.message.DescribeGroupsResponseData.DescribedGroupMember;
import io.reactivemq.kafka.common.message.ListGroupsRequestData;
import io.reactivemq.kafka.common.message.ListGroupsResponseData;
import io.reactivemq.kafka.common.message.ListGroupsResponseData.ListedGroup;
import io.reactivemq.netty.security.Authorizer;
import java.util.List;
import java.util.Locale;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Groups from outside: DescribeGroups, ListGroups, DeleteGroups. */
final class GroupAdminApis {

    private static final int STATES = 4;
    private static final int TYPES = 5;

    /** From here on a group that is not there is an error, and errors have messages (KIP-1043). */
    private static final int NOT_FOUND_IS_AN_ERROR = 6;

    /** From here on DeleteGroups says why in words. */
    private static final int MESSAGE = 3;

    private final Broker broker;
    private final AuthorizedOperations operations;

    GroupAdminApis(Broker broker, Authorizer authorizer) {
        this.broker = broker;
        this.operations = new AuthorizedOperations(authorizer);
    }

    void register(ApiTable apis) {
        apis.serve(ApiMessageType.DESCRIBE_GROUPS, 0, 6, DescribeGroupsRequestData.class, this::describeGroups);
        apis.serve(ApiMessageType.LIST_GROUPS, 0, 5, ListGroupsRequestData.class, this::listGroups);
        apis.serve(ApiMessageType.DELETE_GROUPS, 0, 3, DeleteGroupsRequestData.class, this::deleteGroups);
    }

    private Mono<DescribeGroupsResponseData> describeGroups(ApiRequest request, DescribeGroupsRequestData body) {
        return Flux.fromIterable(body.groups())
                // named twice, answered once
                .distinct()
                .concatMap(id -> broker.describeGroup(request.caller(), id)
                        .flatMap(group -> group.type() == GroupType.CLASSIC
                                ? Mono.just(described(request, body, group))
                                : Refusal.of(
                                        ErrorCode.GROUP_ID_NOT_FOUND,
                                        "group '" + id + "' is of the "
                                                + group.type().text() + " protocol"))
                        .onErrorResume(MqException.class, failure -> Mono.just(notDescribed(request, id, failure))))
                .collectList()
                .map(groups -> new DescribeGroupsResponseData().setGroups(groups));
    }

    private DescribedGroup described(ApiRequest request, DescribeGroupsRequestData body, GroupDescription group) {
        DescribedGroup described = new DescribedGroup()
                .setGroupId(group.groupId())
                .setGroupState(group.state().text())
                .setProtocolType(group.protocolType())
                .setProtocolData(group.assignor())
                .setMembers(group.members().stream()
                        .map(member -> new DescribedGroupMember()
                                .setMemberId(member.memberId())
                                .setGroupInstanceId(member.instanceId())
                                .setClientId(member.clientId())
                                .setClientHost(member.host())
                                .setMemberMetadata(ClassicGroupApis.bytes(member.metadata()))
                                .setMemberAssignment(ClassicGroupApis.bytes(member.assignment())))
                        .toList());
        return body.includeAuthorizedOperations()
                ? described.setAuthorizedOperations(operations.ofGroup(request.caller(), group.groupId()))
                : described;
    }

    private static DescribedGroup notDescribed(ApiRequest request, String id, MqException failure) {
        DescribedGroup group = new DescribedGroup().setGroupId(id).setGroupState(GroupDescription.State.DEAD.text());
        if (request.version() >= NOT_FOUND_IS_AN_ERROR) {
            group.setErrorMessage(failure.getMessage());
        } else if (failure.errorCode() == ErrorCode.GROUP_ID_NOT_FOUND) {
            return group;
        }
        return group.setErrorCode(failure.errorCode().code());
    }

    private Mono<ListGroupsResponseData> listGroups(ApiRequest request, ListGroupsRequestData body) {
        List<String> states = lowerCase(body.statesFilter());
        List<String> types = lowerCase(body.typesFilter());
        return broker.listGroups(request.caller())
                .map(groups -> groups.stream()
                        .filter(group -> states.isEmpty()
                                || states.contains(group.state().text().toLowerCase(Locale.ROOT)))
                        .filter(group -> types.isEmpty()
                                || types.contains(group.type().text().toLowerCase(Locale.ROOT)))
                        .map(group -> {
                            ListedGroup listed = new ListedGroup()
                                    .setGroupId(group.groupId())
                                    .setProtocolType(group.protocolType());
                            if (request.version() >= STATES) {
                                listed.setGroupState(group.state().text());
                            }
                            return request.version() < TYPES
                                    ? listed
                                    : listed.setGroupType(group.type().text());
                        })
                        .toList())
                .map(groups -> new ListGroupsResponseData().setGroups(groups))
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(new ListGroupsResponseData()
                                .setErrorCode(failure.errorCode().code())));
    }

    private static List<String> lowerCase(List<String> filter) {
        return filter.stream().map(text -> text.toLowerCase(Locale.ROOT)).toList();
    }

    private Mono<DeleteGroupsResponseData> deleteGroups(ApiRequest request, DeleteGroupsRequestData body) {
        return Flux.fromIterable(body.groupsNames())
                .distinct()
                .concatMap(id -> broker.deleteGroup(request.caller(), id)
                        .thenReturn(new DeletableGroupResult().setGroupId(id))
                        .onErrorResume(
                                MqException.class,
                                failure -> Mono.just(new DeletableGroupResult()
                                        .setGroupId(id)
                                        .setErrorCode(failure.errorCode().code())
                                        .setErrorMessage(request.version() < MESSAGE ? null : failure.getMessage()))))
                .collectList()
                .map(results -> {
                    DeleteGroupsResponseData response = new DeleteGroupsResponseData();
                    results.forEach(result -> response.results().add(result));
                    return response;
                });
    }
}
