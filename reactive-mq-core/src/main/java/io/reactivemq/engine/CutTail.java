package io.reactivemq.engine;

import io.reactivemq.TopicPartition;
import java.nio.file.Path;

/**
 * What the opening of a broker cut from the end of a log: bytes that a crash had torn. At {@code fsync} nothing of it was acknowledged.
 *
 * @param partition whose log
 * @param file the segment
 * @param position the length that it has now
 * @param bytes how many were cut
 * @param reason what was wrong with the first of them
 */
public record CutTail(TopicPartition partition, Path file, long position, long bytes, String reason) {}
