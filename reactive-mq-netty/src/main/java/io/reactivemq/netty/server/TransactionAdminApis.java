package io.reactivemq.netty.server;

import io.reactivemq.MqException;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.NamePattern;
import io.reactivemq.broker.TransactionDescription;
import io.reactivemq.broker.TransactionDescription.State;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.DescribeTransactionsRequestData;
import io.reactivemq.kafka.common.message.DescribeTransactionsResponseData;
import io.reactivemq.kafka.common.message.DescribeTransactionsResponseData.TopicData;
import io.reactivemq.kafka.common.message.DescribeTransactionsResponseData.TopicDataCollection;
import io.reactivemq.kafka.common.message.DescribeTransactionsResponseData.TransactionState;
import io.reactivemq.kafka.common.message.ListTransactionsRequestData;
import io.reactivemq.kafka.common.message.ListTransactionsResponseData;
import io.reactivemq.netty.protocol.ProtocolError;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Transactions as tools see them: DescribeTransactions, ListTransactions. */
final class TransactionAdminApis {

    /** How often the characters of ids may be looked at for an expression: some ten milliseconds. */
    private static final int LOOKS_MAX = 5_000_000;

    private static final Set<String> STATES =
            Arrays.stream(State.values()).map(State::text).collect(Collectors.toUnmodifiableSet());

    private final Broker broker;

    TransactionAdminApis(Broker broker) {
        this.broker = broker;
    }

    void register(ApiTable apis) {
        apis.serve(
                ApiMessageType.DESCRIBE_TRANSACTIONS, 0, 0, DescribeTransactionsRequestData.class, this::describeAll);
        apis.serve(ApiMessageType.LIST_TRANSACTIONS, 0, 2, ListTransactionsRequestData.class, this::list);
    }

    private Mono<DescribeTransactionsResponseData> describeAll(
            ApiRequest request, DescribeTransactionsRequestData body) {
        return Flux.fromIterable(body.transactionalIds())
                .distinct()
                .concatMap(id -> describe(request.caller(), id))
                .collectList()
                .map(states -> new DescribeTransactionsResponseData().setTransactionStates(states));
    }

    private Mono<TransactionState> describe(Caller caller, String transactionalId) {
        return broker.describeTransaction(caller, transactionalId)
                .map(TransactionAdminApis::state)
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(new TransactionState()
                                .setTransactionalId(transactionalId)
                                .setErrorCode(failure.errorCode().code())));
    }

    private static TransactionState state(TransactionDescription transaction) {
        Map<String, TopicData> topics = new LinkedHashMap<>();
        transaction
                .partitions()
                .forEach(partition -> topics.computeIfAbsent(partition.topic(), name -> new TopicData().setTopic(name))
                        .partitions()
                        .add(partition.partition()));
        return new TransactionState()
                .setTransactionalId(transaction.transactionalId())
                .setTransactionState(transaction.state().text())
                .setTransactionTimeoutMs((int) transaction.timeout().toMillis())
                .setTransactionStartTimeMs(transaction.startTimeMs())
                .setProducerId(transaction.producer().producerId())
                .setProducerEpoch(transaction.producer().epoch())
                .setTopics(new TopicDataCollection(topics.values().iterator()));
    }

    private Mono<ListTransactionsResponseData> list(ApiRequest request, ListTransactionsRequestData body) {
        List<String> unknown = body.stateFilters().stream()
                .filter(state -> !STATES.contains(state))
                .toList();
        long nowMs = broker.runtime().currentTimeMillis();
        return Refusal.orElse(() -> {
                    Predicate<String> isNamed = named(body.transactionalIdPattern());
                    return broker.listTransactions(request.caller())
                            .map(all -> new ListTransactionsResponseData()
                                    .setUnknownStateFilters(unknown)
                                    .setTransactionStates(all.stream()
                                            .filter(transaction -> isAskedFor(transaction, body, nowMs)
                                                    && isNamed.test(transaction.transactionalId()))
                                            .map(TransactionAdminApis::listed)
                                            .toList()));
                })
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(
                                new ListTransactionsResponseData().setErrorCode(ProtocolError.codeOf(failure))));
    }

    private static Predicate<String> named(@Nullable String pattern) {
        return pattern == null || pattern.isEmpty()
                ? id -> true
                : NamePattern.of(pattern).within(LOOKS_MAX);
    }

    private static boolean isAskedFor(
            TransactionDescription transaction, ListTransactionsRequestData asked, long nowMs) {
        boolean longEnough = asked.durationFilter() < 0
                || (transaction.startTimeMs() >= 0 && nowMs - transaction.startTimeMs() > asked.durationFilter());
        return longEnough
                && (asked.stateFilters().isEmpty()
                        || asked.stateFilters().contains(transaction.state().text()))
                && (asked.producerIdFilters().isEmpty()
                        || asked.producerIdFilters()
                                .contains(transaction.producer().producerId()));
    }

    private static ListTransactionsResponseData.TransactionState listed(TransactionDescription transaction) {
        return new ListTransactionsResponseData.TransactionState()
                .setTransactionalId(transaction.transactionalId())
                .setProducerId(transaction.producer().producerId())
                .setTransactionState(transaction.state().text());
    }
}
