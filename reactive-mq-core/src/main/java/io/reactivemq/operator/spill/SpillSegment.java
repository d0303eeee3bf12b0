package io.reactivemq.operator.spill;

import java.nio.file.Path;

/** A file of elements. */
final class SpillSegment {
    final Path path;
    final long base;
    /** Invariant: what is behind these bytes in the file does not count. */
    long size;
    /** The sequence behind the last element. */
    long end;

    SpillSegment(Path path, long base, long size, long end) {
        this.path = path;
        this.base = base;
        this.size = size;
        this.end = end;
    }
}
