package io.reactivemq.record;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.LongStream;
import org.apache.kafka.common.utils.internals.ByteUtils;
import org.junit.jupiter.api.Test;

class VarintsTest {

    @Test
    void intsAreWrittenAsKafkaWritesThem() {
        edges(32).forEach(edge -> {
            int value = (int) edge;
            ByteBuffer kafka = ByteBuffer.allocate(5);
            ByteUtils.writeVarint(value, kafka);
            byte[] ours = new byte[5];
            int size = Varints.write(ours, 0, value);
            assertThat(Arrays.copyOf(ours, size)).as("%d", value).isEqualTo(TestBatches.bytes(kafka.flip()));
            assertThat(Varints.sizeOf(value)).as("%d", value).isEqualTo(size);
            assertThat(Varints.unzigzag(Varints.zigzag(value))).isEqualTo(value);
        });
    }

    @Test
    void longsAreWrittenAsKafkaWritesThem() {
        edges(64).forEach(value -> {
            ByteBuffer kafka = ByteBuffer.allocate(10);
            ByteUtils.writeVarlong(value, kafka);
            byte[] ours = new byte[10];
            int size = Varints.write(ours, 0, value);
            assertThat(Arrays.copyOf(ours, size)).as("%d", value).isEqualTo(TestBatches.bytes(kafka.flip()));
            assertThat(Varints.sizeOf(value)).as("%d", value).isEqualTo(size);
            assertThat(Varints.unzigzag(Varints.zigzag(value))).isEqualTo(value);
        });
    }

    /** Around every power of two on both sides of zero, and 10,000 random numbers. */
    private static LongStream edges(int bits) {
        LongStream powers = LongStream.range(0, bits)
                .flatMap(shift -> LongStream.of(1L << shift, -(1L << shift)))
                .flatMap(power -> LongStream.of(power - 1, power, power + 1));
        Random random = new Random(1);
        return LongStream.concat(powers, LongStream.generate(random::nextLong).limit(10_000));
    }
}
