package io.reactivemq.benchmarks;

import java.util.Collection;
import java.util.List;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.ScalarResult;

/**
 * Adds to a JMH benchmark the CPU time of the whole JVM an operation, which other processes on the machine disturb far less than
 * elapsed time, and the share of one core that those others used meanwhile.
 */
public final class CpuProfiler implements InternalProfiler {

    private Cpu before = Cpu.now();
    private long beforeNanos = System.nanoTime();

    @Override
    public String getDescription() {
        return "CPU time of the JVM an operation";
    }

    @Override
    public void beforeIteration(BenchmarkParams benchmarkParams, IterationParams iterationParams) {
        before = Cpu.now();
        beforeNanos = System.nanoTime();
    }

    @Override
    public Collection<? extends Result<?>> afterIteration(
            BenchmarkParams benchmarkParams, IterationParams iterationParams, IterationResult result) {
        Cpu used = Cpu.now().minus(before);
        double seconds = (System.nanoTime() - beforeNanos) / 1e9;
        return List.of(
                new ScalarResult(
                        "cpu",
                        1e9 * used.processSeconds() / result.getMetadata().getAllOps(),
                        "ns/op",
                        AggregationPolicy.AVG),
                new ScalarResult("others", 100 * used.othersSeconds() / seconds, "% of a core", AggregationPolicy.AVG));
    }
}
