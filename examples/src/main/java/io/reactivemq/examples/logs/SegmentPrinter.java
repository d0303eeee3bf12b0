package io.reactivemq.examples.logs;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;

/** Prints the folders, the segments in them, and findings. */
final class SegmentPrinter extends FindingPrinter {

    SegmentPrinter(PrintWriter out) {
        super(out);
    }

    @Override
    public void log(Path folder) {
        out.println(folder.getFileName());
    }

    @Override
    public void segment(Path file, long baseOffset, long sizeInBytes) {
        out.println(String.format(
                Locale.ROOT, "  %s  from offset %d  %,d bytes", file.getFileName(), baseOffset, sizeInBytes));
    }
}
