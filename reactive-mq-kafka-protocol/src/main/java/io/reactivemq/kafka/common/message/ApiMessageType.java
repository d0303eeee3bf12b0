package io.reactivemq.kafka.common.message;

import io.reactivemq.kafka.common.errors.UnsupportedVersionException;
import io.reactivemq.kafka.common.protocol.ApiMessage;

/**
 * The requests of Kafka's protocol: their keys, the versions that the message classes know, and the headers these have.
 *
 * <p>It stands in for Kafka's class of that name, which has the schemas of all its messages as fields, too: whoever asked it for a version loaded the 500
 * classes of all requests and responses, a quarter of what a server took to start. Here a message's classes are loaded with the first one that is
 * made. A test compares each entry with Kafka's.
 */
public enum ApiMessageType {
    /** Produce, versions 3 to 13. */
    PRODUCE("Produce", 0, 3, 13, 9),

    /** Fetch, versions 4 to 18. */
    FETCH("Fetch", 1, 4, 18, 12),

    /** ListOffsets, versions 1 to 11. */
    LIST_OFFSETS("ListOffsets", 2, 1, 11, 6),

    /** Metadata, versions 0 to 13. */
    METADATA("Metadata", 3, 0, 13, 9),

    /** LeaderAndIsr, which Kafka has no longer. */
    LEADER_AND_ISR("LeaderAndIsr", 4, 0, -1, Short.MAX_VALUE),

    /** StopReplica, which Kafka has no longer. */
    STOP_REPLICA("StopReplica", 5, 0, -1, Short.MAX_VALUE),

    /** UpdateMetadata, which Kafka has no longer. */
    UPDATE_METADATA("UpdateMetadata", 6, 0, -1, Short.MAX_VALUE),

    /** ControlledShutdown, which Kafka has no longer. */
    CONTROLLED_SHUTDOWN("ControlledShutdown", 7, 0, -1, Short.MAX_VALUE),

    /** OffsetCommit, versions 2 to 10. */
    OFFSET_COMMIT("OffsetCommit", 8, 2, 10, 8),

    /** OffsetFetch, versions 1 to 10. */
    OFFSET_FETCH("OffsetFetch", 9, 1, 10, 6),

    /** FindCoordinator, versions 0 to 6. */
    FIND_COORDINATOR("FindCoordinator", 10, 0, 6, 3),

    /** JoinGroup, versions 0 to 9. */
    JOIN_GROUP("JoinGroup", 11, 0, 9, 6),

    /** Heartbeat, versions 0 to 4. */
    HEARTBEAT("Heartbeat", 12, 0, 4, 4),

    /** LeaveGroup, versions 0 to 5. */
    LEAVE_GROUP("LeaveGroup", 13, 0, 5, 4),

    /** SyncGroup, versions 0 to 5. */
    SYNC_GROUP("SyncGroup", 14, 0, 5, 4),

    /** DescribeGroups, versions 0 to 6. */
    DESCRIBE_GROUPS("DescribeGroups", 15, 0, 6, 5),

    /** ListGroups, versions 0 to 5. */
    LIST_GROUPS("ListGroups", 16, 0, 5, 3),

    /** SaslHandshake, versions 0 to 1. */
    SASL_HANDSHAKE("SaslHandshake", 17, 0, 1, Short.MAX_VALUE),

    /** ApiVersions, versions 0 to 5. */
    API_VERSIONS("ApiVersions", 18, 0, 5, 3),

    /** CreateTopics, versions 2 to 7. */
    CREATE_TOPICS("CreateTopics", 19, 2, 7, 5),

    /** DeleteTopics, versions 1 to 6. */
    DELETE_TOPICS("DeleteTopics", 20, 1, 6, 4),

    /** DeleteRecords, versions 0 to 2. */
    DELETE_RECORDS("DeleteRecords", 21, 0, 2, 2),

    /** InitProducerId, versions 0 to 6. */
    INIT_PRODUCER_ID("InitProducerId", 22, 0, 6, 2),

    /** OffsetForLeaderEpoch, versions 2 to 4. */
    OFFSET_FOR_LEADER_EPOCH("OffsetForLeaderEpoch", 23, 2, 4, 4),

    /** AddPartitionsToTxn, versions 0 to 5. */
    ADD_PARTITIONS_TO_TXN("AddPartitionsToTxn", 24, 0, 5, 3),

    /** AddOffsetsToTxn, versions 0 to 4. */
    ADD_OFFSETS_TO_TXN("AddOffsetsToTxn", 25, 0, 4, 3),

    /** EndTxn, versions 0 to 5. */
    END_TXN("EndTxn", 26, 0, 5, 3),

    /** WriteTxnMarkers, versions 1 to 2. */
    WRITE_TXN_MARKERS("WriteTxnMarkers", 27, 1, 2, 0),

    /** TxnOffsetCommit, versions 0 to 6. */
    TXN_OFFSET_COMMIT("TxnOffsetCommit", 28, 0, 6, 3),

    /** DescribeAcls, versions 1 to 3. */
    DESCRIBE_ACLS("DescribeAcls", 29, 1, 3, 2),

    /** CreateAcls, versions 1 to 3. */
    CREATE_ACLS("CreateAcls", 30, 1, 3, 2),

    /** DeleteAcls, versions 1 to 3. */
    DELETE_ACLS("DeleteAcls", 31, 1, 3, 2),

    /** DescribeConfigs, versions 1 to 4. */
    DESCRIBE_CONFIGS("DescribeConfigs", 32, 1, 4, 4),

    /** AlterConfigs, versions 0 to 2. */
    ALTER_CONFIGS("AlterConfigs", 33, 0, 2, 2),

    /** AlterReplicaLogDirs, versions 1 to 2. */
    ALTER_REPLICA_LOG_DIRS("AlterReplicaLogDirs", 34, 1, 2, 2),

    /** DescribeLogDirs, versions 1 to 5. */
    DESCRIBE_LOG_DIRS("DescribeLogDirs", 35, 1, 5, 2),

    /** SaslAuthenticate, versions 0 to 2. */
    SASL_AUTHENTICATE("SaslAuthenticate", 36, 0, 2, 2),

    /** CreatePartitions, versions 0 to 3. */
    CREATE_PARTITIONS("CreatePartitions", 37, 0, 3, 2),

    /** CreateDelegationToken, versions 1 to 3. */
    CREATE_DELEGATION_TOKEN("CreateDelegationToken", 38, 1, 3, 2),

    /** RenewDelegationToken, versions 1 to 2. */
    RENEW_DELEGATION_TOKEN("RenewDelegationToken", 39, 1, 2, 2),

    /** ExpireDelegationToken, versions 1 to 2. */
    EXPIRE_DELEGATION_TOKEN("ExpireDelegationToken", 40, 1, 2, 2),

    /** DescribeDelegationToken, versions 1 to 3. */
    DESCRIBE_DELEGATION_TOKEN("DescribeDelegationToken", 41, 1, 3, 2),

    /** DeleteGroups, versions 0 to 3. */
    DELETE_GROUPS("DeleteGroups", 42, 0, 3, 2),

    /** ElectLeaders, versions 0 to 2. */
    ELECT_LEADERS("ElectLeaders", 43, 0, 2, 2),

    /** IncrementalAlterConfigs, versions 0 to 1. */
    INCREMENTAL_ALTER_CONFIGS("IncrementalAlterConfigs", 44, 0, 1, 1),

    /** AlterPartitionReassignments, versions 0 to 1. */
    ALTER_PARTITION_REASSIGNMENTS("AlterPartitionReassignments", 45, 0, 1, 0),

    /** ListPartitionReassignments, version 0. */
    LIST_PARTITION_REASSIGNMENTS("ListPartitionReassignments", 46, 0, 0, 0),

    /** OffsetDelete, version 0. */
    OFFSET_DELETE("OffsetDelete", 47, 0, 0, Short.MAX_VALUE),

    /** DescribeClientQuotas, versions 0 to 1. */
    DESCRIBE_CLIENT_QUOTAS("DescribeClientQuotas", 48, 0, 1, 1),

    /** AlterClientQuotas, versions 0 to 1. */
    ALTER_CLIENT_QUOTAS("AlterClientQuotas", 49, 0, 1, 1),

    /** DescribeUserScramCredentials, version 0. */
    DESCRIBE_USER_SCRAM_CREDENTIALS("DescribeUserScramCredentials", 50, 0, 0, 0),

    /** AlterUserScramCredentials, version 0. */
    ALTER_USER_SCRAM_CREDENTIALS("AlterUserScramCredentials", 51, 0, 0, 0),

    /** Vote, versions 0 to 2. */
    VOTE("Vote", 52, 0, 2, 0),

    /** BeginQuorumEpoch, versions 0 to 1. */
    BEGIN_QUORUM_EPOCH("BeginQuorumEpoch", 53, 0, 1, 1),

    /** EndQuorumEpoch, versions 0 to 1. */
    END_QUORUM_EPOCH("EndQuorumEpoch", 54, 0, 1, 1),

    /** DescribeQuorum, versions 0 to 2. */
    DESCRIBE_QUORUM("DescribeQuorum", 55, 0, 2, 0),

    /** AlterPartition, versions 2 to 3. */
    ALTER_PARTITION("AlterPartition", 56, 2, 3, 0),

    /** UpdateFeatures, versions 0 to 2. */
    UPDATE_FEATURES("UpdateFeatures", 57, 0, 2, 0),

    /** Envelope, version 0. */
    ENVELOPE("Envelope", 58, 0, 0, 0),

    /** FetchSnapshot, versions 0 to 1. */
    FETCH_SNAPSHOT("FetchSnapshot", 59, 0, 1, 0),

    /** DescribeCluster, versions 0 to 2. */
    DESCRIBE_CLUSTER("DescribeCluster", 60, 0, 2, 0),

    /** DescribeProducers, version 0. */
    DESCRIBE_PRODUCERS("DescribeProducers", 61, 0, 0, 0),

    /** BrokerRegistration, versions 0 to 4. */
    BROKER_REGISTRATION("BrokerRegistration", 62, 0, 4, 0),

    /** BrokerHeartbeat, versions 0 to 2. */
    BROKER_HEARTBEAT("BrokerHeartbeat", 63, 0, 2, 0),

    /** UnregisterBroker, version 0. */
    UNREGISTER_BROKER("UnregisterBroker", 64, 0, 0, 0),

    /** DescribeTransactions, version 0. */
    DESCRIBE_TRANSACTIONS("DescribeTransactions", 65, 0, 0, 0),

    /** ListTransactions, versions 0 to 2. */
    LIST_TRANSACTIONS("ListTransactions", 66, 0, 2, 0),

    /** AllocateProducerIds, version 0. */
    ALLOCATE_PRODUCER_IDS("AllocateProducerIds", 67, 0, 0, 0),

    /** ConsumerGroupHeartbeat, versions 0 to 1. */
    CONSUMER_GROUP_HEARTBEAT("ConsumerGroupHeartbeat", 68, 0, 1, 0),

    /** ConsumerGroupDescribe, versions 0 to 1. */
    CONSUMER_GROUP_DESCRIBE("ConsumerGroupDescribe", 69, 0, 1, 0),

    /** ControllerRegistration, version 0. */
    CONTROLLER_REGISTRATION("ControllerRegistration", 70, 0, 0, 0),

    /** GetTelemetrySubscriptions, version 0. */
    GET_TELEMETRY_SUBSCRIPTIONS("GetTelemetrySubscriptions", 71, 0, 0, 0),

    /** PushTelemetry, version 0. */
    PUSH_TELEMETRY("PushTelemetry", 72, 0, 0, 0),

    /** AssignReplicasToDirs, version 0. */
    ASSIGN_REPLICAS_TO_DIRS("AssignReplicasToDirs", 73, 0, 0, 0),

    /** ListConfigResources, versions 0 to 1. */
    LIST_CONFIG_RESOURCES("ListConfigResources", 74, 0, 1, 0),

    /** DescribeTopicPartitions, version 0. */
    DESCRIBE_TOPIC_PARTITIONS("DescribeTopicPartitions", 75, 0, 0, 0),

    /** ShareGroupHeartbeat, version 1. */
    SHARE_GROUP_HEARTBEAT("ShareGroupHeartbeat", 76, 1, 1, 0),

    /** ShareGroupDescribe, version 1. */
    SHARE_GROUP_DESCRIBE("ShareGroupDescribe", 77, 1, 1, 0),

    /** ShareFetch, versions 1 to 2. */
    SHARE_FETCH("ShareFetch", 78, 1, 2, 0),

    /** ShareAcknowledge, versions 1 to 2. */
    SHARE_ACKNOWLEDGE("ShareAcknowledge", 79, 1, 2, 0),

    /** AddRaftVoter, versions 0 to 1. */
    ADD_RAFT_VOTER("AddRaftVoter", 80, 0, 1, 0),

    /** RemoveRaftVoter, version 0. */
    REMOVE_RAFT_VOTER("RemoveRaftVoter", 81, 0, 0, 0),

    /** UpdateRaftVoter, version 0. */
    UPDATE_RAFT_VOTER("UpdateRaftVoter", 82, 0, 0, 0),

    /** InitializeShareGroupState, version 0. */
    INITIALIZE_SHARE_GROUP_STATE("InitializeShareGroupState", 83, 0, 0, 0),

    /** ReadShareGroupState, version 0. */
    READ_SHARE_GROUP_STATE("ReadShareGroupState", 84, 0, 0, 0),

    /** WriteShareGroupState, versions 0 to 1. */
    WRITE_SHARE_GROUP_STATE("WriteShareGroupState", 85, 0, 1, 0),

    /** DeleteShareGroupState, version 0. */
    DELETE_SHARE_GROUP_STATE("DeleteShareGroupState", 86, 0, 0, 0),

    /** ReadShareGroupStateSummary, versions 0 to 1. */
    READ_SHARE_GROUP_STATE_SUMMARY("ReadShareGroupStateSummary", 87, 0, 1, 0),

    /** StreamsGroupHeartbeat, versions 0 to 1. */
    STREAMS_GROUP_HEARTBEAT("StreamsGroupHeartbeat", 88, 0, 1, 0),

    /** StreamsGroupDescribe, versions 0 to 1. */
    STREAMS_GROUP_DESCRIBE("StreamsGroupDescribe", 89, 0, 1, 0),

    /** DescribeShareGroupOffsets, versions 0 to 1. */
    DESCRIBE_SHARE_GROUP_OFFSETS("DescribeShareGroupOffsets", 90, 0, 1, 0),

    /** AlterShareGroupOffsets, version 0. */
    ALTER_SHARE_GROUP_OFFSETS("AlterShareGroupOffsets", 91, 0, 0, 0),

    /** DeleteShareGroupOffsets, version 0. */
    DELETE_SHARE_GROUP_OFFSETS("DeleteShareGroupOffsets", 92, 0, 0, 0),

    /** StreamsGroupTopologyDescriptionUpdate, version 0. */
    STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE("StreamsGroupTopologyDescriptionUpdate", 93, 0, 0, 0),

    /** UnregisterController, version 0. */
    UNREGISTER_CONTROLLER("UnregisterController", 94, 0, 0, 0);

    private static final ApiMessageType[] BY_KEY = values();

    /** What Kafka calls it. */
    public final String name;

    private final short apiKey;
    private final short lowestVersion;
    private final short highestVersion;
    private final short firstFlexible;

    ApiMessageType(String name, int apiKey, int lowestVersion, int highestVersion, int firstFlexible) {
        this.name = name;
        this.apiKey = (short) apiKey;
        this.lowestVersion = (short) lowestVersion;
        this.highestVersion = (short) highestVersion;
        this.firstFlexible = (short) firstFlexible;
    }

    /** The API of that key. */
    public static ApiMessageType fromApiKey(short apiKey) {
        // the keys are 0, 1, 2 and so on
        if (apiKey < 0 || apiKey >= BY_KEY.length) {
            throw new UnsupportedVersionException("Unsupported API key " + apiKey);
        }
        return BY_KEY[apiKey];
    }

    /** What a request begins with. */
    public short apiKey() {
        return apiKey;
    }

    /** The lowest version that the message classes know. */
    public short lowestSupportedVersion() {
        return lowestVersion;
    }

    /**
     * The highest version that the message classes know, less than the lowest where they know none.
     *
     * @param unstableToo whether one counts that Kafka may still change
     */
    public short highestSupportedVersion(boolean unstableToo) {
        return this == INIT_PRODUCER_ID && !unstableToo ? (short) (highestVersion - 1) : highestVersion;
    }

    /** The version of the header of a request of that version: 2 for flexible ones, which have tags. */
    public short requestHeaderVersion(short version) {
        requireMessages();
        return (short) (version >= firstFlexible ? 2 : 1);
    }

    /** The version of the header of a response of that version: 1 for flexible ones, but for that of ApiVersions, which never changes. */
    public short responseHeaderVersion(short version) {
        requireMessages();
        return (short) (version >= firstFlexible && this != API_VERSIONS ? 1 : 0);
    }

    private void requireMessages() {
        if (highestVersion < lowestVersion) {
            throw noMessages();
        }
    }

    private UnsupportedVersionException noMessages() {
        return new UnsupportedVersionException("Unsupported API key " + apiKey);
    }

    /** An empty request. */
    public ApiMessage newRequest() {
        return switch (this) {
            case PRODUCE -> new ProduceRequestData();
            case FETCH -> new FetchRequestData();
            case LIST_OFFSETS -> new ListOffsetsRequestData();
            case METADATA -> new MetadataRequestData();
            case OFFSET_COMMIT -> new OffsetCommitRequestData();
            case OFFSET_FETCH -> new OffsetFetchRequestData();
            case FIND_COORDINATOR -> new FindCoordinatorRequestData();
            case JOIN_GROUP -> new JoinGroupRequestData();
            case HEARTBEAT -> new HeartbeatRequestData();
            case LEAVE_GROUP -> new LeaveGroupRequestData();
            case SYNC_GROUP -> new SyncGroupRequestData();
            case DESCRIBE_GROUPS -> new DescribeGroupsRequestData();
            case LIST_GROUPS -> new ListGroupsRequestData();
            case SASL_HANDSHAKE -> new SaslHandshakeRequestData();
            case API_VERSIONS -> new ApiVersionsRequestData();
            case CREATE_TOPICS -> new CreateTopicsRequestData();
            case DELETE_TOPICS -> new DeleteTopicsRequestData();
            case DELETE_RECORDS -> new DeleteRecordsRequestData();
            case INIT_PRODUCER_ID -> new InitProducerIdRequestData();
            case OFFSET_FOR_LEADER_EPOCH -> new OffsetForLeaderEpochRequestData();
            case ADD_PARTITIONS_TO_TXN -> new AddPartitionsToTxnRequestData();
            case ADD_OFFSETS_TO_TXN -> new AddOffsetsToTxnRequestData();
            case END_TXN -> new EndTxnRequestData();
            case WRITE_TXN_MARKERS -> new WriteTxnMarkersRequestData();
            case TXN_OFFSET_COMMIT -> new TxnOffsetCommitRequestData();
            case DESCRIBE_ACLS -> new DescribeAclsRequestData();
            case CREATE_ACLS -> new CreateAclsRequestData();
            case DELETE_ACLS -> new DeleteAclsRequestData();
            case DESCRIBE_CONFIGS -> new DescribeConfigsRequestData();
            case ALTER_CONFIGS -> new AlterConfigsRequestData();
            case ALTER_REPLICA_LOG_DIRS -> new AlterReplicaLogDirsRequestData();
            case DESCRIBE_LOG_DIRS -> new DescribeLogDirsRequestData();
            case SASL_AUTHENTICATE -> new SaslAuthenticateRequestData();
            case CREATE_PARTITIONS -> new CreatePartitionsRequestData();
            case CREATE_DELEGATION_TOKEN -> new CreateDelegationTokenRequestData();
            case RENEW_DELEGATION_TOKEN -> new RenewDelegationTokenRequestData();
            case EXPIRE_DELEGATION_TOKEN -> new ExpireDelegationTokenRequestData();
            case DESCRIBE_DELEGATION_TOKEN -> new DescribeDelegationTokenRequestData();
            case DELETE_GROUPS -> new DeleteGroupsRequestData();
            case ELECT_LEADERS -> new ElectLeadersRequestData();
            case INCREMENTAL_ALTER_CONFIGS -> new IncrementalAlterConfigsRequestData();
            case ALTER_PARTITION_REASSIGNMENTS -> new AlterPartitionReassignmentsRequestData();
            case LIST_PARTITION_REASSIGNMENTS -> new ListPartitionReassignmentsRequestData();
            case OFFSET_DELETE -> new OffsetDeleteRequestData();
            case DESCRIBE_CLIENT_QUOTAS -> new DescribeClientQuotasRequestData();
            case ALTER_CLIENT_QUOTAS -> new AlterClientQuotasRequestData();
            case DESCRIBE_USER_SCRAM_CREDENTIALS -> new DescribeUserScramCredentialsRequestData();
            case ALTER_USER_SCRAM_CREDENTIALS -> new AlterUserScramCredentialsRequestData();
            case VOTE -> new VoteRequestData();
            case BEGIN_QUORUM_EPOCH -> new BeginQuorumEpochRequestData();
            case END_QUORUM_EPOCH -> new EndQuorumEpochRequestData();
            case DESCRIBE_QUORUM -> new DescribeQuorumRequestData();
            case ALTER_PARTITION -> new AlterPartitionRequestData();
            case UPDATE_FEATURES -> new UpdateFeaturesRequestData();
            case ENVELOPE -> new EnvelopeRequestData();
            case FETCH_SNAPSHOT -> new FetchSnapshotRequestData();
            case DESCRIBE_CLUSTER -> new DescribeClusterRequestData();
            case DESCRIBE_PRODUCERS -> new DescribeProducersRequestData();
            case BROKER_REGISTRATION -> new BrokerRegistrationRequestData();
            case BROKER_HEARTBEAT -> new BrokerHeartbeatRequestData();
            case UNREGISTER_BROKER -> new UnregisterBrokerRequestData();
            case DESCRIBE_TRANSACTIONS -> new DescribeTransactionsRequestData();
            case LIST_TRANSACTIONS -> new ListTransactionsRequestData();
            case ALLOCATE_PRODUCER_IDS -> new AllocateProducerIdsRequestData();
            case CONSUMER_GROUP_HEARTBEAT -> new ConsumerGroupHeartbeatRequestData();
            case CONSUMER_GROUP_DESCRIBE -> new ConsumerGroupDescribeRequestData();
            case CONTROLLER_REGISTRATION -> new ControllerRegistrationRequestData();
            case GET_TELEMETRY_SUBSCRIPTIONS -> new GetTelemetrySubscriptionsRequestData();
            case PUSH_TELEMETRY -> new PushTelemetryRequestData();
            case ASSIGN_REPLICAS_TO_DIRS -> new AssignReplicasToDirsRequestData();
            case LIST_CONFIG_RESOURCES -> new ListConfigResourcesRequestData();
            case DESCRIBE_TOPIC_PARTITIONS -> new DescribeTopicPartitionsRequestData();
            case SHARE_GROUP_HEARTBEAT -> new ShareGroupHeartbeatRequestData();
            case SHARE_GROUP_DESCRIBE -> new ShareGroupDescribeRequestData();
            case SHARE_FETCH -> new ShareFetchRequestData();
            case SHARE_ACKNOWLEDGE -> new ShareAcknowledgeRequestData();
            case ADD_RAFT_VOTER -> new AddRaftVoterRequestData();
            case REMOVE_RAFT_VOTER -> new RemoveRaftVoterRequestData();
            case UPDATE_RAFT_VOTER -> new UpdateRaftVoterRequestData();
            case INITIALIZE_SHARE_GROUP_STATE -> new InitializeShareGroupStateRequestData();
            case READ_SHARE_GROUP_STATE -> new ReadShareGroupStateRequestData();
            case WRITE_SHARE_GROUP_STATE -> new WriteShareGroupStateRequestData();
            case DELETE_SHARE_GROUP_STATE -> new DeleteShareGroupStateRequestData();
            case READ_SHARE_GROUP_STATE_SUMMARY -> new ReadShareGroupStateSummaryRequestData();
            case STREAMS_GROUP_HEARTBEAT -> new StreamsGroupHeartbeatRequestData();
            case STREAMS_GROUP_DESCRIBE -> new StreamsGroupDescribeRequestData();
            case DESCRIBE_SHARE_GROUP_OFFSETS -> new DescribeShareGroupOffsetsRequestData();
            case ALTER_SHARE_GROUP_OFFSETS -> new AlterShareGroupOffsetsRequestData();
            case DELETE_SHARE_GROUP_OFFSETS -> new DeleteShareGroupOffsetsRequestData();
            case STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE -> new StreamsGroupTopologyDescriptionUpdateRequestData();
            case UNREGISTER_CONTROLLER -> new UnregisterControllerRequestData();
            case LEADER_AND_ISR, STOP_REPLICA, UPDATE_METADATA, CONTROLLED_SHUTDOWN -> throw noMessages();
        };
    }

    /** An empty response. */
    public ApiMessage newResponse() {
        return switch (this) {
            case PRODUCE -> new ProduceResponseData();
            case FETCH -> new FetchResponseData();
            case LIST_OFFSETS -> new ListOffsetsResponseData();
            case METADATA -> new MetadataResponseData();
            case OFFSET_COMMIT -> new OffsetCommitResponseData();
            case OFFSET_FETCH -> new OffsetFetchResponseData();
            case FIND_COORDINATOR -> new FindCoordinatorResponseData();
            case JOIN_GROUP -> new JoinGroupResponseData();
            case HEARTBEAT -> new HeartbeatResponseData();
            case LEAVE_GROUP -> new LeaveGroupResponseData();
            case SYNC_GROUP -> new SyncGroupResponseData();
            case DESCRIBE_GROUPS -> new DescribeGroupsResponseData();
            case LIST_GROUPS -> new ListGroupsResponseData();
            case SASL_HANDSHAKE -> new SaslHandshakeResponseData();
            case API_VERSIONS -> new ApiVersionsResponseData();
            case CREATE_TOPICS -> new CreateTopicsResponseData();
            case DELETE_TOPICS -> new DeleteTopicsResponseData();
            case DELETE_RECORDS -> new DeleteRecordsResponseData();
            case INIT_PRODUCER_ID -> new InitProducerIdResponseData();
            case OFFSET_FOR_LEADER_EPOCH -> new OffsetForLeaderEpochResponseData();
            case ADD_PARTITIONS_TO_TXN -> new AddPartitionsToTxnResponseData();
            case ADD_OFFSETS_TO_TXN -> new AddOffsetsToTxnResponseData();
            case END_TXN -> new EndTxnResponseData();
            case WRITE_TXN_MARKERS -> new WriteTxnMarkersResponseData();
            case TXN_OFFSET_COMMIT -> new TxnOffsetCommitResponseData();
            case DESCRIBE_ACLS -> new DescribeAclsResponseData();
            case CREATE_ACLS -> new CreateAclsResponseData();
            case DELETE_ACLS -> new DeleteAclsResponseData();
            case DESCRIBE_CONFIGS -> new DescribeConfigsResponseData();
            case ALTER_CONFIGS -> new AlterConfigsResponseData();
            case ALTER_REPLICA_LOG_DIRS -> new AlterReplicaLogDirsResponseData();
            case DESCRIBE_LOG_DIRS -> new DescribeLogDirsResponseData();
            case SASL_AUTHENTICATE -> new SaslAuthenticateResponseData();
            case CREATE_PARTITIONS -> new CreatePartitionsResponseData();
            case CREATE_DELEGATION_TOKEN -> new CreateDelegationTokenResponseData();
            case RENEW_DELEGATION_TOKEN -> new RenewDelegationTokenResponseData();
            case EXPIRE_DELEGATION_TOKEN -> new ExpireDelegationTokenResponseData();
            case DESCRIBE_DELEGATION_TOKEN -> new DescribeDelegationTokenResponseData();
            case DELETE_GROUPS -> new DeleteGroupsResponseData();
            case ELECT_LEADERS -> new ElectLeadersResponseData();
            case INCREMENTAL_ALTER_CONFIGS -> new IncrementalAlterConfigsResponseData();
            case ALTER_PARTITION_REASSIGNMENTS -> new AlterPartitionReassignmentsResponseData();
            case LIST_PARTITION_REASSIGNMENTS -> new ListPartitionReassignmentsResponseData();
            case OFFSET_DELETE -> new OffsetDeleteResponseData();
            case DESCRIBE_CLIENT_QUOTAS -> new DescribeClientQuotasResponseData();
            case ALTER_CLIENT_QUOTAS -> new AlterClientQuotasResponseData();
            case DESCRIBE_USER_SCRAM_CREDENTIALS -> new DescribeUserScramCredentialsResponseData();
            case ALTER_USER_SCRAM_CREDENTIALS -> new AlterUserScramCredentialsResponseData();
            case VOTE -> new VoteResponseData();
            case BEGIN_QUORUM_EPOCH -> new BeginQuorumEpochResponseData();
            case END_QUORUM_EPOCH -> new EndQuorumEpochResponseData();
            case DESCRIBE_QUORUM -> new DescribeQuorumResponseData();
            case ALTER_PARTITION -> new AlterPartitionResponseData();
            case UPDATE_FEATURES -> new UpdateFeaturesResponseData();
            case ENVELOPE -> new EnvelopeResponseData();
            case FETCH_SNAPSHOT -> new FetchSnapshotResponseData();
            case DESCRIBE_CLUSTER -> new DescribeClusterResponseData();
            case DESCRIBE_PRODUCERS -> new DescribeProducersResponseData();
            case BROKER_REGISTRATION -> new BrokerRegistrationResponseData();
            case BROKER_HEARTBEAT -> new BrokerHeartbeatResponseData();
            case UNREGISTER_BROKER -> new UnregisterBrokerResponseData();
            case DESCRIBE_TRANSACTIONS -> new DescribeTransactionsResponseData();
            case LIST_TRANSACTIONS -> new ListTransactionsResponseData();
            case ALLOCATE_PRODUCER_IDS -> new AllocateProducerIdsResponseData();
            case CONSUMER_GROUP_HEARTBEAT -> new ConsumerGroupHeartbeatResponseData();
            case CONSUMER_GROUP_DESCRIBE -> new ConsumerGroupDescribeResponseData();
            case CONTROLLER_REGISTRATION -> new ControllerRegistrationResponseData();
            case GET_TELEMETRY_SUBSCRIPTIONS -> new GetTelemetrySubscriptionsResponseData();
            case PUSH_TELEMETRY -> new PushTelemetryResponseData();
            case ASSIGN_REPLICAS_TO_DIRS -> new AssignReplicasToDirsResponseData();
            case LIST_CONFIG_RESOURCES -> new ListConfigResourcesResponseData();
            case DESCRIBE_TOPIC_PARTITIONS -> new DescribeTopicPartitionsResponseData();
            case SHARE_GROUP_HEARTBEAT -> new ShareGroupHeartbeatResponseData();
            case SHARE_GROUP_DESCRIBE -> new ShareGroupDescribeResponseData();
            case SHARE_FETCH -> new ShareFetchResponseData();
            case SHARE_ACKNOWLEDGE -> new ShareAcknowledgeResponseData();
            case ADD_RAFT_VOTER -> new AddRaftVoterResponseData();
            case REMOVE_RAFT_VOTER -> new RemoveRaftVoterResponseData();
            case UPDATE_RAFT_VOTER -> new UpdateRaftVoterResponseData();
            case INITIALIZE_SHARE_GROUP_STATE -> new InitializeShareGroupStateResponseData();
            case READ_SHARE_GROUP_STATE -> new ReadShareGroupStateResponseData();
            case WRITE_SHARE_GROUP_STATE -> new WriteShareGroupStateResponseData();
            case DELETE_SHARE_GROUP_STATE -> new DeleteShareGroupStateResponseData();
            case READ_SHARE_GROUP_STATE_SUMMARY -> new ReadShareGroupStateSummaryResponseData();
            case STREAMS_GROUP_HEARTBEAT -> new StreamsGroupHeartbeatResponseData();
            case STREAMS_GROUP_DESCRIBE -> new StreamsGroupDescribeResponseData();
            case DESCRIBE_SHARE_GROUP_OFFSETS -> new DescribeShareGroupOffsetsResponseData();
            case ALTER_SHARE_GROUP_OFFSETS -> new AlterShareGroupOffsetsResponseData();
            case DELETE_SHARE_GROUP_OFFSETS -> new DeleteShareGroupOffsetsResponseData();
            case STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE -> new StreamsGroupTopologyDescriptionUpdateResponseData();
            case UNREGISTER_CONTROLLER -> new UnregisterControllerResponseData();
            case LEADER_AND_ISR, STOP_REPLICA, UPDATE_METADATA, CONTROLLED_SHUTDOWN -> throw noMessages();
        };
    }
}
