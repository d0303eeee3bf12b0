package io.reactivemq.test.simulation;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.ForwardingBroker;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.OffsetFetch;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionalAppend;
import io.reactivemq.test.SimulatedRuntime;
import io.reactivemq.test.history.ConsumerHistory;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;

/**
 * A client's connection: requests and answers take their time, some are lost, and one day it may be cut. Requests stay in order. What the
 * client commits and looks up is written down on its side of it.
 */
final class Link extends ForwardingBroker {

    /** How bad the network is, for all links of a run. */
    static final class Network {
        int lossPercent;
        int delayMsMax;
    }

    private final Network network;
    private final SimulatedRuntime runtime;
    private final Random random;
    private final Scheduler.Worker wire;
    private final @Nullable ConsumerHistory history;
    private final Consumer<ProducerIdAndEpoch> onProducer;
    private final boolean embedded;
    private long lastDueNanos;
    private boolean cut;
    private long silentUntilNanos;

    /**
     * @param history who writes down what is committed and looked up; null: nobody
     * @param onProducer is told what the client has got for a transactional id
     * @param embedded whether the client lives in the broker's process; else it calls from another machine
     */
    Link(
            Broker address,
            Network network,
            SimulatedRuntime runtime,
            Random random,
            @Nullable ConsumerHistory history,
            Consumer<ProducerIdAndEpoch> onProducer,
            boolean embedded) {
        super(address);
        this.network = network;
        this.runtime = runtime;
        this.random = random;
        this.wire = runtime.timers().createWorker();
        this.history = history;
        this.onProducer = onProducer;
        this.embedded = embedded;
        this.lastDueNanos = runtime.nanoTime();
    }

    /** From now on no request arrives and no answer comes back. */
    void cut() {
        cut = true;
    }

    /** For so long no request arrives and no answer comes back; then it is as before. */
    void silence(Duration time) {
        silentUntilNanos = runtime.elapsed().plus(time).toNanos();
    }

    private boolean isSilent() {
        return cut || runtime.elapsed().toNanos() < silentUntilNanos;
    }

    boolean isCut() {
        return cut;
    }

    @Override
    protected <T> Mono<T> forward(Mono<T> request) {
        return Mono.defer(() -> {
                    if (isSilent()) {
                        return Mono.<T>never();
                    }
                    Mono<T> arriving = loses() ? Mono.<T>create(sink -> sink.error(lost("request"))) : request;
                    return delay().then(Mono.defer(() -> isSilent() ? Mono.never() : arriving));
                })
                .materialize()
                .flatMap(answer -> {
                    if (isSilent()) {
                        return Mono.never();
                    }
                    // not Mono.error, which would count as the operator's own
                    return loses() ? Mono.create(sink -> sink.error(lost("answer"))) : Mono.just(answer);
                })
                .dematerialize();
    }

    private boolean loses() {
        return network.lossPercent > 0 && random.nextInt(100) < network.lossPercent;
    }

    private static MqException lost(String what) {
        return new MqException(ErrorCode.REQUEST_TIMED_OUT, "the " + what + " was lost");
    }

    private Mono<Void> delay() {
        long now = runtime.nanoTime();
        long delayNanos = network.delayMsMax == 0 ? 0 : random.nextInt(network.delayMsMax * 1000) * 1000L;
        long due = Math.max(lastDueNanos, now + delayNanos);
        if (due == now) {
            return Mono.empty();
        }
        lastDueNanos = due;
        return Mono.create(sink -> sink.onDispose(wire.schedule(sink::success, due - now, TimeUnit.NANOSECONDS)));
    }

    @Override
    public Mono<AppendResult> append(Caller caller, TopicPartition partition, ByteBuffer records, Acks acks) {
        // a connection carries bytes, not buffers
        return Mono.defer(() -> super.append(caller, partition, copy(records), acks));
    }

    @Override
    public Mono<AppendResult> append(Caller caller, TransactionalAppend append) {
        return Mono.defer(() -> super.append(
                caller,
                new TransactionalAppend(
                        append.transactionalId(),
                        append.version(),
                        append.partition(),
                        copy(append.records()),
                        append.acks())));
    }

    private static ByteBuffer copy(ByteBuffer records) {
        return ByteBuffer.allocate(records.remaining()).put(records.duplicate()).flip();
    }

    @Override
    public Mono<ProducerIdAndEpoch> initProducerId(Caller caller, InitProducerId request) {
        Mono<ProducerIdAndEpoch> answer = super.initProducerId(caller, request);
        return request.transactionalId() == null ? answer : answer.doOnNext(onProducer);
    }

    @Override
    public Mono<Map<TopicPartition, ErrorCode>> commitOffsets(Caller caller, OffsetCommit commit) {
        Mono<Map<TopicPartition, ErrorCode>> answer = super.commitOffsets(caller, commit);
        ConsumerHistory writer = history;
        if (writer == null) {
            return answer;
        }
        Map<TopicPartition, CommittedOffset> offsets = new TreeMap<>(commit.offsets());
        offsets.keySet().removeIf(partition -> !BriefTopic.isLasting(partition));
        int generation = commit.memberEpoch();
        return answer.doOnSubscribe(subscription -> offsets.forEach(
                        (partition, offset) -> writer.committing(generation, partition, offset.offset())))
                .doOnSuccess(refused -> offsets.forEach((partition, offset) -> {
                    if (refused.containsKey(partition)) {
                        writer.commitFailed(generation, partition, offset.offset());
                    } else {
                        writer.committed(generation, partition, offset.offset());
                    }
                }))
                .doOnError(
                        failure -> failure instanceof MqException e && !e.isRetriable(),
                        failure -> offsets.forEach(
                                (partition, offset) -> writer.commitFailed(generation, partition, offset.offset())));
    }

    @Override
    public Mono<Map<TopicPartition, CommittedOffset>> fetchOffsets(Caller caller, OffsetFetch fetch) {
        Mono<Map<TopicPartition, CommittedOffset>> answer = super.fetchOffsets(caller, fetch);
        ConsumerHistory writer = history;
        if (writer == null || fetch.partitions() == null) {
            return answer;
        }
        List<TopicPartition> partitions = fetch.partitions().stream()
                .filter(BriefTopic::isLasting)
                .sorted()
                .toList();
        return answer.doOnSubscribe(subscription -> partitions.forEach(writer::lookingUp))
                .doOnNext(offsets -> partitions.forEach(partition -> {
                    CommittedOffset offset = offsets.get(partition);
                    writer.lookedUp(partition, offset == null ? -1 : offset.offset());
                }));
    }

    /** Members that live with the broker are forgotten when it opens again, others are not. */
    @Override
    public Mono<GroupHeartbeatResult> heartbeat(Caller caller, GroupHeartbeat heartbeat) {
        return super.heartbeat(
                embedded ? caller : new Caller(caller.principal(), caller.clientId(), "10.0.0.1", caller.listener()),
                heartbeat);
    }

    @Override
    public Mono<Void> closeGracefully(Duration timeout) {
        return Mono.error(new IllegalStateException("a client does not close the broker"));
    }
}
