package io.reactivemq.engine;

import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.GroupLag;
import io.reactivemq.broker.GroupListing;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.broker.TransactionDescription;
import io.reactivemq.metrics.BrokerMeters;
import io.reactivemq.metrics.BrokerMeters.GroupPartition;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Looks from time to time how large the partitions are, how groups stand and how far they are behind, for whoever watches the broker. One round at a time, one group after the
 * other; it stops asking where there are more lines than are shown.
 */
final class MetersRound {

    private static final Logger LOG = LoggerFactory.getLogger(MetersRound.class);

    private static final Caller CALLER = Caller.embedded("meters");

    private final Broker broker;
    private final BrokerMeters meters;
    private final MqRuntime runtime;
    private final Disposable.Swap next = Disposables.swap();

    MetersRound(Broker broker, BrokerMeters meters, MqRuntime runtime) {
        this.broker = broker;
        this.meters = meters;
        this.runtime = runtime;
    }

    void start() {
        next.update(runtime.timers()
                .schedule(
                        () -> runtime.io().schedule(this::round),
                        BrokerMeters.INTERVAL.toMillis(),
                        TimeUnit.MILLISECONDS));
    }

    /** The gauges go, and do not come back. */
    void stop() {
        next.dispose();
        meters.close();
    }

    private void round() {
        if (next.isDisposed()) {
            return;
        }
        Mono<List<GroupListing>> groups = broker.listGroups(CALLER).cache();
        Mono<Map<GroupPartition, Long>> lags = groups.flatMapIterable(all -> all)
                .concatMap(group -> lagsOf(group.groupId()))
                .take(BrokerMeters.LINES_MAX + 1L)
                .collectMap(Map.Entry::getKey, Map.Entry::getValue);
        Mono<Map<String, BrokerMeters.Group>> described = groups.flatMapIterable(all -> all)
                .take(BrokerMeters.LINES_MAX + 1L)
                .concatMap(group -> described(group.groupId()))
                .collectMap(
                        GroupDescription::groupId,
                        group -> new BrokerMeters.Group(group.members().size(), group.groupEpoch()));
        Mono<Long> open = broker.listTransactions(CALLER)
                .map(all -> all.stream().filter(MetersRound::isOpen).count());
        Mono<Long> offline = broker.listTopics(CALLER)
                .map(all ->
                        all.stream().mapToLong(topic -> topic.offline().size()).sum());
        Mono.zip(broker.describeLogDir(CALLER), lags, described, open, offline)
                .doOnNext(found -> meters.update(new BrokerMeters.Look(
                        found.getT1().sizes(), found.getT2(), found.getT3(), found.getT4(), found.getT5())))
                .doFinally(end -> start())
                .subscribe(found -> {}, this::failed);
    }

    private static boolean isOpen(TransactionDescription transaction) {
        return switch (transaction.state()) {
            case ONGOING, PREPARE_COMMIT, PREPARE_ABORT, PREPARE_EPOCH_FENCE -> true;
            case EMPTY, COMPLETE_COMMIT, COMPLETE_ABORT, DEAD -> false;
        };
    }

    /** Nothing where the group has gone meanwhile. */
    private Mono<GroupDescription> described(String group) {
        return broker.describeGroup(CALLER, group).onErrorResume(MqException.class, gone -> Mono.empty());
    }

    /** Nothing where the group or one of its topics has gone meanwhile. */
    private Flux<Map.Entry<GroupPartition, Long>> lagsOf(String group) {
        return GroupLag.of(broker, CALLER, group, IsolationLevel.READ_UNCOMMITTED)
                .onErrorResume(MqException.class, gone -> Mono.empty())
                .flatMapIterable(Map::entrySet)
                .map(lag -> Map.entry(new GroupPartition(group, lag.getKey()), lag.getValue()));
    }

    private void failed(Throwable failure) {
        if (!next.isDisposed()) {
            LOG.warn("the broker's meters are as they were: how large partitions are was not told", failure);
        }
    }
}
