package io.reactivemq.test.simulation;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.broker.Broker;
import io.reactivemq.engine.BrokerOptions;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.engine.StoredBroker;
import io.reactivemq.test.SimulatedRuntime;
import io.reactivemq.test.simulation.StorageFaults.Fault;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * The machine that the broker runs on: opens it, kills it, takes its power away, and gives clients one address that stays the same. What was
 * asked of a broker that is killed ends as a lost connection does; so does what is asked while there is none.
 */
final class BrokerHost {

    private static final Duration SESSION_TIMEOUT = Duration.ofSeconds(6);

    /** A state that a crash may leave is refused where bytes are missing before others that count; then another is taken. */
    private static final int REFUSALS_MAX = 20;

    private final SimulatedRuntime runtime;
    private final Random random;
    private final Mistake mistake;
    private final boolean inMemory;
    private final Broker address;

    private RecordingStore store = new RecordingStore(DiskImage.empty());
    private @Nullable EmbeddedBroker broker;
    private @Nullable Broker served;
    private Sinks.Empty<Void> killed = Sinks.empty();

    int kills;
    int powerLosses;
    int refusals;

    BrokerHost(SimulatedRuntime runtime, Random random, Mistake mistake, boolean inMemory) {
        this.runtime = runtime;
        this.random = random;
        this.mistake = mistake;
        this.inMemory = inMemory;
        this.address = (Broker)
                Proxy.newProxyInstance(Broker.class.getClassLoader(), new Class<?>[] {Broker.class}, new Address());
    }

    boolean isDurable() {
        return !inMemory;
    }

    boolean isUp() {
        return broker != null;
    }

    /** What clients connect to. */
    Broker address() {
        return address;
    }

    /** The broker itself, past its mistakes. */
    EmbeddedBroker broker() {
        EmbeddedBroker now = broker;
        if (now == null) {
            throw new IllegalStateException("the broker is down");
        }
        return now;
    }

    void open() {
        EmbeddedBroker opened = inMemory
                ? EmbeddedBroker.inMemory(64 << 20, this::configure)
                : runtime.<EmbeddedBroker>await(StoredBroker.open(mistake.under(store), this::configure));
        broker = opened;
        served = mistake.around(opened);
        killed = Sinks.empty();
    }

    private void configure(BrokerOptions options) {
        options.runtime(runtime)
                .groupSessionTimeout(SESSION_TIMEOUT)
                .transactionCheckInterval(Duration.ofMillis(500))
                .retentionCheckInterval(Duration.ofMinutes(30))
                .compactionInterval(Duration.ofSeconds(20));
        mistake.configure(options);
    }

    /** Calls of the store fail from now on where these say so. */
    void failWith(StorageFaults faults) {
        store.failWith(faults);
    }

    /** A fault of the next force: the log that it hits is closed until the broker opens again. */
    static StorageFaults failingForces(Random random) {
        int[] left = {1 + random.nextInt(2)};
        return (operation, path) -> operation == io.reactivemq.storage.StorageException.Operation.FORCE && left[0]-- > 0
                ? new Fault(StorageFaults.Errno.EIO, 0)
                : null;
    }

    /** A disk that is full for a few writes. */
    static StorageFaults fullDisk(Random random) {
        int[] left = {1 + random.nextInt(6)};
        return (operation, path) -> operation == io.reactivemq.storage.StorageException.Operation.WRITE && left[0]-- > 0
                ? new Fault(StorageFaults.Errno.ENOSPC, random.nextInt(40))
                : null;
    }

    /** The process ends at once. The disk has all that was written. */
    void kill() {
        kills++;
        stop();
        store = new RecordingStore(mistake.left(store.now()));
    }

    /** The power goes. The disk has what was forced, and of the rest what chance left. */
    String losePower() {
        powerLosses++;
        stop();
        RecordingStore dead = store;
        for (int attempt = 0; ; attempt++) {
            CrashState state = attempt < REFUSALS_MAX ? chooseState(dead) : null;
            DiskImage image = state == null ? dead.now() : state.image();
            if (opens(image)) {
                store = new RecordingStore(mistake.left(image));
                return state == null ? "everything" : state.kind() + ", " + state.what();
            }
            if (state == null) {
                throw new World.Broken("a broker does not open with all that was written before the power went");
            }
            refusals++;
        }
    }

    private CrashState chooseState(RecordingStore dead) {
        CrashState[] chosen = new CrashState[1];
        int[] count = {0};
        new CrashStates(dead, random, 24).forEach(dead.changeCount() - 1, state -> {
            if (random.nextInt(++count[0]) == 0) {
                chosen[0] = state;
            }
        });
        return chosen[0];
    }

    /** Whether a broker comes up with that, and all partitions. */
    private boolean opens(DiskImage image) {
        SimulatedRuntime other = SimulatedRuntime.inOrder();
        try {
            EmbeddedBroker probe = other.await(StoredBroker.open(new RecordingStore(image), o -> o.runtime(other)));
            boolean isWhole = other.await(probe.listTopics()).stream()
                    .allMatch(topic -> topic.offline().isEmpty());
            other.await(probe.closeGracefully(Duration.ofSeconds(1)));
            return isWhole;
        } catch (MqException refused) {
            return false;
        }
    }

    private void stop() {
        EmbeddedBroker dying = broker();
        broker = null;
        served = null;
        killed.tryEmitError(new MqException(ErrorCode.REQUEST_TIMED_OUT, "the connection to the broker was lost"));
        // what it still does, it does to a disk that nobody looks at any more
        dying.closeGracefully(Duration.ofMillis(1)).subscribe(done -> {}, failure -> {});
    }

    void close() {
        EmbeddedBroker now = broker;
        if (now != null) {
            runtime.await(now.closeGracefully(Duration.ofSeconds(5)));
        }
    }

    /** Finds the broker of the moment for each request. */
    private final class Address implements InvocationHandler {

        @Override
        public @Nullable Object invoke(Object proxy, Method method, @Nullable Object @Nullable [] arguments)
                throws Throwable {
            if (method.getReturnType() == MqRuntime.class) {
                return runtime;
            }
            if (method.getDeclaringClass() == Object.class) {
                return method.invoke(this, arguments);
            }
            if (method.isDefault()) {
                return InvocationHandler.invokeDefault(proxy, method, arguments);
            }
            return Mono.defer(() -> {
                Broker now = served;
                return now == null
                        ? Mono.create(sink -> sink.error(
                                new MqException(ErrorCode.REQUEST_TIMED_OUT, "there is no broker to connect to")))
                        : request(now, method, arguments).takeUntilOther(killed.asMono());
            });
        }

        private static Mono<?> request(Broker broker, Method method, @Nullable Object @Nullable [] arguments) {
            try {
                return (Mono<?>) method.invoke(broker, arguments);
            } catch (InvocationTargetException | IllegalAccessException e) {
                throw new LinkageError(method + " can not be called", e);
            }
        }
    }
}
