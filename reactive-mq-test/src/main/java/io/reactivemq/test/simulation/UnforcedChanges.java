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
import java.util.Set;
import java.util.function.IntPredicate;

/**
 * What is safe on a disk and what is not: takes in the changes of a store one by one and keeps those that no force has made safe.
 *
 * <p>The model: a force of a file keeps its bytes and its length, not its name; a force of a directory keeps the names in it. A rename is
 * atomic. What a failed force was for is never made safe by a later one; only what is written again in its place is.
 */
final class UnforcedChanges {

    private static final byte[] NO_BYTES = {};

    private final Map<Path, Integer> names = new HashMap<>();
    private final Map<Integer, byte[]> contents = new HashMap<>();
    private final Set<Integer> directories = new HashSet<>();
    private final List<Unforced> pending = new ArrayList<>();

    UnforcedChanges(RecordingStore store) {
        int number = -1;
        for (Path directory : store.base().directories()) {
            names.put(directory, number);
            directories.add(number--);
        }
        store.baseFiles().forEach((path, file) -> {
            names.put(path, file);
            contents.put(file, store.base().files().getOrDefault(path, NO_BYTES));
        });
    }

    /** A change that a crash may take; {@code lost}: a force that was to make it safe has failed. */
    private record Unforced(StorageChange change, boolean lost) {}

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
            pending.replaceAll(each -> isOf(each.change, failed.file()) ? new Unforced(each.change, true) : each);
        } else if (change instanceof ForcedDirectory forced) {
            pending.removeIf(each -> {
                if (!isIn(each.change, forced.directory())) {
                    return false;
                }
                rename(each.change, names);
                return true;
            });
        } else {
            if (change instanceof Made made && made.directory()) {
                directories.add(made.file());
            }
            pending.add(new Unforced(change, false));
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
        return new Unforced(new Written(lost.file(), from, bytes), true);
    }

    private static boolean isOf(StorageChange change, int file) {
        return (change instanceof Written written && written.file() == file)
                || (change instanceof Cut cut && cut.file() == file);
    }

    private static boolean isIn(StorageChange change, Path directory) {
        if (change instanceof Made made) {
            return directory.equals(made.path().getParent());
        }
        if (change instanceof Renamed renamed) {
            return directory.equals(renamed.to().getParent());
        }
        return change instanceof Deleted deleted
                && directory.equals(deleted.path().getParent());
    }

    private static void rename(StorageChange change, Map<Path, Integer> names) {
        if (change instanceof Made made) {
            names.put(made.path(), made.file());
        } else if (change instanceof Renamed renamed) {
            Integer file = names.remove(renamed.from());
            if (file != null) {
                names.put(renamed.to(), file);
            }
        } else if (change instanceof Deleted deleted) {
            names.remove(deleted.path());
        }
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
        Map<Path, Integer> namesThere = names;
        Map<Integer, Content> changed = new HashMap<>();
        for (int i = 0; i < pending.size(); i++) {
            if (!kept.test(i) && i != torn) {
                continue;
            }
            StorageChange change = pending.get(i).change;
            int file = change instanceof Written written ? written.file() : change instanceof Cut cut ? cut.file() : -1;
            if (file < 0) {
                namesThere = namesThere == names ? new HashMap<>(names) : namesThere;
                rename(change, namesThere);
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

    private DiskImage image(Map<Path, Integer> namesThere, Map<Integer, Content> changed) {
        Set<Path> directoriesThere = new HashSet<>();
        Map<Path, byte[]> files = new HashMap<>();
        namesThere.forEach((path, file) -> {
            if (!isReachable(path, namesThere)) {
                return;
            }
            if (directories.contains(file)) {
                directoriesThere.add(path);
            } else {
                Content content = changed.get(file);
                files.put(path, content == null ? contents.getOrDefault(file, NO_BYTES) : content.bytes());
            }
        });
        return new DiskImage(directoriesThere, files);
    }

    private static boolean isReachable(Path path, Map<Path, Integer> namesThere) {
        Path parent = FileStore.parentOf(path);
        return parent.getParent() == null || (namesThere.containsKey(parent) && isReachable(parent, namesThere));
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
