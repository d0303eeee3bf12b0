package io.reactivemq.benchmarks;

import io.reactivemq.benchmarks.WireRig.Usage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** What a broker costs that was just started: time, memory, and memory of connections that do nothing. */
final class WireStarts {

    /** Of the connections that come before those which are counted, so that what is made once is not. */
    private static final int FIRST_CONNECTIONS = 100;

    private final WireRig rig;
    private final int warmups;
    private final int runs;
    private final int settlingSeconds;

    WireStarts(WireRig rig, int warmups, int runs, int settlingSeconds) {
        this.rig = rig;
        this.warmups = Math.min(warmups, 1);
        this.runs = runs;
        this.settlingSeconds = settlingSeconds;
    }

    /** A broker that has acknowledged a record, the topic made on the way, and how long that took from the launch of its process on. */
    private record Started(WireBroker broker, double millis, Usage usage) {}

    private Started start(WireBroker.Kind kind, Path directory, String topic) throws Exception {
        int port = WireBroker.freePort();
        // its client is there, and tries
        rig.ask("first", "127.0.0.1:" + port, topic);
        Stopwatch watch = Stopwatch.start();
        WireBroker broker = rig.launch(kind, directory, port);
        Usage usage = rig.new Usage(broker.jvm);
        rig.hear();
        double millis = 1e3 * watch.seconds();
        return new Started(broker, millis, usage.stop());
    }

    /** On a directory with nothing in it. */
    List<Versus> fresh() throws Exception {
        Starts starts = new Starts("start to first acknowledged");
        WireBroker.Ours shared = archived();
        for (int i = -warmups; i < runs; i++) {
            for (WireBroker.Kind kind : with(shared)) {
                starts.add(kind, shared, i >= 0, start(kind, rig.prepare(kind), "first"));
            }
        }
        return starts.all();
    }

    /** On one that has partitions, each with a record. */
    List<Versus> partitions(int partitions) throws Exception {
        Starts starts = new Starts("start, " + partitions + " partitions");
        WireBroker.Ours shared = archived();
        Map<WireBroker.Kind, Path> directories = new LinkedHashMap<>();
        for (WireBroker.Kind kind : with(shared)) {
            Path directory = rig.prepare(kind);
            directories.put(kind, directory);
            WireBroker broker = start(kind, directory, "first").broker();
            rig.ask("create", broker.bootstrap(), "many", partitions);
            rig.ask("fill", broker.bootstrap(), "many", partitions);
            rig.stop(broker);
        }
        for (int i = -warmups; i < runs; i++) {
            for (Map.Entry<WireBroker.Kind, Path> each : directories.entrySet()) {
                starts.add(each.getKey(), shared, i >= 0, start(each.getKey(), each.getValue(), "first"));
            }
        }
        return starts.all();
    }

    /** The kinds, and ours with class data sharing. */
    private List<WireBroker.Kind> with(WireBroker.Ours shared) {
        List<WireBroker.Kind> kinds = new ArrayList<>(rig.kinds());
        kinds.add(1, shared);
        return kinds;
    }

    /** Ours with an archive of the classes that a server loads until its first record, made and used as the script {@code rmq} does. */
    private WireBroker.Ours archived() throws Exception {
        Path directory = rig.prepare(rig.ours());
        Path archive = directory.resolve("classes.jsa");
        Path list = directory.resolve("classes.lst");
        Jvm.start(directory, rig.ours().listClasses(list, directory.resolve("once")))
                .awaitEnd();
        Jvm.start(directory, rig.ours().archiveClasses(list, archive)).awaitEnd();
        if (!Files.exists(archive)) {
            throw new IllegalStateException("there is no " + archive);
        }
        return rig.ours().with("-XX:SharedArchiveFile=" + archive);
    }

    private final class Starts {

        private final Versus plain;
        private final Versus shared;
        private final Versus cpu;
        private final Versus sharedCpu;

        Starts(String what) {
            plain = new Versus(what, "ms");
            shared = new Versus(what + ", class data", "ms");
            cpu = new Versus(what + ": CPU", "s");
            sharedCpu = new Versus(what + ", class data: CPU", "s");
        }

        void add(WireBroker.Kind kind, WireBroker.Ours sharing, boolean measured, Started started) {
            rig.stop(started.broker());
            if (measured) {
                boolean ours = rig.isOurs(kind);
                double others = started.usage().others();
                double cpuSeconds = started.usage().used().processSeconds();
                if (kind == sharing || !ours) {
                    shared.add(ours, started.millis(), others);
                    sharedCpu.add(ours, cpuSeconds, others);
                }
                if (kind != sharing) {
                    plain.add(ours, started.millis(), others);
                    cpu.add(ours, cpuSeconds, others);
                }
            }
        }

        List<Versus> all() {
            return List.of(plain, shared, cpu, sharedCpu);
        }
    }

    /** What is resident after the start, and after records in and out. */
    List<Versus> memory(int small, int large) throws Exception {
        Versus after = new Versus("resident after start", "MB");
        Versus loaded = new Versus("resident after load", "MB");
        for (int i = 0; i < runs; i++) {
            for (WireBroker.Kind kind : rig.kinds()) {
                Started started = start(kind, rig.prepare(kind), "first");
                WireBroker broker = started.broker();
                TimeUnit.SECONDS.sleep(settlingSeconds);
                after.add(
                        rig.isOurs(kind),
                        broker.jvm.residentMb(),
                        started.usage().others());
                Usage usage = rig.new Usage(broker.jvm);
                load(broker, small, 100);
                load(broker, large, 1024);
                loaded.add(
                        rig.isOurs(kind), broker.jvm.residentMb(), usage.stop().others());
                rig.stop(broker);
            }
        }
        return List.of(after, loaded);
    }

    private void load(WireBroker broker, int messages, int bytes) throws IOException {
        String topic = rig.name("bench");
        rig.ask("create", broker.bootstrap(), topic, 1);
        rig.ask("produce", broker.bootstrap(), topic, messages, bytes);
        rig.ask("consume", broker.bootstrap(), topic, messages);
    }

    /** Memory of connections over which one request was made: what is resident, and what lives in the heap, each after a full collection. */
    List<Versus> connections(int connections) throws Exception {
        Versus resident = new Versus(connections + " idle connections: resident", "KiB each");
        Versus heap = new Versus(connections + " idle connections: live heap", "KiB each");
        for (int i = 0; i < runs; i++) {
            for (WireBroker.Kind kind : rig.kinds()) {
                Started started = start(kind, rig.prepare(kind), "first");
                WireBroker broker = started.broker();
                Usage usage = rig.new Usage(broker.jvm);
                rig.ask("connect", broker.bootstrap(), FIRST_CONNECTIONS);
                TimeUnit.SECONDS.sleep(settlingSeconds);
                double liveBefore = broker.jvm.liveHeapKb();
                double before = broker.jvm.residentMb();
                rig.ask("connect", broker.bootstrap(), connections);
                TimeUnit.SECONDS.sleep(settlingSeconds);
                double liveAfter = broker.jvm.liveHeapKb();
                double after = broker.jvm.residentMb();
                usage.stop();
                resident.add(rig.isOurs(kind), 1024 * (after - before) / connections, usage.others());
                heap.add(rig.isOurs(kind), (liveAfter - liveBefore) / connections, usage.others());
                rig.ask("disconnect", broker.bootstrap());
                rig.stop(broker);
            }
        }
        return List.of(resident, heap);
    }
}
