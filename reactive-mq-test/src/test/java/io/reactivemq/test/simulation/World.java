package io.reactivemq.test.simulation;

import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetFetch;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TopicDescription;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.test.SimulatedRuntime;
import io.reactivemq.test.history.ConsumerHistory;
import io.reactivemq.test.history.Guarantee;
import io.reactivemq.test.history.History;
import io.reactivemq.test.simulation.TransactionalWriter.End;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;

/**
 * A broker and its clients over some simulated minutes, in which a seed decides everything: who sends, joins, leaves and crashes, what the network
 * and the disk do, when the broker is killed and what of its files is left, and in which order all that happens.
 */
final class World {

    static final Duration TRANSACTION_TIMEOUT = Duration.ofSeconds(5);
    static final String READERS = "readers";

    private static final Caller CALLER = Caller.embedded("world");
    private static final int[] WORK_MS_MAX = {0, 20, 120, 700};
    private static final Duration PATIENCE = Duration.ofMinutes(3);
    private static final List<TopicPartition> PARTITIONS = List.of(
            new TopicPartition("in", 0),
            new TopicPartition("in", 1),
            new TopicPartition("in", 2),
            new TopicPartition("out", 0),
            new TopicPartition("out", 1));

    /** A rule that a broker keeps at every moment, and did not. */
    static final class Broken extends RuntimeException {
        private static final long serialVersionUID = 1;

        Broken(String message) {
            super(message);
        }
    }

    final SimulatedRuntime runtime;
    final Random random;
    final History history;
    private final Link.Network network = new Link.Network();
    private final BrokerHost host;
    private final boolean embedded;
    private final boolean rewinds;

    /** Whether some readers are static members. */
    private final boolean fixed;

    /** Whether clients send transactions in rows, of which each begins while the one before is being committed. */
    private final boolean inRows;

    private final IsolationLevel readersIsolation;
    private final int workMsMax;

    private final List<Writer> writers = new ArrayList<>();
    private final List<TransactionalWriter> transactional = new ArrayList<>();
    private final List<Member> members = new ArrayList<>();
    private final List<Processor> processors = new ArrayList<>();
    private final Invariants invariants;
    private final Map<String, Holder> holders = new HashMap<>();
    private final @Nullable BriefTopic brief;
    private final @Nullable Workers workers;
    private int named;
    private boolean finishing;

    World(long seed, Mistake mistake) {
        this.runtime = SimulatedRuntime.seeded(seed);
        this.random = new Random(seed * 0x9E3779B97F4A7C15L);
        this.history = new History(() -> runtime.elapsed().toMillis());
        this.host = new BrokerHost(runtime, new Random(random.nextLong()), mistake, random.nextInt(4) == 0);
        this.embedded = random.nextInt(4) == 0;
        this.rewinds = random.nextInt(6) == 0;
        this.fixed = random.nextInt(3) == 0;
        this.readersIsolation = random.nextBoolean() ? IsolationLevel.READ_COMMITTED : IsolationLevel.READ_UNCOMMITTED;
        this.inRows = random.nextBoolean();
        this.workMsMax = WORK_MS_MAX[random.nextInt(WORK_MS_MAX.length)];
        this.brief = seed % 3 == 0 ? new BriefTopic(this, seed) : null;
        this.workers = seed % 3 == 1 ? new Workers(this, seed) : null;
        this.invariants = new Invariants(runtime, PARTITIONS, !rewinds);
    }

    BrokerHost host() {
        return host;
    }

    Link link(@Nullable ConsumerHistory consumer, Consumer<ProducerIdAndEpoch> onProducer) {
        return new Link(host.address(), network, runtime, random, consumer, onProducer, embedded);
    }

    void note(String who, String what) {
        history.note(who, what);
    }

    /** Who has a transactional id, as far as answers have come. */
    private record Holder(TransactionalWriter writer, ProducerIdAndEpoch producer) {
        boolean isBehind(Holder other) {
            return producer.producerId() < other.producer.producerId()
                    || (producer.producerId() == other.producer.producerId()
                            && producer.epoch() < other.producer.epoch());
        }
    }

    /** The client has got that for its transactional id: who has an older one is fenced, in whatever order the answers come. */
    void took(TransactionalWriter writer, ProducerIdAndEpoch producer) {
        Holder mine = new Holder(writer, producer);
        Holder other = holders.putIfAbsent(writer.transactionalId, mine);
        if (other == null) {
            return;
        }
        boolean late = mine.isBehind(other);
        Holder fenced = late ? mine : other;
        Holder stays = late ? other : mine;
        holders.put(writer.transactionalId, stays);
        if (fenced.writer != stays.writer) {
            fenced.writer.fenced(stays.writer.name);
        }
    }

    boolean isEmbedded() {
        return embedded;
    }

    boolean isFinishing() {
        return finishing;
    }

    /** What the group of readers subscribes to. */
    String[] topics() {
        return brief == null ? new String[] {"in", "out"} : new String[] {"in", "out", BriefTopic.NAME};
    }

    @Nullable BriefTopic brief() {
        return brief;
    }

    String topic() {
        return random.nextInt(4) == 0 ? "out" : "in";
    }

    /** Lives through it all; what is wrong then is in the history, or {@link Broken}. */
    void live() {
        host.open();
        runtime.await(host.broker().createTopic(CALLER, NewTopic.of("in", 3)));
        runtime.await(host.broker().createTopic(CALLER, NewTopic.of("out", 2)));
        if (brief != null) {
            brief.create();
        }
        if (!embedded) {
            network.delayMsMax = random.nextInt(3) == 0 ? 1 + random.nextInt(15) : 0;
            network.lossPercent = random.nextInt(3) == 0 ? 1 + random.nextInt(8) : 0;
        }
        addWriters();
        join();
        join();
        process();
        int steps = 16 + random.nextInt(16);
        for (int step = 0; step < steps; step++) {
            step();
            if (brief != null) {
                brief.step();
            }
            if (workers != null) {
                workers.step();
            }
            int dice = random.nextInt(100);
            runtime.advance(Duration.ofMillis(dice < 80 ? random.nextInt(250) : dice < 96 ? 1200 : 7500));
            checkInvariants();
        }
        finish();
    }

    private void addWriters() {
        writers.add(new Writer(this, "plain-" + named++, Guarantee.AT_LEAST_ONCE));
        writers.add(new Writer(this, "idempotent-" + named++, Guarantee.IDEMPOTENT));
        transactional.add(new TransactionalWriter(this, "tx-" + named++, "tx-a"));
    }

    private void step() {
        int dice = random.nextInt(100);
        if (dice < 26) {
            pick(writers).send(1 + random.nextInt(20));
        } else if (dice < 48) {
            transact();
        } else if (dice < 54) {
            join();
        } else if (dice < 64) {
            endMember();
        } else if (dice < 69) {
            process();
        } else if (dice < 74) {
            endProcessor();
        } else if (dice < 78) {
            takeOver();
        } else if (dice < 86) {
            crash();
        } else if (dice < 90) {
            breakDisk();
        } else if (dice < 93) {
            Duration shift = Duration.ofMillis(random.nextInt(4) == 0 ? -2_000 : random.nextInt(3_600_000));
            note("clock", "jumps by " + shift);
            runtime.shiftWallClock(shift);
        } else if (dice < 96 && !embedded) {
            network.lossPercent = random.nextInt(3) * 5;
            network.delayMsMax = random.nextInt(3) * 8;
            note("network", "loses " + network.lossPercent + "%, takes up to " + network.delayMsMax + " ms");
        } else if (rewinds) {
            members.stream().filter(Member::isRunning).findFirst().ifPresent(Member::rewind);
        }
    }

    private <T> T pick(List<T> list) {
        return list.get(random.nextInt(list.size()));
    }

    private void transact() {
        TransactionalWriter writer = pick(transactional);
        int dice = random.nextInt(10);
        End end = dice < 6 ? End.COMMIT : dice < 8 ? End.FAIL : End.CANCEL;
        Duration pause = random.nextBoolean() ? Duration.ZERO : Duration.ofMillis(1 + random.nextInt(60));
        writer.run(inRows ? 1 + random.nextInt(4) : 1, 1 + random.nextInt(12), end, pause);
        for (TransactionalWriter other : transactional) {
            if (other != writer && !other.isIdle() && random.nextInt(3) == 0) {
                other.cancel();
            }
        }
    }

    private void join() {
        if (members.stream().filter(Member::isRunning).count() < 3) {
            // the one before under that name may be away, crashed, or there yet
            String instanceId = fixed && random.nextInt(3) > 0 ? "instance-" + random.nextInt(2) : null;
            boolean byPattern = random.nextInt(4) == 0;
            Member member = new Member(
                    this,
                    "reader-" + named++,
                    READERS,
                    readersIsolation,
                    new Member.Manner(workMsMax, instanceId, byPattern));
            members.add(member);
            note(
                    member.name,
                    "joins" + (instanceId == null ? "" : " as " + instanceId) + (byPattern ? " by a pattern" : ""));
            member.start();
        }
    }

    private void endMember() {
        List<Member> running = members.stream().filter(Member::isRunning).toList();
        if (running.isEmpty()) {
            return;
        }
        Member member = pick(running);
        // what is in one process does not lose touch
        switch (random.nextInt(embedded ? 2 : 6)) {
            case 0 -> member.leave();
            case 1 -> member.drain();
            case 2 -> member.crash();
            case 3, 4 -> {
                Duration time = Duration.ofMillis(5_500 + random.nextInt(2_500));
                note(member.name, "hears nothing for " + time);
                member.silence(time);
            }
            default -> {
                note(member.name, "is cut off");
                member.cutOff();
            }
        }
    }

    private void process() {
        List<Processor> ended = processors.stream()
                .filter(p -> !p.isStopped() && !p.isRunning())
                .toList();
        if (!ended.isEmpty()) {
            pick(ended).start();
        } else if (processors.stream().filter(Processor::isRunning).count() < 2) {
            Processor processor = new Processor(this, "processor-" + named++);
            processors.add(processor);
            note(processor.name, "begins");
            processor.start();
        }
    }

    private void endProcessor() {
        List<Processor> running =
                processors.stream().filter(Processor::isRunning).toList();
        if (running.isEmpty()) {
            return;
        }
        if (embedded || random.nextBoolean()) {
            pick(running).leave();
        } else {
            pick(running).crash();
        }
    }

    /** A second client begins under the transactional id of the newest one, which goes on not knowing of it. */
    private void takeOver() {
        TransactionalWriter older = transactional.get(transactional.size() - 1);
        String name = "tx-" + named++;
        if (!embedded && random.nextBoolean()) {
            older.crash();
        }
        note(name, "takes the place of " + older.name);
        TransactionalWriter newer = new TransactionalWriter(this, name, older.transactionalId);
        transactional.add(newer);
        newer.run(1, 1 + random.nextInt(6), End.COMMIT, Duration.ZERO);
    }

    private void crash() {
        if (!host.isDurable()) {
            return;
        }
        if (random.nextBoolean()) {
            note("broker", "is killed");
            host.kill();
        } else {
            note("broker", "loses its power: " + host.losePower());
        }
        if (embedded) {
            writers.forEach(Writer::crash);
            transactional.forEach(TransactionalWriter::crash);
            members.forEach(Member::crash);
            processors.forEach(Processor::crash);
            writers.clear();
            transactional.clear();
            addWriters();
            if (brief != null) {
                brief.crash();
            }
            if (workers != null) {
                workers.crash();
            }
        }
        runtime.advance(Duration.ofMillis(random.nextInt(4) == 0 ? random.nextInt(4000) : random.nextInt(60)));
        host.open();
        note("broker", "is there again");
    }

    private void breakDisk() {
        if (!host.isDurable()) {
            return;
        }
        if (random.nextBoolean()) {
            note("disk", "is full");
            host.failWith(BrokerHost.fullDisk(random));
            runtime.advance(Duration.ofMillis(random.nextInt(400)));
            host.failWith(StorageFaults.NONE);
            note("disk", "has room again");
        } else {
            note("disk", "fails");
            host.failWith(BrokerHost.failingForces(random));
            runtime.advance(Duration.ofMillis(random.nextInt(400)));
            crash();
        }
    }

    private void checkInvariants() {
        List<String> groups = new ArrayList<>(List.of(READERS, Processor.GROUP));
        if (workers != null) {
            groups.add(Workers.GROUP);
        }
        invariants.check(host.broker(), groups);
    }

    private long offset(Broker broker, TopicPartition partition, OffsetSpec spec) {
        return runtime.<Long>await(broker.listOffset(CALLER, partition, spec));
    }

    /** All is well again; what is left to do gets done; then everything is read. */
    private void finish() {
        finishing = true;
        note("network", "is well");
        network.lossPercent = 0;
        network.delayMsMax = 0;
        host.failWith(StorageFaults.NONE);
        await("the writers to end", () -> {
            transactional.forEach(writer -> {
                if (!writer.isIdle() && random.nextInt(50) == 0) {
                    writer.cancel();
                }
            });
            return writers.stream().allMatch(Writer::isIdle)
                    && (brief == null || brief.isIdle())
                    && transactional.stream().allMatch(TransactionalWriter::isIdle);
        });
        Broker served = host.address();
        members.add(new Member(this, "reader-last", READERS, readersIsolation, Member.Manner.AT_ONCE));
        members.get(members.size() - 1).start();
        processors.add(new Processor(this, "processor-last"));
        await("the groups to come to the end", () -> {
            processors.forEach(Processor::start);
            return isDone(served, READERS, PARTITIONS, readersIsolation)
                    && isDone(served, Processor.GROUP, PARTITIONS.subList(0, 3), IsolationLevel.READ_COMMITTED);
        });
        if (brief != null) {
            await(
                    "the group to get all of " + BriefTopic.NAME,
                    () -> brief.owed().isEmpty());
        }
        members.forEach(Member::stop);
        processors.forEach(Processor::leave);
        await(
                "the last transactions to end",
                () -> PARTITIONS.stream()
                        .allMatch(partition -> offset(served, partition, OffsetSpec.latestStable())
                                == offset(served, partition, OffsetSpec.latest())));
        if (workers != null) {
            await("the workers to come to the end", () -> {
                workers.ensureOne();
                return isDone(served, Workers.GROUP, workersPartitions(served), IsolationLevel.READ_COMMITTED);
            });
            workers.leave();
        }
        checkInvariants();
        drain(served, IsolationLevel.READ_UNCOMMITTED);
        drain(served, IsolationLevel.READ_COMMITTED);
        if (workers != null) {
            checkWorkers(served, workers);
        }
        lookUp(served, READERS, PARTITIONS);
        lookUp(served, Processor.GROUP, PARTITIONS.subList(0, 3));
        host.close();
    }

    private void await(String what, BooleanSupplier condition) {
        Duration until = runtime.elapsed().plus(PATIENCE);
        while (!condition.getAsBoolean()) {
            if (runtime.elapsed().compareTo(until) > 0) {
                throw new Broken("waited " + PATIENCE.toSeconds() + " s for " + what);
            }
            runtime.advance(Duration.ofMillis(100));
        }
    }

    private boolean isDone(Broker broker, String group, List<TopicPartition> partitions, IsolationLevel isolation) {
        Map<TopicPartition, Long> offsets = committed(broker, group);
        OffsetSpec end = isolation == IsolationLevel.READ_COMMITTED ? OffsetSpec.latestStable() : OffsetSpec.latest();
        // a receiver commits its position, which passes markers too
        return partitions.stream()
                .allMatch(partition -> offsets.getOrDefault(partition, 0L) >= offset(broker, partition, end));
    }

    /** What the group of workers reads, with what waits for another attempt. */
    private List<TopicPartition> workersPartitions(Broker broker) {
        List<TopicPartition> all = new ArrayList<>(PARTITIONS.subList(0, 3));
        runtime.await(broker.listTopics(CALLER)).stream()
                .filter(topic -> Workers.isRetryTopic(topic.name()))
                .forEach(topic -> all.addAll(partitionsOf(topic)));
        return all;
    }

    private static List<TopicPartition> partitionsOf(TopicDescription topic) {
        return IntStream.range(0, topic.partitions())
                .mapToObj(partition -> new TopicPartition(topic.name(), partition))
                .toList();
    }

    private void checkWorkers(Broker broker, Workers group) {
        List<TopicPartition> dead = runtime.await(broker.listTopics(CALLER)).stream()
                .filter(topic -> topic.name().equals(Workers.DEAD_LETTERS))
                .flatMap(topic -> partitionsOf(topic).stream())
                .toList();
        List<String> deadLetters = dead.isEmpty() ? List.of() : valuesOf(broker, dead);
        Set<String> owed = group.owed(valuesOf(broker, PARTITIONS.subList(0, 3)), deadLetters);
        if (!owed.isEmpty()) {
            throw new Broken("neither worked off nor among the dead letters: " + owed);
        }
        Set<String> withoutReason = Workers.withoutReason(deadLetters);
        if (!withoutReason.isEmpty()) {
            throw new Broken("among the dead letters without a reason: " + withoutReason);
        }
    }

    private List<String> valuesOf(Broker broker, List<TopicPartition> partitions) {
        List<String> values = new ArrayList<>();
        read(broker, partitions, IsolationLevel.READ_COMMITTED, record -> values.add(String.valueOf(record.value())));
        return values;
    }

    /** Reads everything there is. */
    private void drain(Broker broker, IsolationLevel isolation) {
        ConsumerHistory reader = history.consumer("drain-" + isolation, null, isolation);
        PARTITIONS.forEach(reader::assigned);
        read(
                broker,
                PARTITIONS,
                isolation,
                record -> reader.polled(record.topicPartition(), record.offset(), String.valueOf(record.value())));
        PARTITIONS.forEach(reader::drained);
    }

    private void read(
            Broker broker,
            List<TopicPartition> partitions,
            IsolationLevel isolation,
            Consumer<ReceiverRecord<String, String>> seen) {
        Receiver<String, String> receiver = Receiver.on(
                broker,
                ReceiverOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.partitions(partitions.toArray(TopicPartition[]::new))
                                .isolation(isolation)));
        Disposable reading = receiver.receiveAutoAck()
                .subscribe(seen, failure -> note("a reader of " + isolation, "ends: " + failure));
        await("everything to be read with " + isolation, () -> {
            Map<TopicPartition, Long> lag = runtime.await(receiver.lag());
            return lag.size() == partitions.size() && lag.values().stream().allMatch(behind -> behind == 0);
        });
        reading.dispose();
    }

    private Map<TopicPartition, Long> committed(Broker broker, String group) {
        Map<TopicPartition, Long> offsets = new TreeMap<>();
        runtime.await(broker.fetchOffsets(CALLER, OffsetFetch.all(group)))
                .forEach((partition, offset) -> offsets.put(partition, offset.offset()));
        return offsets;
    }

    private void lookUp(Broker broker, String group, List<TopicPartition> partitions) {
        ConsumerHistory writer = history.consumer("world", group, IsolationLevel.READ_COMMITTED);
        partitions.forEach(writer::lookingUp);
        Map<TopicPartition, Long> offsets = committed(broker, group);
        partitions.forEach(partition -> {
            long offset = offsets.getOrDefault(partition, -1L);
            long end = offset(broker, partition, OffsetSpec.latest());
            if (offset > end) {
                throw new Broken(group + " has committed " + offset + " of " + partition + ", whose end is " + end);
            }
            writer.lookedUp(partition, offset);
        });
    }
}
