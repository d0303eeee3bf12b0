package io.reactivemq.test.simulation;

import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;

/**
 * A tree of directories and files as it is found. Immutable as long as nobody writes into the arrays, which images share.
 *
 * @param directories the directories; roots need not be among them
 * @param files the bytes of each file
 */
public record DiskImage(Set<Path> directories, Map<Path, byte[]> files) {

    /** A disk with nothing on it. */
    public static DiskImage empty() {
        return new DiskImage(Set.of(), Map.of());
    }

    /** A number that two images share only if they are the same, as far as 64 bits can tell. */
    public long fingerprint() {
        long sum = 0;
        for (Path directory : directories) {
            sum += mix(directory.hashCode());
        }
        CRC32 crc = new CRC32();
        CRC32C crc32c = new CRC32C();
        for (Map.Entry<Path, byte[]> file : files.entrySet()) {
            crc.reset();
            crc32c.reset();
            crc.update(file.getValue());
            crc32c.update(file.getValue());
            long content = crc.getValue() << 32 | crc32c.getValue();
            sum += mix(content + 31L * file.getKey().hashCode() + ((long) file.getValue().length << 32));
        }
        return sum;
    }

    private static long mix(long value) {
        long mixed = (value ^ (value >>> 30)) * 0xbf58476d1ce4e5b9L;
        mixed = (mixed ^ (mixed >>> 27)) * 0x94d049bb133111ebL;
        return mixed ^ (mixed >>> 31);
    }
}
