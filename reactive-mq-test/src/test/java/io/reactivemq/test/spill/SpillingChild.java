package io.reactivemq.test.spill;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.Durability;
import io.reactivemq.MqRuntime;
import io.reactivemq.Serde;
import io.reactivemq.metrics.BufferMeter;
import io.reactivemq.operator.Overflow;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import reactor.core.publisher.Flux;

/**
 * The process that is killed: takes up what is in a directory and sends numbers of its own run behind, as fast as it is asked for them, to a
 * consumer that is slower. Its output is {@code opening}, and then for each number that the consumer gets
 *
 * <pre>
 * run number written
 * </pre>
 *
 * where {@code written} is how many of this process's own numbers have been written to files.
 */
final class SpillingChild {

    static final String OPENING = "opening";
    static final int CAPACITY = 16;

    private static final long FILES_BYTES = 2 << 20;
    private static final int SEGMENT_BYTES = 64 << 10;

    /** A child whose parent has forgotten it ends by itself. */
    private static final Duration LIFETIME = Duration.ofMinutes(10);

    /**
     * What is sent.
     *
     * @param run which process sent it
     * @param number counts from 0 in each process
     */
    record Element(int run, int number) {

        static final Serde<Element> SERDE = new Serde<>() {
            @Override
            public byte[] serialize(Element element) {
                ByteBuffer bytes = ByteBuffer.allocate(8 + element.number % 50)
                        .putInt(element.run)
                        .putInt(element.number);
                while (bytes.hasRemaining()) {
                    bytes.put((byte) element.number);
                }
                return bytes.array();
            }

            @Override
            public Element deserialize(ByteBuffer data) {
                Element element = new Element(data.getInt(), data.getInt());
                if (data.remaining() != element.number % 50) {
                    throw new IllegalStateException(element + " with " + data.remaining() + " bytes behind");
                }
                while (data.hasRemaining()) {
                    if (data.get() != (byte) element.number) {
                        throw new IllegalStateException(element + " with a wrong byte");
                    }
                }
                return element;
            }
        };
    }

    private SpillingChild() {}

    /** Arguments: directory, durability, run. */
    public static void main(String[] args) {
        MqRuntime.system()
                .timers()
                .schedule(() -> Runtime.getRuntime().halt(3), LIFETIME.toSeconds(), TimeUnit.SECONDS);
        try {
            run(Path.of(args[0]), Durability.ofConfigName(args[1]), Integer.parseInt(args[2]));
        } catch (Throwable e) {
            e.printStackTrace();
            Runtime.getRuntime().halt(2);
        }
    }

    private static void run(Path directory, Durability durability, int run) {
        PrintStream out = new PrintStream(
                new BufferedOutputStream(new FileOutputStream(FileDescriptor.out)), false, StandardCharsets.US_ASCII);
        out.print(OPENING + "\n");
        out.flush();
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        Flux.range(0, Integer.MAX_VALUE)
                .map(number -> new Element(run, number))
                .transform(spill(directory, durability, registry))
                .doOnNext(element -> {
                    long written = (long) registry.get(BufferMeter.SPILLED_ELEMENTS.meterName())
                            .counter()
                            .count();
                    out.print(element.run + " " + element.number + " " + written + "\n");
                    out.flush();
                })
                .limitRate(1)
                .blockLast();
    }

    static java.util.function.Function<Flux<Element>, Flux<Element>> spill(
            Path directory, Durability durability, SimpleMeterRegistry registry) {
        return Overflow.spillToDisk(
                directory,
                Element.SERDE,
                CAPACITY,
                o -> o.recoverOnSubscribe()
                        .durability(durability)
                        .maxBytes(FILES_BYTES)
                        .segmentBytes(SEGMENT_BYTES)
                        .meterRegistry(registry));
    }
}
