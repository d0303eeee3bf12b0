package peers;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Locale;
import java.util.stream.Stream;
import net.openhft.chronicle.queue.ChronicleQueue;
import net.openhft.chronicle.queue.ExcerptAppender;
import net.openhft.chronicle.queue.ExcerptTailer;
import net.openhft.chronicle.wire.DocumentContext;

/** Chronicle Queue: messages appended one by one, then read back and copied out, on one thread. Arguments: directory, runs. */
public final class ChroniclePeer {

    private static final int WARMUPS = 2;

    private ChroniclePeer() {}

    public static void main(String[] arguments) throws IOException {
        Path data = Path.of(arguments[0]);
        int runs = Integer.parseInt(arguments[1]);
        for (int bytes : new int[] {100, 1024}) {
            int messages = bytes == 100 ? 8_000_000 : 1_000_000;
            double[] append = new double[runs];
            double[] read = new double[runs];
            for (int i = -WARMUPS; i < runs; i++) {
                Path folder = Files.createTempDirectory(data, "chronicle");
                try (ChronicleQueue queue = ChronicleQueue.single(folder.toString())) {
                    double appended = append(queue, bytes, messages);
                    double tailed = read(queue, bytes, messages);
                    if (i >= 0) {
                        append[i] = appended;
                        read[i] = tailed;
                    }
                } finally {
                    delete(folder);
                }
            }
            print("Chronicle append, " + bytes + " B", append);
            print("Chronicle tail, " + bytes + " B", read);
        }
    }

    private static double append(ChronicleQueue queue, int bytes, int messages) {
        byte[] message = new byte[bytes];
        try (ExcerptAppender appender = queue.createAppender()) {
            long start = System.nanoTime();
            for (int i = 0; i < messages; i++) {
                try (DocumentContext document = appender.writingDocument()) {
                    document.wire().bytes().write(message);
                }
            }
            return messages * 1e3 / (System.nanoTime() - start);
        }
    }

    private static double read(ChronicleQueue queue, int bytes, int messages) {
        byte[] message = new byte[bytes];
        try (ExcerptTailer tailer = queue.createTailer()) {
            long start = System.nanoTime();
            for (int i = 0; i < messages; i++) {
                try (DocumentContext document = tailer.readingDocument()) {
                    if (!document.isPresent()) {
                        throw new IllegalStateException("message " + i + " is missing");
                    }
                    document.wire().bytes().read(message);
                }
            }
            return messages * 1e3 / (System.nanoTime() - start);
        }
    }

    private static void print(String what, double[] figures) {
        Arrays.sort(figures);
        String figure = String.format(
                Locale.ROOT, "%.2f (%.2f - %.2f)", figures[figures.length / 2], figures[0], figures[figures.length - 1]);
        System.out.printf(Locale.ROOT, "%-52s %4d %32s %-8s%n", what, figures.length, figure, "M msg/s");
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            files.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
        }
    }
}
