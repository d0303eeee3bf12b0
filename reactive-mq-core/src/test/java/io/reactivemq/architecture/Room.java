package io.reactivemq.architecture;

import com.tngtech.archunit.core.domain.JavaClass;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The rooms of the core, from the ground up, and which rooms each may import. A constant can name only those before it, so
 * this table cannot hold a cycle. A package without a constant fails the build: decide where it stands first.
 */
enum Room {
    /** The root package itself. */
    VOCABULARY(Door.PUBLIC),
    METRICS(Door.PUBLIC, VOCABULARY),
    ASSIGN(Door.PUBLIC, VOCABULARY),
    STORAGE(Door.INTERNAL, VOCABULARY),
    /** A room within a room: the files of a spill. */
    OPERATOR_SPILL(Door.INTERNAL, VOCABULARY, STORAGE),
    OPERATOR(Door.PUBLIC, VOCABULARY, METRICS, ASSIGN, STORAGE, OPERATOR_SPILL),
    RECORD(Door.INTERNAL, VOCABULARY),
    BROKER(Door.PUBLIC, VOCABULARY),

    // what runs it
    LOG(Door.INTERNAL, VOCABULARY, METRICS, STORAGE, RECORD),
    TOPIC(Door.INTERNAL, VOCABULARY, METRICS, STORAGE, RECORD, BROKER, LOG),
    COORDINATOR(Door.INTERNAL, VOCABULARY, METRICS, STORAGE, RECORD, BROKER, LOG, TOPIC),
    METADATA(Door.INTERNAL, VOCABULARY, METRICS, STORAGE, RECORD, BROKER, LOG, TOPIC, COORDINATOR),
    GROUP(Door.INTERNAL, VOCABULARY, METRICS, ASSIGN, STORAGE, RECORD, BROKER, LOG, TOPIC, COORDINATOR),
    TRANSACTION(Door.INTERNAL, VOCABULARY, METRICS, STORAGE, RECORD, BROKER, LOG, TOPIC, COORDINATOR),
    ENGINE(
            Door.PUBLIC,
            VOCABULARY,
            METRICS,
            ASSIGN,
            STORAGE,
            RECORD,
            BROKER,
            LOG,
            TOPIC,
            COORDINATOR,
            METADATA,
            GROUP,
            TRANSACTION),

    // what users compose
    PRODUCE(Door.PUBLIC, VOCABULARY, METRICS, ASSIGN, OPERATOR, RECORD, BROKER),
    CONSUME(Door.PUBLIC, VOCABULARY, METRICS, ASSIGN, OPERATOR, RECORD, BROKER, PRODUCE),
    QUEUE(Door.PUBLIC, VOCABULARY, BROKER, PRODUCE, CONSUME);

    /** Whether a room's public types are API, or public only because Java has nothing between package and world. */
    enum Door {
        PUBLIC,
        INTERNAL
    }

    private final Door door;

    @SuppressWarnings("ImmutableEnumChecker") // Set.of cannot be changed, but the checker knows the declared type only
    private final Set<Room> below;

    Room(Door door, Room... below) {
        this.door = door;
        this.below = Set.of(below);
    }

    /** The room a class lives in, where the root package is {@code root}; empty for one that has no row here. */
    static Optional<Room> of(JavaClass type, String root) {
        String name = type.getPackageName().substring(root.length());
        String path = name.isEmpty() ? "vocabulary" : name.substring(1);
        return Stream.of(values())
                .filter(room -> path.equals(room.path()) || path.startsWith(room.path() + "."))
                .max(Comparator.comparingInt(room -> room.path().length()));
    }

    /** Below the root package. */
    private String path() {
        return name().toLowerCase(Locale.ROOT).replace('_', '.');
    }

    boolean mayImport(Room other) {
        return other == this || below.contains(other);
    }

    boolean isPublic() {
        return door == Door.PUBLIC;
    }
}
