package io.reactivemq.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A program in a JVM of its own. What it says goes to a file; one that is spoken to answers on its standard output. Closing it ends it. */
final class Jvm implements AutoCloseable {

    private static final long ENDING_SECONDS = 60;

    private final Process process;
    private final Path said;

    private Jvm(Process process, Path said) {
        this.process = process;
        this.said = said;
    }

    /** Options of the JVM, class path, main class and arguments; its outputs are a file in that directory. */
    static Jvm start(Path directory, List<String> command) throws IOException {
        Path said = Files.createTempFile(directory, "said", ".txt");
        return new Jvm(
                new ProcessBuilder(java(command))
                        .redirectErrorStream(true)
                        .redirectOutput(said.toFile())
                        .start(),
                said);
    }

    /** One that is spoken to; only its errors go to a file. */
    static Jvm startSpokenTo(Path directory, List<String> command) throws IOException {
        Path said = Files.createTempFile(directory, "said", ".txt");
        return new Jvm(
                new ProcessBuilder(java(command)).redirectError(said.toFile()).start(), said);
    }

    private static List<String> java(List<String> command) {
        List<String> all = new ArrayList<>();
        all.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        all.addAll(command);
        return all;
    }

    long pid() {
        return process.pid();
    }

    /** Says a line. */
    void say(String line) throws IOException {
        process.getOutputStream().write((line + "\n").getBytes(UTF_8));
        process.getOutputStream().flush();
    }

    /** Awaits its next line. */
    String hear() throws IOException {
        BufferedReader reader = process.inputReader(UTF_8);
        String line = reader.readLine();
        if (line == null) {
            throw new IllegalStateException("process " + pid() + " has ended: " + tail());
        }
        return line;
    }

    /** What is resident, in MB as {@code ps} has them (1,048,576 bytes). */
    double residentMb() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/" + pid() + "/status"))) {
            if (line.startsWith("VmRSS:")) {
                return Double.parseDouble(line.replaceAll("\\D", "")) / 1024;
            }
        }
        throw new IllegalStateException("process " + pid() + " has no VmRSS");
    }

    /** What lives in its heap, after a full collection, which the histogram begins with. */
    double liveHeapKb() throws IOException, InterruptedException {
        List<String> lines = command("GC.class_histogram");
        // Total       1234567       89012345
        String[] total = lines.get(lines.size() - 1).trim().split("\\s+", -1);
        if (total.length != 3 || !total[0].equals("Total")) {
            throw new IllegalStateException("process " + pid() + " does not tell its heap: " + String.join(" ", total));
        }
        return Double.parseDouble(total[2]) / 1024;
    }

    private List<String> command(String what) throws IOException, InterruptedException {
        Process jcmd = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(), String.valueOf(pid()), what)
                .redirectErrorStream(true)
                .start();
        List<String> lines = jcmd.inputReader(UTF_8).lines().toList();
        jcmd.waitFor();
        return lines;
    }

    /** Awaits its own end, which has to be a good one. */
    void awaitEnd() throws InterruptedException {
        if (!process.waitFor(ENDING_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
            throw new IllegalStateException("process " + pid() + " did not end well: " + tail());
        }
    }

    private String tail() {
        try {
            String text = Files.readString(said);
            return text.substring(Math.max(0, text.length() - 2_000));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Ends it without asking, and awaits that. */
    void kill() {
        process.destroyForcibly().onExit().join();
    }

    /** Asks it to end, and makes it end if it does not. */
    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(ENDING_SECONDS, TimeUnit.SECONDS)) {
                kill();
            }
        } catch (InterruptedException e) {
            kill();
            Thread.currentThread().interrupt();
        }
    }
}
