package io.reactivemq.netty.server;

import static java.util.Objects.requireNonNull;
import static java.util.concurrent.TimeUnit.SECONDS;

import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.OffsetForLeaderEpochRequestData;
import io.reactivemq.kafka.common.message.OffsetForLeaderEpochResponseData;
import io.reactivemq.netty.foreign.Target;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterClientQuotasOptions;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreatePartitionsOptions;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.DescribeConsumerGroupsOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ReplicaInfo;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.serialization.StringSerializer;

/** What Kafka's admin client is told, as text without what differs from run to run: to be compared with what Apache Kafka tells it. */
final class AdminScenario {

    private static final String TOPIC = "times";
    private static final TopicPartition P0 = new TopicPartition(TOPIC, 0);
    private static final long[] TIMESTAMPS = {1_000_000, 3_000_000, 2_000_000, 3_000_000};

    private final String bootstrap;
    private final Admin admin;

    private AdminScenario(String bootstrap, Admin admin) {
        this.bootstrap = bootstrap;
        this.admin = admin;
    }

    static Map<String, List<String>> run(String bootstrap) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            return new AdminScenario(bootstrap, admin).run();
        }
    }

    private Map<String, List<String>> run() throws Exception {
        admin.createTopics(List.of(new NewTopic(TOPIC, 2, (short) 1).configs(Map.of("retention.ms", "-1"))))
                .all()
                .get(120, SECONDS);
        Map<String, List<String>> steps = new LinkedHashMap<>();
        List<String> producers = new ArrayList<>();
        try (KafkaProducer<String, String> producer = producer(Map.of())) {
            for (long timestamp : TIMESTAMPS) {
                producer.send(new ProducerRecord<>(TOPIC, 0, timestamp, "k", "v"))
                        .get(120, SECONDS);
            }
            producers.addAll(producers());
        }
        steps.put("K11 an admin finds the largest timestamp, and what is in tiers", offsets());
        steps.put("K23 an admin is told the bytes of partitions", sizes());
        try (KafkaProducer<String, String> producer = producer(Map.of("transactional.id", "t"))) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(TOPIC, 0, "k", "v")).get(120, SECONDS);
            producers.addAll(producers());
            producer.abortTransaction();
        }
        steps.put("K05 an admin is told the producers of a partition", producers);
        steps.put("K23 an admin asks whether a topic could be created", validatedTopics());
        steps.put("K22 an admin asks whether partitions could be added", validatedPartitions());
        steps.put("K23 an admin asks whether settings could be changed", validatedSettings());
        // with the marker of the abort, which comes a moment after that was answered
        Target.eventually(() -> admin.listOffsets(Map.of(P0, OffsetSpec.latest()))
                        .partitionResult(P0)
                        .get(120, SECONDS)
                        .offset()
                == TIMESTAMPS.length + 2);
        steps.put("where a leader epoch ends", epochEnds());
        steps.put("K05 an admin lists the transactions whose ids a regular expression matches", listedTransactions());
        steps.put("an admin is told what it may do with the cluster, a topic, a group", authorized());
        steps.put("an admin asks whether quotas could be changed", validatedQuotas());
        admin.deleteTopics(List.of(TOPIC)).all().get(120, SECONDS);
        return steps;
    }

    private KafkaProducer<String, String> producer(Map<String, Object> more) {
        Map<String, Object> configs = new LinkedHashMap<>(Map.of("bootstrap.servers", bootstrap));
        configs.putAll(more);
        return new KafkaProducer<>(configs, new StringSerializer(), new StringSerializer());
    }

    private List<String> offsets() throws Exception {
        List<String> lines = new ArrayList<>();
        for (OffsetSpec spec : List.of(
                OffsetSpec.maxTimestamp(),
                OffsetSpec.earliestLocal(),
                OffsetSpec.latestTiered(),
                OffsetSpec.earliest(),
                OffsetSpec.latest(),
                OffsetSpec.forTimestamp(1_500_000))) {
            for (TopicPartition partition : List.of(P0, new TopicPartition(TOPIC, 1))) {
                ListOffsetsResultInfo found = admin.listOffsets(Map.of(partition, spec))
                        .partitionResult(partition)
                        .get(120, SECONDS);
                lines.add(spec.getClass().getSimpleName() + " " + partition + " " + found.offset() + " at "
                        + found.timestamp());
            }
        }
        return lines;
    }

    private List<String> sizes() throws Exception {
        List<String> lines = new ArrayList<>();
        for (LogDirDescription directory :
                admin.describeLogDirs(List.of(1)).allDescriptions().get(120, SECONDS).values().stream()
                        .flatMap(all -> all.values().stream())
                        .toList()) {
            Map<TopicPartition, ReplicaInfo> replicas = directory.replicaInfos();
            for (int i = 0; i < 2; i++) {
                ReplicaInfo replica = replicas.get(new TopicPartition(TOPIC, i));
                lines.add(i + " " + replica);
            }
        }
        return lines;
    }

    private List<String> producers() throws Exception {
        return admin.describeProducers(List.of(P0)).partitionResult(P0).get(120, SECONDS).activeProducers().stream()
                .map(state -> "epoch " + state.producerEpoch() + " sequence " + state.lastSequence() + " coordinator "
                        + state.coordinatorEpoch() + " transaction " + state.currentTransactionStartOffset())
                .sorted()
                .toList();
    }

    private List<String> validatedTopics() throws Exception {
        CreateTopicsResult asked = admin.createTopics(
                List.of(
                        new NewTopic("later", 3, (short) 1).configs(Map.of("retention.ms", "5000")),
                        new NewTopic(TOPIC, 1, (short) 1),
                        new NewTopic("a/b", 1, (short) 1),
                        new NewTopic("none", 0, (short) 1),
                        new NewTopic("soon", 1, (short) 1).configs(Map.of("retention.ms", "soon")),
                        new NewTopic("three", 1, (short) 3)),
                new CreateTopicsOptions().validateOnly(true));
        List<String> lines = new ArrayList<>();
        for (Map.Entry<String, KafkaFuture<Void>> one : asked.values().entrySet()) {
            lines.add(one.getKey() + ": " + outcome(one.getValue()));
        }
        lines.add(asked.numPartitions("later").get(120, SECONDS) + " partitions, "
                + asked.replicationFactor("later").get(120, SECONDS) + " replica, "
                + asked.config("later").get(120, SECONDS).get("retention.ms").value());
        lines.add("there: "
                + admin.listTopics().names().get(120, SECONDS).stream()
                        .filter(name -> name.equals("later"))
                        .toList());
        return lines.stream().sorted().toList();
    }

    private List<String> validatedPartitions() throws Exception {
        List<String> lines = new ArrayList<>();
        for (Map.Entry<String, Integer> asked :
                List.of(Map.entry(TOPIC, 3), Map.entry(TOPIC, 2), Map.entry(TOPIC, 1), Map.entry("later", 3))) {
            lines.add(asked + ": "
                    + outcome(admin.createPartitions(
                                    Map.of(asked.getKey(), NewPartitions.increaseTo(asked.getValue())),
                                    new CreatePartitionsOptions().validateOnly(true))
                            .all()));
        }
        lines.add(requireNonNull(admin.describeTopics(List.of(TOPIC))
                                .topicNameValues()
                                .get(TOPIC))
                        .get(120, SECONDS)
                        .partitions()
                        .size()
                + " partitions");
        return lines;
    }

    private List<String> validatedSettings() throws Exception {
        ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, TOPIC);
        List<String> lines = new ArrayList<>();
        for (ConfigEntry asked : List.of(
                new ConfigEntry("retention.ms", "6000"),
                new ConfigEntry("retention.ms", "soon"),
                new ConfigEntry("no.such.setting", "1"))) {
            lines.add(asked.name() + " " + asked.value() + ": "
                    + outcome(admin.incrementalAlterConfigs(
                                    Map.of(topic, List.of(new AlterConfigOp(asked, AlterConfigOp.OpType.SET))),
                                    new AlterConfigsOptions().validateOnly(true))
                            .all()));
        }
        lines.add(requireNonNull(admin.describeConfigs(List.of(topic)).values().get(topic))
                .get(120, SECONDS)
                .get("retention.ms")
                .value());
        return lines;
    }

    /** No client of Kafka's asks for it by itself. */
    private List<String> epochEnds() throws Exception {
        OffsetForLeaderEpochRequestData body = new OffsetForLeaderEpochRequestData().setReplicaId(-1);
        Stream.of(TOPIC, "later")
                .forEach(name -> body.topics()
                        .add(new OffsetForLeaderEpochRequestData.OffsetForLeaderTopic()
                                .setTopic(name)
                                .setPartitions(Stream.of(0, 1, -1)
                                        .map(epoch -> new OffsetForLeaderEpochRequestData.OffsetForLeaderPartition()
                                                .setLeaderEpoch(epoch))
                                        .toList())));
        try (RawClient client = new RawClient(Integer.parseInt(bootstrap.replaceAll(".*:", "")))) {
            OffsetForLeaderEpochResponseData answer = (OffsetForLeaderEpochResponseData)
                    client.receive(client.send(ApiMessageType.OFFSET_FOR_LEADER_EPOCH, 4, body));
            return answer.topics().stream()
                    .flatMap(topic -> topic.partitions().stream()
                            .map(end -> topic.topic() + " error " + end.errorCode() + " epoch " + end.leaderEpoch()
                                    + " ends at " + end.endOffset()))
                    .toList();
        }
    }

    private List<String> listedTransactions() throws Exception {
        List<String> lines = new ArrayList<>();
        for (String pattern : List.of("t", "t.*", "[a-s]", "", "(")) {
            lines.add(pattern + ": "
                    + outcome(
                            admin.listTransactions(
                                            new ListTransactionsOptions().filterOnTransactionalIdPattern(pattern))
                                    .all(),
                            found -> String.valueOf(found.stream()
                                    .map(TransactionListing::transactionalId)
                                    .sorted()
                                    .toList())));
        }
        return lines;
    }

    private List<String> authorized() throws Exception {
        String group = "asked";
        admin.alterConsumerGroupOffsets(group, Map.of(P0, new OffsetAndMetadata(0)))
                .all()
                .get(120, SECONDS);
        Set<AclOperation> cluster = admin.describeCluster(
                        new DescribeClusterOptions().includeAuthorizedOperations(true))
                .authorizedOperations()
                .get(120, SECONDS);
        Set<AclOperation> topic = requireNonNull(admin.describeTopics(
                                List.of(TOPIC), new DescribeTopicsOptions().includeAuthorizedOperations(true))
                        .topicNameValues()
                        .get(TOPIC))
                .get(120, SECONDS)
                .authorizedOperations();
        Set<AclOperation> ofGroup = requireNonNull(admin.describeConsumerGroups(
                                List.of(group), new DescribeConsumerGroupsOptions().includeAuthorizedOperations(true))
                        .describedGroups()
                        .get(group))
                .get(120, SECONDS)
                .authorizedOperations();
        Set<AclOperation> unasked =
                admin.describeCluster().authorizedOperations().get(120, SECONDS);
        admin.deleteConsumerGroups(List.of(group)).all().get(120, SECONDS);
        return List.of(
                "cluster " + new TreeSet<>(cluster),
                "topic " + new TreeSet<>(topic),
                "group " + new TreeSet<>(ofGroup),
                "not asked for " + unasked);
    }

    private List<String> validatedQuotas() throws Exception {
        ClientQuotaEntity alice = new ClientQuotaEntity(Map.of(ClientQuotaEntity.USER, "alice"));
        List<String> lines = new ArrayList<>();
        for (ClientQuotaAlteration.Op asked : List.of(
                new ClientQuotaAlteration.Op("producer_byte_rate", 1_000.0),
                new ClientQuotaAlteration.Op("producer_byte_rate", -1.0),
                new ClientQuotaAlteration.Op("no.such.quota", 1.0))) {
            lines.add(asked.key() + " " + asked.value() + ": "
                    + outcome(admin.alterClientQuotas(
                                    List.of(new ClientQuotaAlteration(alice, List.of(asked))),
                                    new AlterClientQuotasOptions().validateOnly(true))
                            .all()));
        }
        lines.add("there: "
                + admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get(120, SECONDS));
        return lines;
    }

    private static String outcome(KafkaFuture<Void> asked) throws Exception {
        return outcome(asked, done -> "yes");
    }

    private static <T> String outcome(KafkaFuture<T> asked, Function<T, String> told) throws Exception {
        try {
            return told.apply(asked.get(120, SECONDS));
        } catch (ExecutionException e) {
            return requireNonNull(e.getCause()).getClass().getSimpleName();
        }
    }
}
