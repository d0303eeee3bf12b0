package io.reactivemq.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The script {@code rmq} in a project of empty files, with a java and a mvn that only note what they are called with. Its PATH has
 * nothing else but the tools it may use.
 */
class LauncherTest {

    private static final List<String> TOOLS = List.of(
            "bash", "cat", "dirname", "env", "find", "head", "mkdir", "mv", "readlink", "rm", "sed", "tail", "touch");

    private static final Instant LONG_AGO = Instant.parse("2020-01-01T00:00:00Z");

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private Path temp;

    private Path project = Path.of("");
    private Path bin = Path.of("");
    private Path calls = Path.of("");
    private final Map<String, String> environment = new HashMap<>();

    @BeforeEach
    void aProjectAndTools() throws IOException {
        for (String tool : TOOLS) {
            if (onPath(tool).isEmpty()) {
                String missing = "no " + tool + " on the PATH";
                assertThat(System.getenv("CI")).as(missing).isNotEqualTo("true");
                Assumptions.abort(missing);
            }
        }
        temp = temp.toRealPath();
        project = Files.createDirectories(temp.resolve("a project"));
        bin = Files.createDirectories(temp.resolve("bin"));
        calls = temp.resolve("calls");
        for (String tool : TOOLS) {
            Files.createSymbolicLink(bin.resolve(tool), onPath(tool).orElseThrow());
        }
        Files.copy(Path.of("..", "rmq"), project.resolve("rmq"));
        source("pom.xml");
        for (String module :
                List.of("reactive-mq-core", "reactive-mq-kafka-protocol", "reactive-mq-netty", "reactive-mq-server")) {
            source(module + "/pom.xml");
            source(module + "/src/main/java/A.java");
        }
        source("examples/pom.xml");
        source("examples/src/main/java/B.java");
        Path home = Files.createDirectories(temp.resolve("jdk/bin"));
        script(home.resolve("javac"), "exit 0");
        java("17.0.15");
        mvn("3.8.7", 0);
    }

    /** Before JUnit does, which would warn about each. */
    @AfterEach
    void theLinksGo() throws IOException {
        for (String tool : TOOLS) {
            Files.deleteIfExists(bin.resolve(tool));
        }
    }

    private static Optional<Path> onPath(String tool) {
        return Stream.of(Optional.ofNullable(System.getenv("PATH")).orElse("").split(":"))
                .map(directory -> Path.of(directory, tool))
                .filter(Files::isExecutable)
                .findFirst();
    }

    private void source(String name) throws IOException {
        Path file = project.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, "");
        for (Path below = Path.of(name); below != null; below = below.getParent()) {
            Files.setLastModifiedTime(project.resolve(below), FileTime.from(LONG_AGO));
        }
    }

    private static void script(Path file, String body) throws IOException {
        Files.writeString(file, "#!/usr/bin/env bash\n" + body + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private void java(String version) throws IOException {
        script(bin.resolve("java"), """
                case $* in
                  *-XshowSettings*) echo "    java.home = %s" >&2 ;;
                  -version) echo 'openjdk version "%s" 2025-04-15' >&2 ;;
                  *) printf 'java' >>"%s"; printf ' [%%s]' "$@" >>"%s"; echo >>"%s" ;;
                esac
                for each in "$@"; do
                  case $1$each in
                    -Xshare:dump-XX:SharedArchiveFile=*) echo classes >"${each#*=}" ;;
                  esac
                done""".formatted(temp.resolve("jdk"), version, calls, calls, calls));
    }

    /** What Maven leaves behind, with an archive of the program itself. */
    private void built() throws IOException {
        Files.createDirectories(project.resolve("examples/target/classes"));
        Files.createDirectories(project.resolve("examples/target/lib"));
        Files.writeString(project.resolve("examples/target/lib/reactive-mq-core-1.jar"), "");
        Files.writeString(project.resolve("examples/target/examples-1.jar"), "");
    }

    private void mvn(String version, int status) throws IOException {
        script(bin.resolve("mvn"), """
                if [ "$1" = -version ]; then
                  printf '\\033[1mApache Maven %s\\033[m\\n'
                  exit
                fi
                echo "mvn $* in $PWD" >>"%s"
                echo "[ERROR] it went wrong here"
                [ %d = 0 ] || exit %d
                mkdir -p examples/target/classes examples/target/lib
                touch examples/target/lib/reactive-mq-core-1.jar""".formatted(version, calls, status, status));
    }

    /** What a run printed, and its exit status. */
    private record Run(int status, String out, String err) {}

    private Run run(Path launcher, Path cwd, String... args) throws Exception {
        List<String> command = new ArrayList<>(List.of(bin.resolve("bash").toString(), launcher.toString()));
        command.addAll(List.of(args));
        ProcessBuilder builder = new ProcessBuilder(command).directory(cwd.toFile());
        builder.environment().clear();
        builder.environment().putAll(environment);
        builder.environment().put("PATH", bin.toString());
        builder.redirectError(temp.resolve("err").toFile());
        Process process = builder.start();
        process.getOutputStream().close();
        String out;
        try (InputStream stream = process.getInputStream()) {
            out = new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        }
        assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
        return new Run(process.exitValue(), out, Files.readString(temp.resolve("err")));
    }

    private Run run(String... args) throws Exception {
        return run(project.resolve("rmq"), temp, args);
    }

    private List<String> calls() throws IOException {
        return Files.exists(calls) ? Files.readAllLines(calls) : List.of();
    }

    @Test
    void theFirstStartBuildsWithOneLineAndTheSecondDoesNot() throws Exception {
        Run first = run("demo");
        Run second = run("demo");

        assertThat(first.status()).isZero();
        assertThat(first.out()).isEmpty();
        assertThat(first.err()).hasLineCount(1).startsWith("rmq: building");
        assertThat(second.err()).isEmpty();
        assertThat(calls()).hasSize(3);
        assertThat(calls().get(0))
                .isEqualTo("mvn -q -B -pl examples -am package -Dmaven.test.skip -Dspotless.check.skip in " + project);
        assertThat(calls().subList(1, 3)).allMatch(call -> call.startsWith("java ") && call.endsWith(" [demo]"));
    }

    @Test
    void argumentsArriveAsTheyAre() throws Exception {
        run("demo", "--data", "a b", "", "*");

        assertThat(calls().get(1)).endsWith(" [io.reactivemq.examples.Rmq] [demo] [--data] [a b] [] [*]");
    }

    @Test
    void aChangedSourceIsBuiltAgain() throws Exception {
        run();
        Files.setLastModifiedTime(
                project.resolve("reactive-mq-core/src/main/java/A.java"),
                FileTime.from(Instant.parse("2100-01-01T00:00:00Z")));
        Run again = run();

        assertThat(again.err()).startsWith("rmq: building");
        assertThat(calls()).filteredOn(call -> call.startsWith("mvn")).hasSize(2);
    }

    @Test
    void whatMavenBuiltByHandIsTaken() throws Exception {
        built();

        assertThat(run().err()).isEmpty();
        assertThat(calls()).hasSize(1);
    }

    @Test
    void whatAServerLoadsIsNotedOnceAndLaterOnesStartFromIt() throws Exception {
        built();
        Path jar = project.resolve("examples/target/examples-1.jar");
        Files.setLastModifiedTime(jar, FileTime.from(LONG_AGO));

        assertThat(run("serve").err()).hasLineCount(1).startsWith("rmq: noting what a server loads");
        assertThat(run("serve").err()).isEmpty();
        assertThat(calls()).hasSize(4);
        assertThat(calls().get(0))
                .contains("[io.reactivemq.examples.ServeOnce]")
                .contains("[" + jar + ":");
        assertThat(calls().get(1)).startsWith("java [-Xshare:dump]").contains("[" + jar + ":");
        assertThat(calls().subList(2, 4))
                .allMatch(call -> call.contains("[-XX:SharedArchiveFile=" + project)
                        && call.contains("[" + jar + ":")
                        && call.endsWith(" [io.reactivemq.examples.Rmq] [serve]"));

        Files.setLastModifiedTime(jar, FileTime.from(Instant.parse("2100-01-01T00:00:00Z")));
        assertThat(run("serve").err()).startsWith("rmq: noting what a server loads");
        assertThat(run("demo").err()).isEmpty();
        assertThat(calls().get(calls().size() - 1)).doesNotContain("SharedArchiveFile");
    }

    @Test
    void aServerStartsWhereNothingCanBeNoted() throws Exception {
        built();
        Files.setLastModifiedTime(project.resolve("examples/target/examples-1.jar"), FileTime.from(LONG_AGO));
        Files.writeString(
                bin.resolve("java"), Files.readString(bin.resolve("java")).replace("echo classes", "exit 1"));

        assertThat(run("serve").status()).isZero();
        assertThat(run("serve").err()).isEmpty();
        assertThat(calls()).hasSize(4);
        assertThat(calls().subList(2, 4))
                .allMatch(call -> !call.contains("Shared") && call.endsWith(" [io.reactivemq.examples.Rmq] [serve]"));
    }

    @Test
    void aServerOnFilesGetsASmallHeapUnlessACollectorIsChosen() throws Exception {
        built();
        environment.put("RMQ_JVM", "-Xshare:off");
        run("serve", "--data", "d");
        run("serve", "--data=d");
        run("serve", "--memory");
        run("demo", "--data", "d");
        environment.put("RMQ_JVM", "-XX:+UseZGC -Xshare:off");
        run("serve", "--data", "d");

        assertThat(calls()).hasSize(5);
        assertThat(calls().subList(0, 2)).allMatch(call -> call.contains("[-XX:+UseSerialGC] [-Xms32m]"));
        assertThat(calls().subList(2, 5)).noneMatch(call -> call.contains("SerialGC") || call.contains("-Xms"));
    }

    @Test
    void aServersNettyHasNoEventsForFlightRecorderUnlessItRecords() throws Exception {
        built();
        String off = "[-Dio.netty.jfr.enabled=false]";
        environment.put("RMQ_JVM", "-Xshare:off");
        run("serve");
        run("demo");
        environment.put("RMQ_JVM", "-Xshare:off -XX:StartFlightRecording");
        run("serve");

        assertThat(calls()).hasSize(3);
        assertThat(calls().get(0)).contains(off);
        assertThat(calls().subList(1, 3)).noneMatch(call -> call.contains(off));
    }

    @Test
    void furtherOptionsOfTheJvmComeLast() throws Exception {
        built();
        environment.put("RMQ_JVM", "-Xmx1g -Xshare:off");

        assertThat(run("serve").err()).isEmpty();
        assertThat(calls()).singleElement().asString().contains(" [-Xmx1g] [-Xshare:off] [-cp] ");
    }

    @Test
    void itIsFoundThroughSymbolicLinks() throws Exception {
        Path elsewhere = Files.createDirectories(temp.resolve("else where"));
        Path absolute = Files.createSymbolicLink(elsewhere.resolve("absolute"), project.resolve("rmq"));
        Path relative = Files.createSymbolicLink(elsewhere.resolve("relative"), Path.of("absolute"));

        assertThat(run(relative, elsewhere, "demo").status()).isZero();
        assertThat(run(Path.of("relative"), elsewhere, "demo").status()).isZero();
        assertThat(run(absolute, project, "demo").status()).isZero();
        assertThat(calls()).filteredOn(call -> call.startsWith("mvn")).hasSize(1);
        assertThat(calls().get(1)).contains("[" + project.resolve("examples/target/classes") + ":");
    }

    @Test
    void aFailedBuildShowsTheEndOfItsLogAndWhereItIs() throws Exception {
        mvn("3.8.7", 1);
        Run run = run("demo");

        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err())
                .contains("[ERROR] it went wrong here")
                .contains(
                        "rmq: the build failed; the whole log is " + project.resolve("examples/target/rmq-build.log"));
        assertThat(calls()).hasSize(1);
        assertThat(run("demo").err()).startsWith("rmq: building");
    }

    @Test
    void aMissingOrOldToolIsNamed() throws Exception {
        mvn("3.6.3", 0);
        assertRefused("rmq: Maven 3.6.3 is too old: rmq needs 3.8.7 or later to build");
        Files.delete(bin.resolve("mvn"));
        assertRefused("rmq: no mvn found: install Maven 3.8.7 or later and put it on the PATH");
        Files.delete(temp.resolve("jdk/bin/javac"));
        assertRefused(
                "rmq: " + temp.resolve("jdk") + " has no javac: to build, rmq needs a JDK, not only a Java runtime");
        java("11.0.2");
        assertRefused("rmq: Java 11.0.2 is too old: rmq needs version 17 or later (java)");
        java("1.8.0_392");
        assertRefused("rmq: Java 1.8.0_392 is too old: rmq needs version 17 or later (java)");
        Files.delete(bin.resolve("java"));
        assertRefused(
                "rmq: no java found: install a JDK, version 17 or later, and put it on the PATH or set JAVA_HOME");
    }

    private void assertRefused(String line) throws Exception {
        Run run = run("demo");
        assertThat(run.err()).isEqualTo(line + "\n");
        assertThat(run.status()).isEqualTo(1);
        assertThat(calls()).isEmpty();
    }

    @Test
    void laterVersionsWillDo() throws Exception {
        java("25-ea");
        mvn("3.10.0", 0);
        assertThat(run().status()).isZero();
        mvn("4.0.0-rc-3", 0);
        assertThat(run().status()).isZero();
    }
}
