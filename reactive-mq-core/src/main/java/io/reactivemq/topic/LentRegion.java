package io.reactivemq.topic;

import io.reactivemq.MqRuntime;
import io.reactivemq.broker.LentRecords;
import io.reactivemq.log.LogRegion;
import java.nio.channels.FileChannel;
import java.util.concurrent.RejectedExecutionException;

/** A region of a log in a file, as the seam knows it. */
record LentRegion(LogRegion region, FileChannel channel, MqRuntime runtime) implements LentRecords {

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
        region.close(this::onIo);
    }

    /** A transport gives back from the threads of its connections, which must not block. */
    private void onIo(Runnable task) {
        try {
            runtime.io().schedule(task);
        } catch (RejectedExecutionException stopped) {
            task.run();
        }
    }
}
