package io.reactivemq.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;

/** The processes of {@link WireBenchmark}: one that is the load, and brokers; and a directory for what they leave, deleted at the end. */
final class WireRig implements AutoCloseable {

    private final Folder folder;
    private final Jvm load;
    private final String loadPath;
    private final String reactorKafkaPath;
    private final List<Jvm> running = new CopyOnWriteArrayList<>();
    private final Map<WireBroker.Kind, WireBroker> lasting = new LinkedHashMap<>();
    private final WireBroker.Ours ours;
    private final List<WireBroker.Kind> kinds = new ArrayList<>();
    private final Thread atExit = new Thread(this::endAll, "end-all");
    private int names;

    WireRig(Path data, WireBroker.Ours ours, List<WireBroker.Kind> peers, String loadPath, String reactorKafkaPath)
            throws IOException {
        this.folder = Folder.in(data);
        this.ours = ours;
        this.loadPath = loadPath;
        this.reactorKafkaPath = reactorKafkaPath;
        kinds.add(ours);
        kinds.addAll(peers);
        Runtime.getRuntime().addShutdownHook(atExit);
        load = spokenTo(WireLoad.class.getName(), loadPath, "-Xms1g", "-Xmx1g");
    }

    /** A program in a JVM of its own, which is spoken to. */
    private Jvm spokenTo(String main, String classPath, String... options) throws IOException {
        List<String> command = new ArrayList<>(List.of(options));
        command.addAll(List.of("-XX:+UseG1GC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", classPath));
        command.add(main);
        Jvm jvm = Jvm.startSpokenTo(folder.path(), command);
        running.add(jvm);
        return jvm;
    }

    WireBroker.Ours ours() {
        return ours;
    }

    boolean isOurs(WireBroker.Kind kind) {
        return kind instanceof WireBroker.Ours;
    }

    List<WireBroker.Kind> kinds() {
        return kinds;
    }

    /** A new name for a topic or a directory. */
    String name(String what) {
        return what + "-" + names++;
    }

    /** A new directory that a broker of that kind can be started with. */
    Path prepare(WireBroker.Kind kind) throws Exception {
        Path directory = Files.createDirectory(folder.path().resolve(name(kind.label)));
        kind.prepare(directory);
        return directory;
    }

    WireBroker launch(WireBroker.Kind kind, Path directory, int port) throws IOException {
        WireBroker broker = kind.launch(directory, port);
        running.add(broker.jvm);
        return broker;
    }

    void stop(WireBroker broker) {
        stop(broker.jvm);
    }

    /** One of each kind, which stay until the end. */
    Map<WireBroker.Kind, WireBroker> lasting() throws Exception {
        for (WireBroker.Kind kind : kinds) {
            if (!lasting.containsKey(kind)) {
                WireBroker broker = launch(kind, prepare(kind), WireBroker.freePort());
                lasting.put(kind, broker);
                ask("await", broker.bootstrap());
            }
        }
        return lasting;
    }

    /**
     * Makes free memory that was in use a moment ago, as much as the page cache is about to need: a page that the machine's host has to find first costs
     * several times the copy into it, and which broker gets those would depend on when the other has deleted its files.
     */
    void warmPages(long bytes) throws IOException {
        Path file = folder.path().resolve(name("pages"));
        ByteBuffer piece = ByteBuffer.allocateDirect(1 << 20);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            for (long written = 0; written < bytes; written += piece.capacity()) {
                channel.write(piece.clear());
            }
        }
        Files.delete(file);
    }

    /** A line to the load, and its answer. */
    String ask(String what, String broker, Object... words) throws IOException {
        StringBuilder line = new StringBuilder(what).append(' ').append(broker);
        for (Object word : words) {
            line.append(' ').append(word);
        }
        load.say(line.toString());
        return load.hear();
    }

    /** What the load answers further to the last line. */
    String hear() throws IOException {
        return load.hear();
    }

    /** Figures with blanks between. */
    double[] askFigures(String what, WireBroker broker, Object... words) throws IOException {
        return figures(ask(what, broker.bootstrap(), words));
    }

    /** A bare connection whose other end sends back what it gets, in a JVM of its own. */
    Jvm echo() throws IOException {
        return spokenTo(WireEcho.class.getName(), loadPath + ":" + ours.classPath());
    }

    /** reactor-kafka, with the clients it goes with. */
    Jvm reactorKafka() throws IOException {
        return spokenTo("peers.ReactorKafkaPeer", reactorKafkaPath, "-Xms1g", "-Xmx1g");
    }

    void stop(Jvm jvm) {
        jvm.close();
        running.remove(jvm);
    }

    static double[] figures(String answer) {
        return Stream.of(answer.split(" ", -1)).mapToDouble(Double::parseDouble).toArray();
    }

    /** CPU time of one of the processes, and of whatever is no part of this benchmark, from now on. */
    final class Usage {

        private final Jvm jvm;
        private final Stopwatch watch = Stopwatch.start();
        private final double own = ownSeconds();
        private final Cpu before;
        private Cpu used;
        private double seconds;
        private double others;

        Usage(Jvm jvm) {
            this.jvm = jvm;
            before = Cpu.of(jvm.pid());
            used = before;
        }

        Usage stop() {
            seconds = watch.seconds();
            used = Cpu.of(jvm.pid()).minus(before);
            others = Math.max(0, used.machineSeconds() - (ownSeconds() - own)) / seconds;
            return this;
        }

        Cpu used() {
            return used;
        }

        double seconds() {
            return seconds;
        }

        /** Of a core. */
        double others() {
            return others;
        }

        private double ownSeconds() {
            double sum = Cpu.now().processSeconds();
            for (Jvm jvm : running) {
                sum += Cpu.of(jvm.pid()).processSeconds();
            }
            return sum;
        }
    }

    /** Whatever ends this program ends what it has started, and leaves no files. */
    private void endAll() {
        running.forEach(Jvm::kill);
        try {
            folder.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() throws IOException {
        try {
            Runtime.getRuntime().removeShutdownHook(atExit);
        } catch (IllegalStateException e) {
            // this program is being ended: the hook does the rest
            return;
        }
        running.forEach(Jvm::close);
        folder.close();
    }
}
