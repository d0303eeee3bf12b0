package io.reactivemq.log;

import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StorageException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The folder of a partition, and what was in it when it was looked at: an opening asks the file system once, and not for each file that may
 * be there. Immutable.
 */
public final class LogFolder {

    private final Path path;
    private final boolean exists;
    private final Set<String> names;

    /** Of the files that are named for a base offset: those offsets, ascending, by what follows them in the name. */
    private final Map<String, List<Long>> offsets;

    private LogFolder(Path path, boolean exists, List<Path> files) {
        this.path = path;
        this.exists = exists;
        this.names = new HashSet<>();
        this.offsets = new TreeMap<>();
        for (Path file : files) {
            String name = String.valueOf(file.getFileName());
            names.add(name);
            IndexFormat.baseOffsetOf(name)
                    .ifPresent(offset -> offsets.computeIfAbsent(IndexFormat.suffixOf(name), s -> new ArrayList<>())
                            .add(offset));
        }
        offsets.values().forEach(all -> all.sort(null));
    }

    /** Looks at the directory; one that is missing is an empty one. */
    public static LogFolder of(FileStore store, Path path) {
        List<Path> files;
        try {
            files = store.list(path);
        } catch (StorageException e) {
            if (store.exists(path)) {
                throw e;
            }
            return new LogFolder(path, false, List.of());
        }
        return new LogFolder(path, true, files);
    }

    public Path path() {
        return path;
    }

    /** Whether a segment of a log was there. */
    public boolean hasSegments() {
        return offsets.containsKey(IndexFormat.LOG_SUFFIX);
    }

    /** Whether the directory was there. */
    public boolean exists() {
        return exists;
    }

    /** Whether there was a file of that name. */
    public boolean has(String name) {
        return names.contains(name);
    }

    /** Whether there was that file of a base offset. */
    boolean has(long baseOffset, String suffix) {
        return Collections.binarySearch(offsets(suffix), baseOffset) >= 0;
    }

    /** The base offsets that have a file with that suffix, ascending. */
    List<Long> offsets(String suffix) {
        return offsets.getOrDefault(suffix, List.of());
    }
}
