package io.reactivemq.test.embedded;

import io.reactivemq.Durability;
import io.reactivemq.MqRuntime;
import io.reactivemq.broker.Broker;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.test.contract.EngineFixture;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/** The embedded broker in memory or on a directory of its own; subclasses say in which time it runs. */
abstract class EmbeddedFixture implements EngineFixture {

    /** Where the records live. */
    enum Place {
        MEMORY,
        FILES_FSYNC,
        FILES_OS_BUFFERED
    }

    private static final long MEMORY_BYTES = 256L << 20;
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(20);

    private final Place place;
    private final MqRuntime runtime;
    private final Duration sessionTimeout;
    /** Seldom: a test that waits in virtual time may count what happens meanwhile. */
    private static final Duration COMPACTION_INTERVAL = Duration.ofMinutes(5);

    private final Duration heartbeatInterval;
    private final Duration retentionCheckInterval;

    private @Nullable Path directory;
    private @Nullable Broker broker;

    EmbeddedFixture(
            Place place,
            MqRuntime runtime,
            Duration sessionTimeout,
            Duration heartbeatInterval,
            Duration retentionCheckInterval) {
        this.place = place;
        this.runtime = runtime;
        this.sessionTimeout = sessionTimeout;
        this.heartbeatInterval = heartbeatInterval;
        this.retentionCheckInterval = retentionCheckInterval;
    }

    @Override
    public Broker open() {
        Broker opened = switch (place) {
            case MEMORY ->
                EmbeddedBroker.inMemory(
                        MEMORY_BYTES,
                        o -> o.runtime(runtime)
                                .retentionCheckInterval(retentionCheckInterval)
                                .compactionInterval(COMPACTION_INTERVAL)
                                .groupSessionTimeout(sessionTimeout)
                                .groupHeartbeatInterval(heartbeatInterval));
            case FILES_FSYNC -> openFiles(Durability.FSYNC);
            case FILES_OS_BUFFERED -> openFiles(Durability.OS_BUFFERED);
        };
        broker = opened;
        return opened;
    }

    private Broker openFiles(Durability durability) {
        return this.<EmbeddedBroker>await(EmbeddedBroker.open(
                directory(),
                o -> o.runtime(runtime)
                        .durability(durability)
                        .retentionCheckInterval(retentionCheckInterval)
                        .compactionInterval(COMPACTION_INTERVAL)
                        .groupSessionTimeout(sessionTimeout)
                        .groupHeartbeatInterval(heartbeatInterval)));
    }

    /** Where the files are. */
    Path directory() {
        Path made = directory;
        if (made == null) {
            try {
                made = Files.createTempDirectory("reactive-mq-contract");
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            directory = made;
        }
        return made;
    }

    @Override
    public Broker reopen() {
        if (!isDurable()) {
            throw new UnsupportedOperationException("a broker in memory forgets");
        }
        closeBroker();
        return open();
    }

    void closeBroker() {
        Broker open = broker;
        broker = null;
        if (open != null) {
            await(open.closeGracefully(CLOSE_TIMEOUT));
        }
    }

    @Override
    public boolean isDurable() {
        return place != Place.MEMORY;
    }

    @Override
    @NullUnmarked
    public abstract <T> T await(Mono<T> mono);

    @Override
    public Duration groupSessionTimeout() {
        return sessionTimeout;
    }

    @Override
    public Duration compactionInterval() {
        return COMPACTION_INTERVAL;
    }

    @Override
    public Duration retentionCheckInterval() {
        return retentionCheckInterval;
    }

    @Override
    public void close() {
        try {
            closeBroker();
        } finally {
            Path made = directory;
            if (made != null) {
                deleteRecursively(made);
            }
        }
    }

    static void deleteRecursively(Path directory) {
        try (Stream<Path> found = Files.walk(directory)) {
            List<Path> deepestFirst = found.sorted(Comparator.reverseOrder()).toList();
            for (Path path : deepestFirst) {
                Files.delete(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
