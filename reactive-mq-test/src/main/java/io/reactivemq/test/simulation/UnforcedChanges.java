package io.reactivemq.test.simulation;

import io.reactivemq.storage.FileStore;
import io.reactivemq.test.simulation.StorageChange.Cut;
import io.reactivemq.test.simulation.StorageChange.Deleted;
import io.reactivemq.test.simulation.StorageChange.ForceFailed;
import io.reactivemq.test.simulation.StorageChange.Forced;
import io.reactivemq.test.simulation.StorageChange.ForcedDirectory;
import io.reactivemq.test.simulation.StorageChange.Made;
import io.reactivemq.test.simulation.StorageChange.Renamed;
import io.reactivemq.test.simulation.StorageChange.Written;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * What is safe on a disk and what is not: takes in the changes of a store one by one and keeps those that no force has made safe.
 *
 * <p>The model: a force of a file keeps its bytes and its length, not its name; a force of a directory keeps the names in it, and those that are gone from it. A
 * rename is atomic until a directory is forced. Where it is one of two, a file's new name and that its old one is gone are each as safe as their directory: it may
 * be there under both, or under none. A directory, which has one name only, has the new one when the directory that it went to is forced. What a failed force
 * was for is never made safe by a later one; only what is written again in its place is.
 */
final class UnforcedChanges {

    private static final byte[] NO_BYTES = {};

    /** The number of what no name stands for: the directory above all. */
    private static final int ROOT = Integer.MIN_VALUE;

    /** That of a directory which is not there. */
    private static final int NOWHERE = Integer.MAX_VALUE;

    /** What is safe. */
    private final Map<Name, Integer> names = new HashMap<>();

    /** What all changes together come to. */
    private final Map<Path, Integer> now = new HashMap<>();

    private final Map<Integer, byte[]> contents = new HashMap<>();
    private final Set<Integer> directories = new HashSet<>();
    private final List<Unforced> pending = new ArrayList<>();

    UnforcedChanges(RecordingStore store) {
        int number = -1;
        for (Path directory : store.base().directories()) {
            now.put(directory, number);
            directories.add(number--);
        }
        store.baseFiles().forEach((path, file) -> {
            now.put(path, file);
            contents.put(file, store.base().files().getOrDefault(path, NO_BYTES));
        });
        now.forEach((path, file) -> names.put(nameOf(path), file));
    }

    /** A name belongs to the directory that it is in, by its number, whatever the name of that. */
    private record Name(int directory, Path last) {}

    private Name nameOf(Path path) {
        Path parent = FileStore.parentOf(path);
        return new Name(parent.getParent() == null ? ROOT : now.getOrDefault(parent, NOWHERE), path.getFileName());
    }

    /**
     * A change of names.
     *
     * @param from which name is gone; null: none
     * @param to which name is there; null: none
     */
    private record NameChange(@Nullable Name from, @Nullable Name to, int file) {

        void apply(Map<Name, Integer> names) {
            if (from == null) {
                if (to != null) {
                    names.put(to, file);
                }
            } else {
                Integer there = names.remove(from);
                if (to != null && there != null) {
                    names.put(to, there);
                }
            }
        }

        boolean isIn(int directory) {
            return (from != null && from.directory == directory) || (to != null && to.directory == directory);
        }

        boolean isBetweenDirectories() {
            return from != null && to != null && from.directory != to.directory;
        }
    }

    /**
     * A change that a crash may take.
     *
     * @param names null: it is one of a file's bytes
     * @param lost a force that was to make it safe has failed
     */
    private record Unforced(StorageChange change, @Nullable NameChange names, boolean lost) {}

    int count() {
        return pending.size();
    }

    StorageChange change(int i) {
        return pending.get(i).change;
    }

    void add(StorageChange change) {
        if (change instanceof Forced force) {
            force(force.file());
        } else if (change instanceof ForceFailed failed) {
            pending.replaceAll(each -> isOf(each.change, failed.file()) ? new Unforced(each.change, null, true) : each);
        } else if (change instanceof ForcedDirectory forced) {
            Path directory = forced.directory();
            forceNames(directory.getParent() == null ? ROOT : now.getOrDefault(directory, NOWHERE));
        } else {
            if (change instanceof Made made && made.directory()) {
                directories.add(made.file());
            }
            pending.add(new Unforced(change, namesOf(change), false));
        }
    }

    /** What becomes of names by a change; from now on it has. */
    private @Nullable NameChange namesOf(StorageChange change) {
        if (change instanceof Made made) {
            now.put(made.path(), made.file());
            return new NameChange(null, nameOf(made.path()), made.file());
        }
        if (change instanceof Deleted deleted) {
            Name gone = nameOf(deleted.path());
            return new NameChange(gone, null, Objects.requireNonNull(now.remove(deleted.path())));
        }
        if (change instanceof Renamed renamed) {
            Name from = nameOf(renamed.from());
            Name to = nameOf(renamed.to());
            int file = Objects.requireNonNull(now.remove(renamed.from()));
            now.put(renamed.to(), file);
            for (Path below : directories.contains(file) ? List.copyOf(now.keySet()) : List.<Path>of()) {
                if (below.startsWith(renamed.from())) {
                    now.put(renamed.to().resolve(renamed.from().relativize(below)), now.remove(below));
                }
            }
            return new NameChange(from, to, file);
        }
        return null;
    }

    private void forceNames(int directory) {
        List<Unforced> before = List.copyOf(pending);
        pending.clear();
        for (Unforced each : before) {
            NameChange change = each.names;
            if (change == null || !change.isIn(directory)) {
                pending.add(each);
            } else if (!change.isBetweenDirectories()) {
                change.apply(names);
            } else if (!directories.contains(change.file)) {
                forceOneSide(each, change, directory);
            } else if (change.to != null && change.to.directory == directory) {
                change.apply(names);
            } else {
                pending.add(each);
            }
        }
    }

    /** Of a file that went from one directory to another. */
    private void forceOneSide(Unforced each, NameChange change, int directory) {
        if (change.to != null && change.to.directory == directory) {
            names.put(change.to, change.file);
            pending.add(new Unforced(each.change, new NameChange(change.from, null, change.file), each.lost));
        } else {
            names.remove(change.from);
            pending.add(new Unforced(each.change, new NameChange(null, change.to, change.file), each.lost));
        }
    }

    private void force(int file) {
        Content content = null;
        for (int i = 0; i < pending.size(); i++) {
            Unforced each = pending.get(i);
            if (!isOf(each.change, file) || each.lost) {
                continue;
            }
            if (content == null) {
                content = new Content(contents.getOrDefault(file, NO_BYTES));
            }
            content.apply(each.change);
            pending.remove(i);
            i -= 1 + replaceLost(file, each.change, i);
        }
        if (content != null) {
            contents.put(file, content.bytes());
        }
    }

    /** What was lost and is now written again, or cut, no longer is lost; returns how many fewer changes there are before that one. */
    private int replaceLost(int file, StorageChange by, int before) {
        int from = by instanceof Written written ? written.position() : by instanceof Cut cut ? cut.size() : 0;
        int to = by instanceof Written written ? from + written.bytes().remaining() : Integer.MAX_VALUE;
        int fewer = 0;
        for (int i = before - 1; i >= 0; i--) {
            Unforced each = pending.get(i);
            if (!each.lost || !isOf(each.change, file)) {
                continue;
            }
            List<Unforced> rest = new ArrayList<>();
            if (each.change instanceof Written lost) {
                int end = lost.position() + lost.bytes().remaining();
                if (lost.position() < from) {
                    rest.add(part(lost, lost.position(), Math.min(end, from)));
                }
                if (end > to) {
                    rest.add(part(lost, Math.max(lost.position(), to), end));
                }
            } else if (each.change instanceof Cut cut && to <= cut.size()) {
                rest.add(each);
            }
            pending.remove(i);
            pending.addAll(i, rest);
            fewer += 1 - rest.size();
        }
        return fewer;
    }

    private static Unforced part(Written lost, int from, int to) {
        ByteBuffer bytes = lost.bytes().slice(from - lost.position(), to - from);
        return new Unforced(new Written(lost.file(), from, bytes), null, true);
    }

    private static boolean isOf(StorageChange change, int file) {
        return (change instanceof Written written && written.file() == file)
                || (change instanceof Cut cut && cut.file() == file);
    }

    /**
     * The disk with some of the changes.
     *
     * @param kept which of the changes are there, by their place
     * @param torn the place of a write of which only a part is there; -1: none
     * @param tornBytes how many bytes of it
     * @param lengthKept whether the file has the length it would have with all of the write, and zeros at the end
     * @param zeros how many zeros are behind the last change of a file's bytes
     */
    DiskImage image(IntPredicate kept, int torn, int tornBytes, boolean lengthKept, int zeros) {
        Map<Name, Integer> namesThere = names;
        Map<Integer, Content> changed = new HashMap<>();
        for (int i = 0; i < pending.size(); i++) {
            if (!kept.test(i) && i != torn) {
                continue;
            }
            StorageChange change = pending.get(i).change;
            NameChange nameChange = pending.get(i).names;
            int file = change instanceof Written written ? written.file() : change instanceof Cut cut ? cut.file() : -1;
            if (nameChange != null) {
                namesThere = namesThere == names ? new HashMap<>(names) : namesThere;
                nameChange.apply(namesThere);
                continue;
            }
            Content content =
                    changed.computeIfAbsent(file, number -> new Content(contents.getOrDefault(number, NO_BYTES)));
            if (i == torn && change instanceof Written written) {
                content.apply(
                        new Written(file, written.position(), written.bytes().slice(0, tornBytes)));
                if (lengthKept) {
                    content.growTo(written.position() + written.bytes().remaining());
                }
            } else {
                content.apply(change);
            }
            if (zeros > 0 && i == pending.size() - 1) {
                content.growTo(content.size + zeros);
            }
        }
        return image(namesThere, changed);
    }

    private DiskImage image(Map<Name, Integer> namesThere, Map<Integer, Content> changed) {
        Map<Integer, Name> nameOfDirectory = new HashMap<>();
        namesThere.forEach((name, file) -> {
            if (directories.contains(file)) {
                nameOfDirectory.put(file, name);
            }
        });
        Map<Integer, @Nullable Path> paths = new HashMap<>();
        paths.put(ROOT, Path.of("/"));
        Set<Path> directoriesThere = new HashSet<>();
        Map<Path, byte[]> files = new HashMap<>();
        namesThere.forEach((name, file) -> {
            Path parent = pathOf(name.directory, nameOfDirectory, paths);
            if (parent == null) {
                return;
            }
            Path path = parent.resolve(name.last);
            if (directories.contains(file)) {
                directoriesThere.add(path);
            } else {
                Content content = changed.get(file);
                files.put(path, content == null ? contents.getOrDefault(file, NO_BYTES) : content.bytes());
            }
        });
        return new DiskImage(directoriesThere, files);
    }

    /** Null where no name leads to the directory. */
    private static @Nullable Path pathOf(
            int directory, Map<Integer, Name> nameOfDirectory, Map<Integer, @Nullable Path> known) {
        Path path = known.get(directory);
        Name name = nameOfDirectory.get(directory);
        if (path == null && name != null) {
            Path parent = pathOf(name.directory, nameOfDirectory, known);
            path = parent == null ? null : parent.resolve(name.last);
            known.put(directory, path);
        }
        return path;
    }

    /** Bytes that change. */
    private static final class Content {

        private byte[] bytes;
        private int size;
        private boolean shared = true;

        Content(byte[] bytes) {
            this.bytes = bytes;
            this.size = bytes.length;
        }

        void apply(StorageChange change) {
            if (change instanceof Cut cut) {
                size = Math.min(size, cut.size());
            } else if (change instanceof Written written) {
                int end = written.position() + written.bytes().remaining();
                growTo(Math.max(written.position(), 0));
                own(Math.max(size, end));
                written.bytes()
                        .get(0, bytes, written.position(), written.bytes().remaining());
                size = Math.max(size, end);
            }
        }

        void growTo(int newSize) {
            if (newSize > size) {
                own(newSize);
                Arrays.fill(bytes, size, newSize, (byte) 0);
                size = newSize;
            }
        }

        private void own(int capacity) {
            if (shared || capacity > bytes.length) {
                bytes = Arrays.copyOf(bytes, Math.max(capacity, size));
                shared = false;
            }
        }

        byte[] bytes() {
            if (bytes.length != size) {
                bytes = Arrays.copyOf(bytes, size);
            }
            return bytes;
        }
    }
}
