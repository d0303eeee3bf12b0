package io.reactivemq.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import io.reactivemq.Durability;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.engine.EmbeddedBroker;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * What groups cost the broker: the CPU time of the whole process, warm, with a broker in memory.
 *
 * <ul>
 *   <li>{@code start}: so many members join one group of so many partitions, until each owns what it shall own.
 *   <li>{@code rebalance}: one of them leaves, or one more joins, until all are settled again: each member's heartbeats, the new target, the
 *       records.
 *   <li>{@code heartbeats}: that many settled groups of one member, each with a heartbeat every 5 s; as a share of one core.
 *   <li>{@code commits}: a commit of one offset after the other, and many at a time.
 * </ul>
 *
 * <pre>
 * benchmarks/run group [--members 1000] [--partitions 1000] [--groups 10000] [--commits 200000] [--runs 5] [--data DIRECTORY]
 * </pre>
 */
final class GroupBenchmark {

    private static final Caller CALLER = Caller.embedded("benchmark");
    private static final Duration REBALANCE_TIMEOUT = Duration.ofMinutes(5);
    private static final double HEARTBEAT_SECONDS = 5;
    private static final int AT_ONCE = 256;
    private static final int WARM_UPS = 8;
    private static final OperatingSystemMXBean PROCESS =
            ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);

    private final Path data;

    GroupBenchmark(Path data) {
        this.data = data;
    }

    public static void main(String[] arguments) throws Exception {
        Options options = Options.of(arguments);
        GroupBenchmark benchmark = new GroupBenchmark(options.path("data"));
        int runs = options.number("runs", 5);
        benchmark
                .rebalances(options.number("members", 1_000), options.number("partitions", 1_000), runs)
                .forEach(System.out::println);
        System.out.println(benchmark.heartbeats(options.number("groups", 10_000), runs));
        benchmark.commits(options.number("commits", 200_000), runs).forEach(System.out::println);
    }

    private static EmbeddedBroker broker() {
        return EmbeddedBroker.inMemory(64 << 20, o -> o.groupHeartbeatInterval(Duration.ofSeconds(5)));
    }

    private static String line(String what, double[] figures, String unit) {
        return String.format(Locale.ROOT, "%-60s %32s %s", what, Samples.spread("%.2f", figures), unit);
    }

    private static double cpuMs() {
        return PROCESS.getProcessCpuTime() / 1e6;
    }

    List<String> rebalances(int members, int partitions, int runs) throws InterruptedException {
        double[] start = new double[runs];
        double[] leave = new double[runs];
        double[] join = new double[runs];
        for (int run = -WARM_UPS; run < runs; run++) {
            EmbeddedBroker broker = broker();
            broker.createTopic(NewTopic.of("t", partitions)).block();
            List<Member> group = new ArrayList<>();
            double begin = cpuMs();
            for (int i = 0; i < members; i++) {
                group.add(new Member(broker, "g", "member-" + i));
            }
            settle(broker, group);
            double started = cpuMs() - begin;

            begin = cpuMs();
            group.remove(members / 2).leave();
            settle(broker, group);
            double left = cpuMs() - begin;

            begin = cpuMs();
            group.add(new Member(broker, "g", "one-more"));
            settle(broker, group);
            if (run >= 0) {
                start[run] = started;
                leave[run] = left;
                join[run] = cpuMs() - begin;
            }
            broker.closeGracefully(Duration.ofSeconds(10)).block();
        }
        String of = String.format(Locale.ROOT, "%,d members over %,d partitions", members, partitions);
        return List.of(
                line("start of " + of, start, "ms of CPU"),
                line("rebalance of " + of + ", one leaves", leave, "ms of CPU"),
                line("rebalance of " + of + ", one joins", join, "ms of CPU"));
    }

    /** Heartbeats in turn until nobody learns anything new. */
    private static void settle(EmbeddedBroker broker, List<Member> group) throws InterruptedException {
        int epoch = -1;
        boolean settled = false;
        while (!settled) {
            // a large group computes a new target now and then only
            Thread.sleep(group.size() / 5);
            for (Member member : group) {
                member.beat();
            }
            settled = true;
            epoch = Math.max(
                    epoch, group.stream().mapToInt(member -> member.epoch).max().orElse(0));
            int reached = epoch;
            Set<TopicPartition> owned = new HashSet<>();
            for (Member member : group) {
                settled &= member.epoch == reached;
                owned.addAll(member.owned);
            }
            settled &= owned.size()
                    == Objects.requireNonNull(broker.describeTopic("t").block()).partitions();
        }
    }

    String heartbeats(int groups, int runs) {
        EmbeddedBroker broker = broker();
        broker.createTopic(NewTopic.of("t", 1)).block();
        List<Member> members = new ArrayList<>();
        for (int i = 0; i < groups; i++) {
            members.add(new Member(broker, "group-" + i, "member"));
        }
        double[] share = new double[runs];
        for (int run = -WARM_UPS; run < runs; run++) {
            double begin = cpuMs();
            for (Member member : members) {
                member.beat();
            }
            if (run >= 0) {
                share[run] = (cpuMs() - begin) / (HEARTBEAT_SECONDS * 1_000) * 100;
            }
        }
        broker.closeGracefully(Duration.ofSeconds(10)).block();
        return line(String.format(Locale.ROOT, "%,d groups, a heartbeat every 5 s", groups), share, "% of a core");
    }

    List<String> commits(int commits, int runs) throws Exception {
        List<String> lines = new ArrayList<>();
        for (Durability durability : Durability.values()) {
            try (Folder folder = Folder.in(data)) {
                EmbeddedBroker broker = durability == Durability.MEMORY
                        ? broker()
                        : EmbeddedBroker.openNow(folder.path(), Duration.ofSeconds(30), o -> o.durability(durability));
                broker.createTopic(NewTopic.of("t", 16)).block();
                double[] rates = new double[runs];
                for (int run = -1; run < runs; run++) {
                    long begin = System.nanoTime();
                    Flux.range(0, commits)
                            .flatMap(i -> commit(broker, i), AT_ONCE)
                            .blockLast();
                    if (run >= 0) {
                        rates[run] = commits / ((System.nanoTime() - begin) / 1e9) / 1_000;
                    }
                }
                broker.closeGracefully(Duration.ofSeconds(10)).block();
                lines.add(line(
                        "commits, " + AT_ONCE + " at a time, " + durability.configName(), rates, "thousand a second"));
            }
        }
        return lines;
    }

    private static Mono<?> commit(EmbeddedBroker broker, int i) {
        TopicPartition partition = new TopicPartition("t", i % 16);
        return broker.commitOffsets(
                CALLER, OffsetCommit.admin("g" + i % 100, Map.of(partition, CommittedOffset.of(i))));
    }

    /** A member that takes and releases at once what it is told. */
    private static final class Member {
        private final EmbeddedBroker broker;
        private final String group;
        private final String id;
        private int epoch;
        private Set<TopicPartition> owned = Set.of();
        private @Nullable Set<TopicPartition> report;

        Member(EmbeddedBroker broker, String group, String id) {
            this.broker = broker;
            this.group = group;
            this.id = id;
            take(GroupHeartbeat.join(group, id, REBALANCE_TIMEOUT, Set.of("t")));
        }

        void beat() {
            Set<TopicPartition> news = report;
            report = null;
            take(GroupHeartbeat.stay(group, id, epoch, news));
        }

        void leave() {
            broker.heartbeat(CALLER, GroupHeartbeat.leave(group, id)).block();
        }

        private void take(GroupHeartbeat heartbeat) {
            GroupHeartbeatResult result =
                    Objects.requireNonNull(broker.heartbeat(CALLER, heartbeat).block());
            epoch = result.memberEpoch();
            Set<TopicPartition> assignment = result.assignment();
            if (assignment != null && !assignment.equals(owned)) {
                owned = assignment;
                report = assignment;
            }
        }
    }
}
