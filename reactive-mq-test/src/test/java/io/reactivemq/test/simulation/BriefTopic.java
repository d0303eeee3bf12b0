package io.reactivemq.test.simulation;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderRecord;
import java.time.Duration;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;

/**
 * A topic that is deleted and made anew while a group reads it. What was sent to the one that is there now, and acknowledged, the group has to get, from the
 * first record on, whatever it had read and committed of the one before.
 */
final class BriefTopic {

    static final String NAME = "brief";
    static final int PARTITIONS = 2;

    private static final Caller CALLER = Caller.embedded("world");

    private final World world;

    /** Its own, so that a world without such a topic is what it was. */
    private final Random random;

    /** Rises when the topic goes, and is part of what is sent. */
    private int generation;

    private int sent;
    private final Set<String> owed = new TreeSet<>();
    private final Set<String> seen = new HashSet<>();
    private Link link;
    private Disposable sending = Disposables.disposed();

    BriefTopic(World world, long seed) {
        this.world = world;
        this.random = new Random(seed);
        this.link = world.link(null, producer -> {});
    }

    /** Whether it is of another topic, whose offsets mean the same through all of the history. */
    static boolean isLasting(TopicPartition partition) {
        return !partition.topic().equals(NAME);
    }

    void create() {
        world.runtime.await(world.host().broker().createTopic(CALLER, NewTopic.of(NAME, PARTITIONS)));
    }

    /** Perhaps something is sent, perhaps it is deleted and made anew. */
    void step() {
        int dice = random.nextInt(10);
        if (dice < 5) {
            send(1 + random.nextInt(12));
        } else if (dice < 7) {
            remake();
        }
    }

    private void remake() {
        generation++;
        owed.clear();
        world.runtime.await(world.host().broker().deleteTopic(CALLER, NAME).thenReturn(true));
        world.note(NAME, "is deleted");
        if (random.nextBoolean()) {
            world.runtime.advance(Duration.ofMillis(random.nextInt(random.nextBoolean() ? 50 : 3_000)));
        }
        create();
        world.note(NAME, "is made anew: " + generation);
    }

    private void send(int count) {
        if (!sending.isDisposed()) {
            return;
        }
        Sender<String, String> sender = Sender.on(link, Writer.options(random.nextBoolean()));
        sending = sender.send(Flux.range(0, count).map(i -> next()))
                .subscribe(
                        result -> acknowledged(String.valueOf(result.record().value())),
                        failure -> world.note(NAME, "a send gives up: " + failure.getMessage()));
    }

    private SenderRecord<String, String> next() {
        return SenderRecord.of(NAME, "k" + sent % 5, generation + ":" + sent++);
    }

    private void acknowledged(String value) {
        // one that was on its way while the topic went may be of either
        if (value.startsWith(generation + ":") && !seen.contains(value)) {
            owed.add(value);
        }
    }

    /** How long a record of it is worked at, in ms. */
    long workMs() {
        return random.nextInt(200);
    }

    void polled(String value) {
        seen.add(value);
        owed.remove(value);
    }

    void crash() {
        link.cut();
        sending.dispose();
        link = world.link(null, producer -> {});
    }

    boolean isIdle() {
        return sending.isDisposed();
    }

    /** What was acknowledged and nobody has got. */
    Set<String> owed() {
        return owed;
    }
}
