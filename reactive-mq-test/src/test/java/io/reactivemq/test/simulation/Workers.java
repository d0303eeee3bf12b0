package io.reactivemq.test.simulation;

import io.reactivemq.Serdes;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.consume.ProcessOptions;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.consume.RetryPolicy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;

/**
 * A group whose members process what is in a topic with a handler that fails: at some records at first, at some always. Every record is worked off by one
 * of them or is among the dead letters in the end, however often they and the broker are killed.
 */
final class Workers {

    static final String GROUP = "workers";
    static final String TOPIC = "in";
    static final String DEAD_LETTERS = TOPIC + ".dlq";

    private static final int RUNNING_MAX = 2;

    /** Of so many records one fails always, and one at first. */
    private static final int KINDS = 7;

    private final World world;

    /** Its own, so that a world without such a group is what it was. */
    private final Random random;

    private final RetryPolicy retry;
    private final boolean keyOrdered;
    private final List<Worker> workers = new ArrayList<>();
    private final Set<String> tried = new HashSet<>();
    private final Set<String> done = new HashSet<>();
    private int named;

    Workers(World world, long seed) {
        this.world = world;
        this.random = new Random(seed);
        this.retry = policy(random.nextInt(3));
        this.keyOrdered = random.nextBoolean();
    }

    private static RetryPolicy policy(int kind) {
        return switch (kind) {
            case 0 -> RetryPolicy.immediately(1);
            case 1 -> RetryPolicy.backoff(2, Duration.ofMillis(40));
            default -> RetryPolicy.immediately(1).thenAfter(Duration.ofMillis(300), Duration.ofSeconds(2));
        };
    }

    /** Whether that topic is where records of theirs wait for another attempt. */
    static boolean isRetryTopic(String topic) {
        return topic.startsWith(TOPIC + "." + GROUP + ".");
    }

    /** Perhaps one joins, perhaps one goes. */
    void step() {
        workers.removeIf(worker -> !worker.isRunning());
        int dice = random.nextInt(10);
        if (workers.size() < RUNNING_MAX && dice < 6) {
            join();
        } else if (!workers.isEmpty() && dice >= 8) {
            Worker worker = workers.get(random.nextInt(workers.size()));
            if (world.isEmbedded() || random.nextBoolean()) {
                worker.leave();
            } else {
                worker.crash();
            }
        }
    }

    void join() {
        Worker worker = new Worker("worker-" + named++);
        workers.add(worker);
        world.note(worker.name, "joins");
        worker.start();
    }

    /** Somebody is there, to the end. */
    void ensureOne() {
        workers.removeIf(worker -> !worker.isRunning());
        if (workers.isEmpty()) {
            join();
        }
    }

    void crash() {
        workers.forEach(Worker::crash);
    }

    void leave() {
        workers.forEach(Worker::leave);
    }

    /** Those that nobody has worked off, and that are no dead letters. */
    Set<String> owed(Collection<String> values, Collection<String> deadLetters) {
        Set<String> owed = new TreeSet<>(values);
        owed.removeAll(done);
        owed.removeAll(deadLetters);
        return owed;
    }

    /** Of these, those that a handler would have worked off: they are no dead letters. */
    static Set<String> withoutReason(Collection<String> deadLetters) {
        Set<String> wrong = new TreeSet<>(deadLetters);
        wrong.removeIf(Workers::failsAlways);
        return wrong;
    }

    private static boolean failsAlways(String value) {
        return Math.floorMod(value.hashCode(), KINDS) == 0;
    }

    private Mono<Void> handle(ReceiverRecord<String, String> record) {
        String value = String.valueOf(record.value());
        Duration time = Duration.ofMillis(random.nextInt(90));
        return Mono.delay(time, world.runtime.timers()).flatMap(after -> {
            if (failsAlways(value)) {
                return failure("always");
            }
            if (Math.floorMod(value.hashCode(), KINDS) == 1 && tried.add(value)) {
                return failure("at first");
            }
            done.add(value);
            return Mono.empty();
        });
    }

    private static <T> Mono<T> failure(String when) {
        // not Mono.error, which would count as the operator's own
        return Mono.create(sink -> sink.error(new IllegalStateException("it fails " + when)));
    }

    private final class Worker {

        final String name;
        private final Link link;
        private @Nullable Disposable processing;

        Worker(String name) {
            this.name = name;
            this.link = world.link(null, producer -> {});
        }

        void start() {
            Receiver<String, String> receiver = Receiver.on(
                    link,
                    ReceiverOptions.of(
                            Serdes.string(),
                            Serdes.string(),
                            o -> o.group(GROUP)
                                    .topics(TOPIC)
                                    .clientId(name)
                                    .isolation(IsolationLevel.READ_COMMITTED)
                                    .commitInterval(Duration.ofMillis(100))
                                    .requestTimeout(Duration.ofSeconds(3))));
            processing = receiver.process(Workers.this::handle, this::configure)
                    .subscribe(outcome -> {}, failure -> world.note(name, "ends: " + failure));
        }

        private void configure(ProcessOptions.Builder options) {
            options.concurrency(4).retry(retry).deadLetter(DEAD_LETTERS);
            if (keyOrdered) {
                options.keyOrdered();
            }
        }

        boolean isRunning() {
            Disposable now = processing;
            return now != null && !now.isDisposed();
        }

        void leave() {
            end("leaves");
        }

        void crash() {
            link.cut();
            end("crashes");
        }

        private void end(String how) {
            Disposable now = processing;
            if (now != null && !now.isDisposed()) {
                world.note(name, how);
                now.dispose();
            }
        }
    }
}
