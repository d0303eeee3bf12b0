package io.reactivemq.topic;

import io.reactivemq.broker.LentRecords;
import io.reactivemq.log.LogRegion;
import java.nio.channels.FileChannel;

/** A region of a log in a file, as the seam knows it. */
record LentRegion(LogRegion region, FileChannel channel) implements LentRecords {

    @Override
    public long position() {
        return region.position();
    }

    @Override
    public int size() {
        return region.count();
    }

    @Override
    public void close() {
        region.close();
    }
}
