package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ConfigChange;
import io.reactivemq.broker.ConfigEntry;
import io.reactivemq.kafka.common.message.AlterConfigsRequestData;
import io.reactivemq.kafka.common.message.AlterConfigsResponseData;
import io.reactivemq.kafka.common.message.AlterConfigsResponseData.AlterConfigsResourceResponse;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.DescribeConfigsRequestData;
import io.reactivemq.kafka.common.message.DescribeConfigsRequestData.DescribeConfigsResource;
import io.reactivemq.kafka.common.message.DescribeConfigsResponseData;
import io.reactivemq.kafka.common.message.DescribeConfigsResponseData.DescribeConfigsResourceResult;
import io.reactivemq.kafka.common.message.DescribeConfigsResponseData.DescribeConfigsResult;
import io.reactivemq.kafka.common.message.DescribeConfigsResponseData.DescribeConfigsSynonym;
import io.reactivemq.kafka.common.message.IncrementalAlterConfigsRequestData;
import io.reactivemq.kafka.common.message.IncrementalAlterConfigsRequestData.AlterConfigsResource;
import io.reactivemq.kafka.common.message.IncrementalAlterConfigsRequestData.AlterableConfig;
import io.reactivemq.kafka.common.message.IncrementalAlterConfigsResponseData;
import io.reactivemq.netty.security.Authorizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Settings of topics: DescribeConfigs, IncrementalAlterConfigs, AlterConfigs. Those of the server itself are not shown and not changed over the wire. */
final class ConfigApis {

    private static final byte TOPIC = 2;
    private static final byte BROKER = 4;

    /** Where a value comes from, in Kafka's numbers. */
    private static final byte SOURCE_TOPIC = 1;

    private static final byte SOURCE_DEFAULT = 5;

    private final Broker broker;
    private final Authorizer authorizer;

    ConfigApis(Broker broker, Authorizer authorizer) {
        this.broker = broker;
        this.authorizer = authorizer;
    }

    void register(ApiTable apis) {
        apis.serve(ApiMessageType.DESCRIBE_CONFIGS, 1, 4, DescribeConfigsRequestData.class, this::describeConfigs);
        apis.serve(
                ApiMessageType.INCREMENTAL_ALTER_CONFIGS,
                0,
                1,
                IncrementalAlterConfigsRequestData.class,
                this::incrementalAlterConfigs);
        apis.serve(ApiMessageType.ALTER_CONFIGS, 0, 2, AlterConfigsRequestData.class, this::alterConfigs);
    }

    static byte sourceOf(ConfigEntry entry) {
        return switch (entry.source()) {
            case TOPIC -> SOURCE_TOPIC;
            case BROKER -> SOURCE_DEFAULT;
        };
    }

    private Mono<DescribeConfigsResponseData> describeConfigs(ApiRequest request, DescribeConfigsRequestData body) {
        return Flux.fromIterable(body.resources())
                // named twice, answered once
                .distinct(asked -> Map.entry(asked.resourceType(), asked.resourceName()))
                .concatMap(asked -> describe(request.caller(), asked, body.includeSynonyms())
                        .onErrorResume(
                                MqException.class,
                                failure -> Mono.just(new DescribeConfigsResult()
                                        .setErrorCode(failure.errorCode().code())
                                        .setErrorMessage(failure.getMessage())))
                        .map(result ->
                                result.setResourceType(asked.resourceType()).setResourceName(asked.resourceName())))
                .collectList()
                .map(results -> new DescribeConfigsResponseData().setResults(results));
    }

    private Mono<DescribeConfigsResult> describe(Caller caller, DescribeConfigsResource asked, boolean synonyms) {
        if (asked.resourceType() == BROKER && authorizer.allowsCluster(caller, AclOperation.DESCRIBE_CONFIGS)) {
            return Mono.just(new DescribeConfigsResult());
        }
        return requireTopic(caller, AclOperation.DESCRIBE_CONFIGS, asked.resourceType(), asked.resourceName())
                .then(broker.describeTopicConfigs(caller, asked.resourceName()))
                .map(entries -> {
                    List<String> keys = asked.configurationKeys();
                    Set<String> wanted = keys == null ? Set.of() : new HashSet<>(keys);
                    return new DescribeConfigsResult()
                            .setConfigs(entries.stream()
                                    .filter(entry -> keys == null || keys.isEmpty() || wanted.contains(entry.name()))
                                    .map(entry -> described(entry, synonyms))
                                    .toList());
                });
    }

    private static DescribeConfigsResourceResult described(ConfigEntry entry, boolean synonyms) {
        DescribeConfigsResourceResult result = new DescribeConfigsResourceResult()
                .setName(entry.name())
                .setValue(entry.value())
                .setConfigSource(sourceOf(entry));
        if (synonyms) {
            result.setSynonyms(List.of(new DescribeConfigsSynonym()
                    .setName(entry.name())
                    .setValue(entry.value())
                    .setSource(sourceOf(entry))));
        }
        return result;
    }

    private Mono<IncrementalAlterConfigsResponseData> incrementalAlterConfigs(
            ApiRequest request, IncrementalAlterConfigsRequestData body) {
        return Flux.fromIterable(body.resources())
                .concatMap(asked -> alter(request.caller(), asked, body.validateOnly())
                        .then(Mono.<MqException>empty())
                        .onErrorResume(MqException.class, Mono::just)
                        .map(failure -> new IncrementalAlterConfigsResponseData.AlterConfigsResourceResponse()
                                .setErrorCode(failure.errorCode().code())
                                .setErrorMessage(failure.getMessage()))
                        .defaultIfEmpty(new IncrementalAlterConfigsResponseData.AlterConfigsResourceResponse())
                        .map(result ->
                                result.setResourceType(asked.resourceType()).setResourceName(asked.resourceName())))
                .collectList()
                .map(results -> new IncrementalAlterConfigsResponseData().setResponses(results));
    }

    private Mono<Void> alter(Caller caller, AlterConfigsResource asked, boolean validateOnly) {
        return requireTopic(caller, AclOperation.ALTER_CONFIGS, asked.resourceType(), asked.resourceName())
                .then(broker.describeTopicConfigs(caller, asked.resourceName()))
                .flatMap(entries -> {
                    List<ConfigChange> changes = new ArrayList<>();
                    try {
                        for (AlterableConfig config : asked.configs()) {
                            changes.add(change(config, entries));
                        }
                    } catch (MqException e) {
                        return Refusal.of(e);
                    }
                    return alter(caller, asked.resourceName(), changes, validateOnly);
                });
    }

    private static ConfigChange change(AlterableConfig config, List<ConfigEntry> entries) {
        Operation operation = Operation.of(config.configOperation());
        String value = config.value();
        if (operation == Operation.DELETE) {
            return ConfigChange.reset(config.name());
        }
        if (value == null) {
            throw new MqException(ErrorCode.INVALID_REQUEST, "setting '" + config.name() + "' needs a value");
        }
        if (operation == Operation.SET) {
            return ConfigChange.set(config.name(), value);
        }
        Set<String> parts = new LinkedHashSet<>();
        entries.stream()
                .filter(entry -> entry.name().equals(config.name()))
                .forEach(entry -> parts.addAll(listOf(entry.value())));
        if (operation == Operation.APPEND) {
            parts.addAll(listOf(value));
        } else {
            parts.removeAll(listOf(value));
        }
        return ConfigChange.set(config.name(), String.join(",", parts));
    }

    private static List<String> listOf(String value) {
        return Arrays.stream(value.split(",", -1))
                .map(String::strip)
                .filter(part -> !part.isEmpty())
                .toList();
    }

    private Mono<AlterConfigsResponseData> alterConfigs(ApiRequest request, AlterConfigsRequestData body) {
        return Flux.fromIterable(body.resources())
                .concatMap(asked -> replace(request.caller(), asked, body.validateOnly())
                        .then(Mono.<MqException>empty())
                        .onErrorResume(MqException.class, Mono::just)
                        .map(failure -> new AlterConfigsResourceResponse()
                                .setErrorCode(failure.errorCode().code())
                                .setErrorMessage(failure.getMessage()))
                        .defaultIfEmpty(new AlterConfigsResourceResponse())
                        .map(result ->
                                result.setResourceType(asked.resourceType()).setResourceName(asked.resourceName())))
                .collectList()
                .map(results -> new AlterConfigsResponseData().setResponses(results));
    }

    /** The older API gives all settings: what it leaves out goes back to the default. */
    private Mono<Void> replace(
            Caller caller, AlterConfigsRequestData.AlterConfigsResource asked, boolean validateOnly) {
        return requireTopic(caller, AclOperation.ALTER_CONFIGS, asked.resourceType(), asked.resourceName())
                .then(broker.describeTopicConfigs(caller, asked.resourceName()))
                .flatMap(entries -> {
                    List<ConfigChange> changes = new ArrayList<>();
                    Set<String> given = new HashSet<>();
                    asked.configs().forEach(config -> {
                        given.add(config.name());
                        changes.add(new ConfigChange(config.name(), config.value()));
                    });
                    entries.stream()
                            .filter(entry ->
                                    entry.source() == ConfigEntry.Source.TOPIC && !given.contains(entry.name()))
                            .forEach(entry -> changes.add(ConfigChange.reset(entry.name())));
                    return alter(caller, asked.resourceName(), changes, validateOnly);
                });
    }

    private Mono<Void> alter(Caller caller, String topic, List<ConfigChange> changes, boolean validateOnly) {
        if (changes.isEmpty()) {
            return Mono.empty();
        }
        return validateOnly
                ? broker.validateTopicConfigs(caller, topic, changes)
                : broker.alterTopicConfigs(caller, topic, changes).then();
    }

    private Mono<Void> requireTopic(Caller caller, AclOperation operation, byte type, String name) {
        if (type != TOPIC) {
            if (!authorizer.allowsCluster(caller, operation)) {
                return Refusal.of(ErrorCode.CLUSTER_AUTHORIZATION_FAILED, caller.principal() + " may not " + operation);
            }
            return Refusal.of(
                    ErrorCode.INVALID_REQUEST,
                    "settings of topics (resource type 2) are served, was type " + type + ", '" + name + "'");
        }
        return Mono.empty();
    }

    /** What IncrementalAlterConfigs does to a setting, by Kafka's numbers. */
    private enum Operation {
        SET,
        DELETE,
        APPEND,
        SUBTRACT;

        static Operation of(byte number) {
            if (number < 0 || number >= values().length) {
                throw new MqException(
                        ErrorCode.INVALID_REQUEST, "operation on a setting must be 0 to 3, was " + number);
            }
            return values()[number];
        }
    }
}
