/**
 * What the library costs, each figure beside its peer's in the same run. {@link
 * io.reactivemq.benchmarks.RecordCodecBenchmark} is JMH; {@code benchmarks/run} runs all. docs/performance.md quotes the
 * figures with their commands.
 */
@NullMarked
package io.reactivemq.benchmarks;

import org.jspecify.annotations.NullMarked;
