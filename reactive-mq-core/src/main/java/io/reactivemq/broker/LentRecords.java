package io.reactivemq.broker;

import java.io.Closeable;
import java.nio.channels.FileChannel;

/**
 * Whole batches that a fetch left where they are: a range of a file that is lent for a while. The file is kept, and what is in the range stays as it
 * is, until this is closed. Checksums are not compared; they are for who decodes the batches.
 *
 * <p>Of any thread.
 */
public interface LentRecords extends Closeable {

    /** The file, for the operating system to send from. Only lent: not to be closed, nor used once this is closed. */
    FileChannel channel();

    /** Where in the file the batches begin. */
    long position();

    /** Their bytes, more than 0. */
    int size();

    /** Gives them back, when it is called first. */
    @Override
    void close();
}
