package io.reactivemq.test.spill;

import io.reactivemq.Serdes;
import io.reactivemq.operator.Overflow;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;
import org.reactivestreams.Subscription;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Sinks;

/**
 * The process with the small heap: spills so many bytes before anything is consumed, then consumes all of it, and checks each element. Prints how
 * many bytes were in files at most.
 */
final class SmallHeapChild {

    static final int ELEMENT_BYTES = 250;

    private SmallHeapChild() {}

    /** Arguments: directory, bytes. */
    public static void main(String[] args) throws Exception {
        Path directory = Path.of(args[0]);
        long bytes = Long.parseLong(args[1]);
        int elements = Math.toIntExact(bytes / ELEMENT_BYTES);
        AtomicLong onDisk = new AtomicLong();
        Consumer consumer = new Consumer();
        Flux.range(0, elements)
                .map(number -> ByteBuffer.allocate(ELEMENT_BYTES).putInt(number).array())
                .doOnComplete(() -> {
                    onDisk.set(sizeOf(directory));
                    consumer.request(Long.MAX_VALUE);
                })
                .transform(Overflow.spillToDisk(directory, Serdes.bytes(), 4096, o -> o.maxBytes(2 * bytes)))
                .subscribe(consumer);
        consumer.ended.asMono().block();
        if (consumer.received != elements) {
            throw new IllegalStateException("received " + consumer.received + " of " + elements);
        }
        System.out.println(onDisk);
        Runtime.getRuntime().halt(0);
    }

    private static long sizeOf(Path directory) {
        try (var files = Files.list(directory)) {
            return files.mapToLong(file -> file.toFile().length()).sum();
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static final class Consumer extends BaseSubscriber<byte[]> {

        private final Sinks.Empty<Void> ended = Sinks.empty();
        private int received;

        @Override
        protected void hookOnSubscribe(Subscription subscription) {
            // nothing for now
        }

        @Override
        protected void hookOnNext(byte[] value) {
            int number = ByteBuffer.wrap(value).getInt();
            if (value.length != ELEMENT_BYTES || number != received) {
                throw new IllegalStateException(
                        "element " + received + " is " + number + " of " + value.length + " bytes");
            }
            received++;
        }

        @Override
        protected void hookOnError(Throwable failure) {
            ended.tryEmitError(failure);
        }

        @Override
        protected void hookOnComplete() {
            ended.tryEmitEmpty();
        }
    }
}
