package io.reactivemq.benchmarks;

import io.reactivemq.Headers;
import io.reactivemq.Serdes;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.record.RecordCursor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.locks.LockSupport;
import org.jctools.queues.SpscArrayQueue;
import org.jspecify.annotations.Nullable;

/**
 * The floor beneath {@link EmbeddedBenchmark}: what this machine does with the same records, codec and batch size when there is
 * nothing but two threads and a ring between them, or a file. The producer encodes batches, checks them as a broker does, and
 * writes and forces them where asked to; the consumer decodes each record into a new array. No demand, no partitions, no
 * groups, no offsets kept, no results.
 */
final class BarePath {

    private static final int BATCH_BYTES = 64 << 10;
    private static final int BATCHES_IN_FLIGHT = 64;

    private static final int SPINS = 100;
    private static final int IDLE_NANOS = 10_000;

    private final byte[][] values;
    private final int messages;
    private final @Nullable FileChannel file;
    private final boolean force;
    private final SpscArrayQueue<ByteBuffer> ring = new SpscArrayQueue<>(BATCHES_IN_FLIGHT);
    private final SpscArrayQueue<ByteBuffer> free = new SpscArrayQueue<>(BATCHES_IN_FLIGHT);

    private BarePath(byte[][] values, int messages, @Nullable FileChannel file, boolean force) {
        this.values = values;
        this.messages = messages;
        this.file = file;
        this.force = force;
    }

    /** Sends and receives that many messages, through a new file where one is named, and returns when all are there. */
    static void run(byte[][] values, int messages, @Nullable Path path, boolean force)
            throws IOException, InterruptedException, ExecutionException {
        if (path == null) {
            new BarePath(values, messages, null, false).run();
            return;
        }
        try (FileChannel file = FileChannel.open(
                path, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            new BarePath(values, messages, file, force).run();
        }
    }

    private void run() throws InterruptedException, ExecutionException {
        CompletableFuture<Void> consumed = new CompletableFuture<>();
        Thread consumer = new Thread(() -> complete(consumed, this::consume), "bare-consumer");
        consumer.setDaemon(true);
        consumer.start();
        CompletableFuture<Void> produced = new CompletableFuture<>();
        complete(produced, () -> produce(consumed));
        produced.get();
        consumed.get();
    }

    private interface Work {
        void run() throws IOException;
    }

    private static void complete(CompletableFuture<Void> end, Work work) {
        try {
            work.run();
            end.complete(null);
        } catch (IOException | RuntimeException e) {
            end.completeExceptionally(e);
        }
    }

    private void produce(CompletableFuture<Void> consumed) throws IOException {
        RecordBatchBuilder builder = new RecordBatchBuilder(BATCH_BYTES, BATCH_BYTES);
        long position = 0;
        for (int i = 0; i < messages; ) {
            long now = System.currentTimeMillis();
            while (i < messages && builder.tryAppend(now, null, values[i % values.length], Headers.empty())) {
                i++;
            }
            ByteBuffer batch = builder.build();
            RecordBatch.at(batch, 0).validateProduced("");
            if (file != null) {
                ByteBuffer rest = batch.duplicate();
                while (rest.hasRemaining()) {
                    position += file.write(rest, position);
                }
                if (force) {
                    file.force(false);
                }
            }
            for (int tries = 0; !ring.offer(batch); tries++) {
                if (consumed.isDone()) {
                    throw new IllegalStateException("the consumer has ended");
                }
                idle(tries);
            }
            ByteBuffer used = free.poll();
            if (used != null) {
                builder.reuse(used);
            }
        }
    }

    /** Spins a little, then sleeps a little: spinning alone would be counted as work. */
    private static void idle(int tries) {
        if (tries < SPINS) {
            Thread.onSpinWait();
        } else {
            LockSupport.parkNanos(IDLE_NANOS);
        }
    }

    private void consume() throws IOException {
        long position = 0;
        int received = 0;
        int tries = 0;
        while (received < messages) {
            ByteBuffer batch = ring.poll();
            if (batch == null) {
                idle(tries++);
                continue;
            }
            tries = 0;
            ByteBuffer read = batch;
            if (file != null) {
                read = ByteBuffer.allocate(batch.limit());
                while (read.hasRemaining()) {
                    position += file.read(read, position);
                }
            }
            RecordCursor cursor = RecordBatch.at(read, 0).records();
            while (cursor.next()) {
                ByteBuffer bytes = cursor.value();
                byte[] value = bytes == null ? new byte[0] : Serdes.bytes().deserialize(bytes);
                if (value.length != values[0].length || ByteBuffer.wrap(value).getInt() != received % values.length) {
                    throw new IllegalStateException("record " + received + " is not what was sent");
                }
                received++;
            }
            free.offer(batch);
        }
    }
}
