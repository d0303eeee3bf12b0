package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.QuotaChange;
import io.reactivemq.broker.QuotaEntity;
import io.reactivemq.broker.QuotaEntity.Part;
import io.reactivemq.kafka.common.message.AlterClientQuotasRequestData;
import io.reactivemq.kafka.common.message.AlterClientQuotasResponseData;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.DescribeClientQuotasRequestData;
import io.reactivemq.kafka.common.message.DescribeClientQuotasRequestData.ComponentData;
import io.reactivemq.kafka.common.message.DescribeClientQuotasResponseData;
import io.reactivemq.kafka.common.message.DescribeClientQuotasResponseData.EntityData;
import io.reactivemq.kafka.common.message.DescribeClientQuotasResponseData.EntryData;
import io.reactivemq.kafka.common.message.DescribeClientQuotasResponseData.ValueData;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Quotas (KIP-546): DescribeClientQuotas, AlterClientQuotas, of users and client ids. There are none of addresses. */
final class QuotaApis {

    private static final String USER = "user";
    private static final String CLIENT_ID = "client-id";

    /** How the name of an entity is compared, in Kafka's numbers. */
    private static final byte EXACT = 0;

    private static final byte DEFAULT = 1;
    private static final byte SPECIFIED = 2;

    private final Broker broker;

    QuotaApis(Broker broker) {
        this.broker = broker;
    }

    void register(ApiTable apis) {
        apis.serve(ApiMessageType.DESCRIBE_CLIENT_QUOTAS, 0, 1, DescribeClientQuotasRequestData.class, this::describe);
        apis.serve(ApiMessageType.ALTER_CLIENT_QUOTAS, 0, 1, AlterClientQuotasRequestData.class, this::alter);
    }

    private Mono<DescribeClientQuotasResponseData> describe(ApiRequest request, DescribeClientQuotasRequestData body) {
        return Refusal.orElse(() -> {
                    Set<String> types = new HashSet<>();
                    for (ComponentData component : body.components()) {
                        if (!types.add(component.entityType())) {
                            throw invalid("type '" + component.entityType() + "' is named twice");
                        }
                        requireMatch(component);
                    }
                    return broker.security().describeQuotas(request.caller()).map(all -> {
                        List<EntryData> entries = new ArrayList<>();
                        all.forEach((entity, quotas) -> {
                            if (isMeant(entity, body, types)) {
                                entries.add(entry(entity, quotas));
                            }
                        });
                        return new DescribeClientQuotasResponseData().setEntries(entries);
                    });
                })
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(new DescribeClientQuotasResponseData()
                                .setErrorCode(failure.errorCode().code())
                                .setErrorMessage(failure.getMessage())
                                .setEntries(null)));
    }

    private static void requireMatch(ComponentData component) {
        if (component.matchType() < EXACT || component.matchType() > SPECIFIED) {
            throw invalid("type of match must be 0 to 2, was " + component.matchType());
        }
        if ((component.matchType() == EXACT) != (component.match() != null)) {
            throw invalid("a name belongs to match type 0, and to that only");
        }
    }

    private static boolean isMeant(QuotaEntity entity, DescribeClientQuotasRequestData asked, Set<String> types) {
        if (asked.strict()
                && ((entity.user() != null && !types.contains(USER))
                        || (entity.clientId() != null && !types.contains(CLIENT_ID)))) {
            return false;
        }
        return asked.components().stream().allMatch(component -> {
            Part part = switch (component.entityType()) {
                case USER -> entity.user();
                case CLIENT_ID -> entity.clientId();
                default -> null;
            };
            return part != null
                    && switch (component.matchType()) {
                        case EXACT ->
                            component.match() != null && component.match().equals(part.name());
                        case DEFAULT -> part.name() == null;
                        default -> true;
                    };
        });
    }

    private static EntryData entry(QuotaEntity entity, Map<String, Double> quotas) {
        List<EntityData> parts = new ArrayList<>();
        Part user = entity.user();
        if (user != null) {
            parts.add(new EntityData().setEntityType(USER).setEntityName(user.name()));
        }
        Part clientId = entity.clientId();
        if (clientId != null) {
            parts.add(new EntityData().setEntityType(CLIENT_ID).setEntityName(clientId.name()));
        }
        List<ValueData> values = new ArrayList<>();
        new TreeMap<>(quotas)
                .forEach((key, value) -> values.add(new ValueData().setKey(key).setValue(value)));
        return new EntryData().setEntity(parts).setValues(values);
    }

    private Mono<AlterClientQuotasResponseData> alter(ApiRequest request, AlterClientQuotasRequestData body) {
        return Flux.fromIterable(body.entries())
                .concatMap(entry -> alter(request, entry, body.validateOnly())
                        .then(Mono.just(new AlterClientQuotasResponseData.EntryData()))
                        .onErrorResume(
                                MqException.class,
                                failure -> Mono.just(new AlterClientQuotasResponseData.EntryData()
                                        .setErrorCode(failure.errorCode().code())
                                        .setErrorMessage(failure.getMessage())))
                        .map(result -> result.setEntity(entry.entity().stream()
                                .map(part -> new AlterClientQuotasResponseData.EntityData()
                                        .setEntityType(part.entityType())
                                        .setEntityName(part.entityName()))
                                .toList())))
                .collectList()
                .map(results -> new AlterClientQuotasResponseData().setEntries(results));
    }

    private Mono<Void> alter(ApiRequest request, AlterClientQuotasRequestData.EntryData entry, boolean validateOnly) {
        List<QuotaChange> changes = new ArrayList<>();
        entry.ops().forEach(op -> changes.add(new QuotaChange(op.key(), op.remove() ? null : op.value())));
        QuotaEntity entity;
        try {
            entity = entity(entry.entity());
        } catch (MqException e) {
            return Refusal.of(e);
        }
        return validateOnly
                ? broker.security().validateQuotas(request.caller(), entity, changes)
                : broker.security().alterQuotas(request.caller(), entity, changes);
    }

    private static QuotaEntity entity(List<AlterClientQuotasRequestData.EntityData> parts) {
        Part user = null;
        Part clientId = null;
        for (AlterClientQuotasRequestData.EntityData part : parts) {
            Part named = partOf(part.entityName());
            if (part.entityType().equals(USER) && user == null) {
                user = named;
            } else if (part.entityType().equals(CLIENT_ID) && clientId == null) {
                clientId = named;
            } else {
                throw invalid(
                        "an entity has a user, a client-id, or one of each; '" + part.entityType() + "' is one more");
            }
        }
        if (user == null && clientId == null) {
            throw invalid("an entity has a user, a client-id, or one of each; this has neither");
        }
        return new QuotaEntity(user, clientId);
    }

    private static Part partOf(@Nullable String name) {
        return name == null ? Part.DEFAULT : Part.of(name);
    }

    private static MqException invalid(String message) {
        return new MqException(ErrorCode.INVALID_REQUEST, message);
    }
}
