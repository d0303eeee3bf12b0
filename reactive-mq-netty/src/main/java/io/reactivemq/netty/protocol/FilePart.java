package io.reactivemq.netty.protocol;

import io.netty.channel.DefaultFileRegion;
import io.reactivemq.broker.LentRecords;

/** A part of a frame that the operating system sends from a file. The file is not its own: whoever lent it takes it back when the frame is written. */
final class FilePart extends DefaultFileRegion {

    FilePart(LentRecords records) {
        super(records.channel(), records.position(), records.size());
    }

    @Override
    protected void deallocate() {
        // the channel stays open, it is the log's
    }
}
