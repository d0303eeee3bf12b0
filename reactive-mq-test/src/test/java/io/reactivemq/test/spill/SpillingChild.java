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
import org.reactivestreams.Subscription;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

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
        Flux<Element> spilling = Flux.range(0, Integer.MAX_VALUE)
                .map(number -> new Element(run, number))
                .transform(spill(directory, durability, registry));
        spilling.subscribe(new Consumer(out, registry));
        // until it is killed
        Mono.never().block();
    }

    /**
     * Asks for one at a time, and only while there is more in files than it can come to the end of: what goes past the files while there
     * is nothing in them is not promised to outlive the process.
     */
    private static final class Consumer extends BaseSubscriber<Element> {

        private final PrintStream out;
        private final SimpleMeterRegistry registry;

        Consumer(PrintStream out, SimpleMeterRegistry registry) {
            this.out = out;
            this.registry = registry;
        }

        @Override
        protected void hookOnSubscribe(Subscription subscription) {
            askOnceFilesHoldEnough();
        }

        @Override
        protected void hookOnNext(Element element) {
            long written = (long) registry.get(BufferMeter.SPILLED_ELEMENTS.meterName())
                    .counter()
                    .count();
            out.print(element.run + " " + element.number + " " + written + "\n");
            out.flush();
            askOnceFilesHoldEnough();
        }

        @Override
        protected void hookOnError(Throwable failure) {
            failure.printStackTrace();
            Runtime.getRuntime().halt(2);
        }

        private void askOnceFilesHoldEnough() {
            double bytes =
                    registry.get(BufferMeter.DISK_BYTES.meterName()).gauge().value();
            // the oldest segment may have been read already
            if (bytes > 2 * SEGMENT_BYTES) {
                request(1);
            } else {
                MqRuntime.system().timers().schedule(this::askOnceFilesHoldEnough, 1, TimeUnit.MILLISECONDS);
            }
        }
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
