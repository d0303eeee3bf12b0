package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.ClassicHeartbeat;
import io.reactivemq.broker.ClassicJoin;
import io.reactivemq.broker.ClassicJoinResult;
import io.reactivemq.broker.ClassicLeave;
import io.reactivemq.broker.ClassicSync;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.HeartbeatRequestData;
import io.reactivemq.kafka.common.message.HeartbeatResponseData;
import io.reactivemq.kafka.common.message.JoinGroupRequestData;
import io.reactivemq.kafka.common.message.JoinGroupResponseData;
import io.reactivemq.kafka.common.message.JoinGroupResponseData.JoinGroupResponseMember;
import io.reactivemq.kafka.common.message.LeaveGroupRequestData;
import io.reactivemq.kafka.common.message.LeaveGroupResponseData;
import io.reactivemq.kafka.common.message.LeaveGroupResponseData.MemberResponse;
import io.reactivemq.kafka.common.message.SyncGroupRequestData;
import io.reactivemq.kafka.common.message.SyncGroupResponseData;
import io.reactivemq.netty.protocol.ProtocolError;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import reactor.core.publisher.Mono;

/** Members of the classic group protocol: JoinGroup, SyncGroup, Heartbeat, LeaveGroup. */
final class ClassicGroupApis {

    /** From here on a new member is told its id first (KIP-394). */
    private static final int MEMBER_ID_FIRST = 4;

    /** From here on the protocol's type may be null, and names go with an error too. */
    private static final int NULLABLE_PROTOCOL = 7;

    private static final int MAY_SKIP_ASSIGNMENT = 9;

    /** From here on several members leave in one request (KIP-345). */
    private static final int SEVERAL_LEAVE = 3;

    private final Broker broker;

    ClassicGroupApis(Broker broker) {
        this.broker = broker;
    }

    void register(ApiTable apis) {
        apis.serve(ApiMessageType.JOIN_GROUP, 0, 9, JoinGroupRequestData.class, this::joinGroup);
        apis.serve(ApiMessageType.SYNC_GROUP, 0, 5, SyncGroupRequestData.class, this::syncGroup);
        apis.serve(ApiMessageType.HEARTBEAT, 0, 4, HeartbeatRequestData.class, this::heartbeat);
        apis.serve(ApiMessageType.LEAVE_GROUP, 0, 5, LeaveGroupRequestData.class, this::leaveGroup);
    }

    private Mono<JoinGroupResponseData> joinGroup(ApiRequest request, JoinGroupRequestData body) {
        // version 0 has one timeout for both
        int rebalanceTimeoutMs = body.rebalanceTimeoutMs() < 0 ? body.sessionTimeoutMs() : body.rebalanceTimeoutMs();
        ClassicJoin join = new ClassicJoin(
                body.groupId(),
                body.memberId(),
                body.groupInstanceId(),
                body.protocolType(),
                body.protocols().stream()
                        .map(protocol ->
                                new ClassicJoin.Protocol(protocol.name(), ByteBuffer.wrap(protocol.metadata())))
                        .toList(),
                Duration.ofMillis(body.sessionTimeoutMs()),
                Duration.ofMillis(rebalanceTimeoutMs),
                request.version() >= MEMBER_ID_FIRST,
                request.version() >= MAY_SKIP_ASSIGNMENT,
                body.reason());
        return broker.joinClassic(request.caller(), join)
                .map(result -> joined(request, result))
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(
                                notJoined(request, failure.errorCode().code()).setMemberId(body.memberId())));
    }

    private static JoinGroupResponseData joined(ApiRequest request, ClassicJoinResult result) {
        if (result instanceof ClassicJoinResult.Joined joined) {
            return new JoinGroupResponseData()
                    .setMemberId(joined.memberId())
                    .setGenerationId(joined.generation())
                    .setProtocolType(joined.protocolType())
                    .setProtocolName(joined.protocolName())
                    .setLeader(joined.leaderId())
                    .setSkipAssignment(joined.skipAssignment())
                    .setMembers(joined.members().stream()
                            .map(member -> new JoinGroupResponseMember()
                                    .setMemberId(member.memberId())
                                    .setGroupInstanceId(member.instanceId())
                                    .setMetadata(bytes(member.metadata())))
                            .toList());
        }
        return notJoined(request, ErrorCode.MEMBER_ID_REQUIRED.code()).setMemberId(result.memberId());
    }

    private static JoinGroupResponseData notJoined(ApiRequest request, short error) {
        return new JoinGroupResponseData()
                .setErrorCode(error)
                .setGenerationId(-1)
                .setProtocolName(request.version() < NULLABLE_PROTOCOL ? "" : null)
                .setLeader("");
    }

    private Mono<SyncGroupResponseData> syncGroup(ApiRequest request, SyncGroupRequestData body) {
        Map<String, ByteBuffer> assignments = new HashMap<>();
        body.assignments().forEach(one -> assignments.put(one.memberId(), ByteBuffer.wrap(one.assignment())));
        ClassicSync sync = new ClassicSync(
                body.groupId(),
                body.memberId(),
                body.groupInstanceId(),
                body.generationId(),
                body.protocolType(),
                body.protocolName(),
                assignments);
        return broker.syncClassic(request.caller(), sync)
                .map(result -> new SyncGroupResponseData()
                        .setProtocolType(result.protocolType())
                        .setProtocolName(result.protocolName())
                        .setAssignment(bytes(result.assignment())))
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(new SyncGroupResponseData()
                                .setErrorCode(failure.errorCode().code())));
    }

    private Mono<HeartbeatResponseData> heartbeat(ApiRequest request, HeartbeatRequestData body) {
        return broker.heartbeatClassic(
                        request.caller(),
                        new ClassicHeartbeat(
                                body.groupId(), body.memberId(), body.groupInstanceId(), body.generationId()))
                .thenReturn(new HeartbeatResponseData())
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(new HeartbeatResponseData()
                                .setErrorCode(failure.errorCode().code())));
    }

    private Mono<LeaveGroupResponseData> leaveGroup(ApiRequest request, LeaveGroupRequestData body) {
        boolean several = request.version() >= SEVERAL_LEAVE;
        ClassicLeave leave = several
                ? new ClassicLeave(
                        body.groupId(),
                        body.members().stream()
                                .map(member -> new ClassicLeave.Member(
                                        member.memberId(), member.groupInstanceId(), member.reason()))
                                .toList())
                : ClassicLeave.of(body.groupId(), body.memberId());
        return broker.leaveClassic(request.caller(), leave)
                .map(result -> {
                    List<MemberResponse> members = result.members().stream()
                            .map(member -> new MemberResponse()
                                    .setMemberId(member.memberId())
                                    .setGroupInstanceId(member.instanceId())
                                    .setErrorCode(ProtocolError.numberOf(member.error())))
                            .toList();
                    return several
                            ? new LeaveGroupResponseData().setMembers(members)
                            : new LeaveGroupResponseData()
                                    .setErrorCode(
                                            members.isEmpty()
                                                    ? ProtocolError.NONE
                                                    : members.get(0).errorCode());
                })
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(new LeaveGroupResponseData()
                                .setErrorCode(failure.errorCode().code())));
    }

    static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return bytes;
    }
}
