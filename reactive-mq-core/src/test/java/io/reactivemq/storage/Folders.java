package io.reactivemq.storage;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** Whole folders of small files, for tests that copy, damage and compare them. */
public final class Folders {

    private Folders() {}

    /** The files of a folder, by name. */
    public static Map<String, byte[]> read(FileStore store, Path folder) {
        Map<String, byte[]> files = new TreeMap<>();
        for (Path path : store.list(folder)) {
            ByteBuffer content = store.readFile(path);
            byte[] bytes = new byte[content.remaining()];
            content.get(bytes);
            files.put(path.getFileName().toString(), bytes);
        }
        return files;
    }

    /** Makes a folder of just these files. */
    public static void write(FileStore store, Path folder, Map<String, byte[]> files) {
        if (store.exists(folder)) {
            store.deleteRecursively(folder);
        }
        store.createDirectories(folder);
        files.forEach((name, content) -> {
            try (StoredFile file = store.open(folder.resolve(name), OpenMode.CREATE_NEW)) {
                file.write(ByteBuffer.wrap(content), 0);
            }
        });
    }

    /** A copy whose named file has another content. */
    public static Map<String, byte[]> with(Map<String, byte[]> files, String name, byte[] content) {
        Map<String, byte[]> changed = new TreeMap<>(files);
        changed.put(name, content);
        return changed;
    }

    /** A copy in which one bit of the named file is the other way round. */
    public static Map<String, byte[]> withBitFlipped(Map<String, byte[]> files, String name, int bit) {
        byte[] content = files.getOrDefault(name, new byte[0]).clone();
        content[bit / 8] ^= (byte) (1 << (bit % 8));
        return with(files, name, content);
    }

    /** A copy without the named file. */
    public static Map<String, byte[]> without(Map<String, byte[]> files, String name) {
        Map<String, byte[]> changed = new TreeMap<>(files);
        changed.remove(name);
        return changed;
    }
}
