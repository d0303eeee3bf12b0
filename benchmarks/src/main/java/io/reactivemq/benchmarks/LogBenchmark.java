package io.reactivemq.benchmarks;

import io.reactivemq.TopicPartition;
import io.reactivemq.log.LogConfig;
import io.reactivemq.log.PartitionLog;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.record.RecordCursor;
import io.reactivemq.storage.FileStore;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.zip.CRC32C;

/**
 * The log alone, on one thread: batches of 64 KiB that are ready are appended, then read back with their checksums and each value copied out. Beside it
 * the machine's floor, a bare framed log: a header of 12 bytes, a CRC-32C and a write for each 64 KiB.
 *
 * <pre>
 * benchmarks/run log [--bytes 100|1024] [--partitions 1|8] [--level memory|os-buffered|forced] [--messages N] [--runs 5] [--warmups 2] [--data DIRECTORY]
 * </pre>
 */
final class LogBenchmark {

    private static final int BATCH_BYTES = 64 << 10;
    private static final int READ_BYTES = 1 << 20;
    private static final int FRAME_HEADER_BYTES = 12;
    private static final int FORCE_EVERY_BYTES = 16 << 20;

    /** Where it is written, and how far. */
    enum Level {
        MEMORY("memory"),
        OS_BUFFERED("page cache"),
        FORCED("forced each 16 MiB");

        private final String label;

        Level(String label) {
            this.label = label;
        }

        static Level of(String name) {
            return valueOf(name.replace('-', '_').toUpperCase(Locale.ROOT));
        }
    }

    private final Path data;
    private final int messageBytes;
    private final int messages;
    private final int partitions;
    private final Level level;

    LogBenchmark(Path data, int messageBytes, int messages, int partitions, Level level) {
        this.data = data;
        this.messageBytes = messageBytes;
        this.messages = messages;
        this.partitions = partitions;
        this.level = level;
    }

    public static void main(String[] arguments) throws IOException {
        Options options = Options.of(arguments);
        Path data = options.path("data");
        Samples.printHeading();
        for (int bytes : options.numbers("bytes", "100,1024")) {
            for (int partitions : options.numbers("partitions", "1,8")) {
                for (String level :
                        options.text("level", "memory,os-buffered,forced").split(",", -1)) {
                    Level where = Level.of(level);
                    // in memory a quarter of it, which is on the heap
                    int most = bytes <= 100 ? 8_000_000 : 1_000_000;
                    int messages = options.number("messages", where == Level.MEMORY ? most / 4 : most);
                    new LogBenchmark(data, bytes, messages, partitions, where)
                            .measure(options.number("warmups", 2), options.number("runs", 5))
                            .forEach(samples -> System.out.println(samples.line()));
                }
            }
        }
    }

    List<Samples> measure(int warmups, int runs) throws IOException {
        String what = String.format(
                Locale.ROOT,
                "%d B, %d partition%s, %s",
                messageBytes,
                partitions,
                partitions == 1 ? "" : "s",
                level.label);
        Samples append = new Samples("append, " + what, "M msg/s");
        Samples read = new Samples("read, " + what, "M msg/s");
        Samples bareAppend = new Samples("bare append, " + what, "M msg/s");
        Samples bareRead = new Samples("bare read, " + what, "M msg/s");
        for (int i = 0; i < warmups + runs; i++) {
            boolean measured = i >= warmups;
            try (Folder folder = Folder.in(data)) {
                logs(folder.path(), measured, append, read);
            }
            if (level == Level.MEMORY) {
                continue; // there is no file to compare with
            }
            try (Folder folder = Folder.in(data)) {
                bare(folder.path().resolve("bare"), measured, bareAppend, bareRead);
            }
        }
        return level == Level.MEMORY ? List.of(append, read) : List.of(append, bareAppend, read, bareRead);
    }

    private void logs(Path folder, boolean measured, Samples append, Samples read) throws IOException {
        List<PartitionLog> logs = new ArrayList<>();
        FileStore store = level == Level.MEMORY ? FileStore.memory() : FileStore.disk();
        try {
            for (int i = 0; i < partitions; i++) {
                TopicPartition partition = new TopicPartition("bench", i);
                logs.add(PartitionLog.open(
                        store, folder.resolve(partition.toString()), partition, LogConfig.defaults()));
            }
            ByteBuffer batch = Batches.full(BATCH_BYTES, messageBytes);
            int count = RecordBatch.at(batch, 0).count();
            Stopwatch stopwatch = Stopwatch.start();
            long bytes = 0;
            int appended = 0;
            for (int i = 0; appended < messages; i++) {
                PartitionLog log = logs.get(i % partitions);
                log.append(batch.duplicate(), 1_000);
                appended += count;
                bytes += batch.limit();
                if (level == Level.FORCED && bytes >= FORCE_EVERY_BYTES) {
                    bytes = 0;
                    logs.forEach(PartitionLog::force);
                }
            }
            if (level == Level.FORCED) {
                logs.forEach(PartitionLog::force);
            }
            stopwatch.stop(append, measured, appended / 1e6);

            stopwatch = Stopwatch.start();
            int got = 0;
            byte[] value = new byte[messageBytes];
            for (PartitionLog log : logs) {
                long offset = 0;
                while (offset < log.logEndOffset()) {
                    for (RecordBatch found : RecordBatches.of(log.read(offset, READ_BYTES, log.logEndOffset()))) {
                        RecordCursor cursor = found.records();
                        while (cursor.next()) {
                            ByteBuffer content = cursor.value();
                            if (content == null) {
                                throw new IllegalStateException("a value is missing");
                            }
                            content.get(content.position(), value);
                            got++;
                        }
                        offset = found.nextOffset();
                    }
                }
            }
            stopwatch.stop(read, measured, got / 1e6);
            if (got != appended) {
                throw new IllegalStateException("read " + got + " of " + appended);
            }
        } finally {
            logs.forEach(PartitionLog::close);
        }
    }

    private void bare(Path path, boolean measured, Samples append, Samples read) throws IOException {
        int perFrame = (BATCH_BYTES - FRAME_HEADER_BYTES) / messageBytes;
        byte[] value = new byte[messageBytes];
        ByteBuffer frame = ByteBuffer.allocateDirect(BATCH_BYTES);
        CRC32C crc = new CRC32C();
        try (FileChannel file = FileChannel.open(
                path, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            Stopwatch stopwatch = Stopwatch.start();
            long forced = 0;
            int appended = 0;
            while (appended < messages) {
                frame.clear().position(FRAME_HEADER_BYTES);
                for (int i = 0; i < perFrame; i++) {
                    frame.put(value);
                }
                frame.flip();
                crc.reset();
                crc.update(frame.slice(FRAME_HEADER_BYTES, frame.limit() - FRAME_HEADER_BYTES));
                frame.putInt(0, frame.limit()).putLong(Integer.BYTES, crc.getValue());
                while (frame.hasRemaining()) {
                    file.write(frame);
                }
                appended += perFrame;
                if (level == Level.FORCED && file.position() - forced >= FORCE_EVERY_BYTES) {
                    forced = file.position();
                    file.force(false);
                }
            }
            if (level == Level.FORCED) {
                file.force(false);
            }
            stopwatch.stop(append, measured, appended / 1e6);

            stopwatch = Stopwatch.start();
            long position = 0;
            int got = 0;
            int frameBytes = FRAME_HEADER_BYTES + perFrame * messageBytes;
            while (position < file.size()) {
                frame.clear().limit(frameBytes);
                while (frame.hasRemaining() && file.read(frame, position + frame.position()) >= 0) {
                    // the rest
                }
                frame.flip();
                crc.reset();
                crc.update(frame.slice(FRAME_HEADER_BYTES, frame.limit() - FRAME_HEADER_BYTES));
                if (crc.getValue() != frame.getLong(Integer.BYTES)) {
                    throw new IllegalStateException("a frame is damaged");
                }
                frame.position(FRAME_HEADER_BYTES);
                while (frame.hasRemaining()) {
                    frame.get(value);
                    got++;
                }
                position += frameBytes;
            }
            stopwatch.stop(read, measured, got / 1e6);
            if (got != appended) {
                throw new IllegalStateException("read " + got + " of " + appended);
            }
        }
    }
}
