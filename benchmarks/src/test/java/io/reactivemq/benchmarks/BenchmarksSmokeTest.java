package io.reactivemq.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.benchmarks.EmbeddedBenchmark.Acknowledgement;
import io.reactivemq.benchmarks.EmbeddedBenchmark.Engine;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Runs each benchmark once and briefly, in this JVM, so that none rots. Measures nothing. */
class BenchmarksSmokeTest {

    @Test
    void everyJmhBenchmarkRuns() throws Exception {
        // another JMH on this machine is no concern of a run that measures nothing
        System.setProperty("jmh.ignoreLock", "true");
        Collection<RunResult> results = new Runner(new OptionsBuilder()
                        .include("io\\.reactivemq\\.benchmarks\\..*")
                        .forks(0)
                        .warmupIterations(0)
                        .measurementIterations(1)
                        .measurementTime(TimeValue.milliseconds(10))
                        .shouldFailOnError(true)
                        .verbosity(VerboseMode.SILENT)
                        .build())
                .run();
        // one with parameters has a result for each of their values
        assertThat(results.stream()
                        .map(result -> result.getParams().getBenchmark())
                        .distinct())
                .hasSize(BenchmarkList.defaultList().getAll(null, List.of()).size());
        assertThat(results).hasSizeGreaterThanOrEqualTo(10);
    }

    @Test
    void theGroupBenchmarkRuns(@TempDir Path data) throws Exception {
        GroupBenchmark benchmark = new GroupBenchmark(data);
        assertThat(benchmark.rebalances(20, 20, 1)).hasSize(3);
        assertThat(benchmark.heartbeats(20, 1)).isNotEmpty();
        assertThat(benchmark.commits(500, 1)).isNotEmpty();
        assertThat(data).isEmptyDirectory();
    }

    static Stream<Arguments> embedded() {
        return Stream.of(Engine.values())
                .flatMap(engine -> Stream.of(Acknowledgement.values()).map(ack -> Arguments.of(engine, ack)));
    }

    @ParameterizedTest
    @MethodSource("embedded")
    void theEmbeddedBenchmarkRuns(Engine engine, Acknowledgement acknowledgement, @TempDir Path data) throws Exception {
        assertThat(new EmbeddedBenchmark().measure(engine, acknowledgement, 5_000, 2, 0, 1, data))
                .singleElement()
                .satisfies(run -> assertThat(run.messagesPerSecond()).isPositive());
        assertThat(data).isEmptyDirectory();
    }

    @Test
    void theLogBenchmarkRuns(@TempDir Path data) throws Exception {
        for (LogBenchmark.Level level : LogBenchmark.Level.values()) {
            assertAllMeasured(new LogBenchmark(data, 100, 20_000, 2, level).measure(0, 1), data);
        }
    }

    @Test
    void theDurableBenchmarkRuns(@TempDir Path data) throws Exception {
        assertAllMeasured(new DurableBenchmark(data, 1, 200).measure(0, 1), data);
        assertAllMeasured(new DurableBenchmark(data, 4, 200).measure(0, 1), data);
    }

    @ParameterizedTest
    @EnumSource(Engine.class)
    void theLatencyBenchmarkRuns(Engine engine, @TempDir Path data) throws Exception {
        assertAllMeasured(new LatencyBenchmark(engine, data, 100, 1).measure(0, 1), data);
    }

    @Test
    void theOpenBenchmarkRuns(@TempDir Path data) throws Exception {
        OpenBenchmark benchmark = new OpenBenchmark(data);
        List<Samples> partitions = benchmark.partitions(8, 1);
        assertThat(partitions.get(0).figures())
                .singleElement()
                .satisfies(seconds -> assertThat(seconds).isPositive());
        assertAllMeasured(
                List.of(benchmark.recovery(4, true, 1), benchmark.recovery(4, false, 1), benchmark.closed(4, 1)), data);
    }

    @ParameterizedTest
    @EnumSource(Engine.class)
    void theTransactionsBenchmarkRuns(Engine engine, @TempDir Path data) throws Exception {
        TransactionsBenchmark.Result result = new TransactionsBenchmark(engine, data, 2, 100).measure(50, 500, 0, 1);
        assertAllMeasured(result.all(), data);
        assertThat(result.lines()).last().asString().contains("transactions lose");
    }

    /** Our server alone, in JVMs of their own; without starts, whose class data sharing takes archives only. */
    @Test
    void theWireBenchmarkRuns(@TempDir Path data) throws Exception {
        String classPath = System.getProperty("java.class.path");
        Options options = Options.of(
                ("--peer false --jvm -XX:TieredStopAtLevel=1 --warmups 0 --runs 1 --settling 0 --messages 2000 --bytes 100 --records 50 --seconds 1 --connections 20 --data "
                                + data)
                        .split(" ", -1));
        try (WireBenchmark benchmark = new WireBenchmark(options, classPath, "", classPath, "")) {
            for (String what : List.of("produce", "consume", "latency", "group", "idle", "connections")) {
                assertThat(benchmark.measure(what))
                        .isNotEmpty()
                        .allSatisfy(versus -> assertThat(versus.ours()).isNotEmpty());
            }
        }
        assertThat(data).isEmptyDirectory();
    }

    private static void assertAllMeasured(List<Samples> all, Path data) {
        assertThat(all)
                .allSatisfy(samples -> assertThat(samples.figures())
                        .singleElement()
                        .satisfies(figure -> assertThat(figure).isPositive()));
        assertThat(data).isEmptyDirectory();
    }
}
