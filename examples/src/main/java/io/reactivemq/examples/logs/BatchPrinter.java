package io.reactivemq.examples.logs;

import io.reactivemq.MqException;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordCursor;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;

/** Prints the batches of each segment from an offset on, their records if wished, and findings. */
final class BatchPrinter extends FindingPrinter {

    private final long from;
    private final boolean records;
    private final int bytes;

    BatchPrinter(PrintWriter out, long from, boolean records, int bytes) {
        super(out);
        this.from = from;
        this.records = records;
        this.bytes = bytes;
    }

    @Override
    public void segment(Path file, long baseOffset, long sizeInBytes) {
        out.println(file);
    }

    @Override
    public void batch(Path file, long position, RecordBatch batch) {
        if (batch.lastOffset() < from) {
            return;
        }
        out.println(Lines.batch(position, batch));
        if (records) {
            try {
                records(batch);
            } catch (MqException e) {
                // damage has been told of; a codec that is missing here
                out.println("    " + e.getMessage());
            }
        }
    }

    private void records(RecordBatch batch) {
        RecordCursor cursor = batch.records();
        while (cursor.next()) {
            if (cursor.offset() >= from) {
                out.println(String.format(
                        Locale.ROOT,
                        "    %d  %s  %s = %s%s",
                        cursor.offset(),
                        Lines.time(cursor.timestampMs()),
                        Lines.bytes(cursor.key(), bytes),
                        Lines.bytes(cursor.value(), bytes),
                        Lines.headers(cursor.headers(), bytes)));
            }
        }
    }
}
