package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.Serde;
import io.reactivemq.Serdes;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.storage.FaultyFileStore;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.Folders;
import io.reactivemq.storage.StorageException.Operation;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

@DisplayName("Spilling to disk:")
class SpillTest {

    private static final Path DIRECTORY = SpillFixture.DIRECTORY;

    private final ManualRuntime runtime = new ManualRuntime();
    private final FileStore disk = FileStore.memory();
    private final FaultyFileStore store = new FaultyFileStore(disk);
    private final ManualSource source = new ManualSource();
    private final RecordingConsumer consumer = new RecordingConsumer();
    private final List<Integer> dropped = new ArrayList<>();

    private Function<Flux<Integer>, Flux<Integer>> spill(int capacity, Consumer<SpillOptions<Integer>> options) {
        return spill(SpillFixture.NUMBERS, capacity, options);
    }

    private Function<Flux<Integer>, Flux<Integer>> spill(
            Serde<Integer> serde, int capacity, Consumer<SpillOptions<Integer>> options) {
        return Overflow.spillToDisk(DIRECTORY, serde, capacity, o -> {
            o.store(store)
                    .runtime(runtime)
                    .segmentBytes(SpillFixture.SEGMENT_BYTES)
                    .onDropped(dropped::add);
            options.accept(o);
        });
    }

    private void connect(int capacity, Consumer<SpillOptions<Integer>> options) {
        source.transform(spill(capacity, options)).subscribe(consumer);
        runtime.run();
    }

    private void send(int from, int to) {
        IntStream.rangeClosed(from, to).forEach(source::next);
        runtime.run();
    }

    /** As many as it is asked for, up to there; the last one sent. */
    private int sendWhileAsked(int from, int to) {
        int next = from;
        while (next <= to && next <= source.requested.get()) {
            source.next(next++);
            runtime.run();
        }
        return next - 1;
    }

    private void request(long n) {
        consumer.request(n);
        runtime.run();
    }

    private List<Path> spillFiles() {
        return disk.list(DIRECTORY).stream()
                .filter(path -> path.toString().endsWith(".spill"))
                .toList();
    }

    private long bytesInFiles() {
        return spillFiles().stream().mapToLong(disk::size).sum();
    }

    private static List<Integer> range(int from, int to) {
        return IntStream.rangeClosed(from, to).boxed().toList();
    }

    @ParameterizedTest(name = "capacity {0}")
    @ValueSource(ints = {1, 2, 3, 5, 8, 50})
    @DisplayName("M11 memory first, then files; out in the order they came in; files go as they are consumed:")
    void order(int capacity) {
        connect(capacity, o -> {});
        send(1, capacity);
        assertThat(spillFiles()).as("all is in memory").isEmpty();
        send(capacity + 1, 200);
        int files = spillFiles().size();
        assertThat(files).isGreaterThan(2);
        request(100);
        assertThat(consumer.received).isEqualTo(range(1, 100));
        assertThat(spillFiles()).hasSizeLessThan(files);
        send(201, 230);
        request(130);
        assertThat(consumer.received).isEqualTo(range(1, 230));
        assertThat(spillFiles()).isEmpty();
        assertThat(source.requested.get()).as("asked for more all the time").isGreaterThan(230);
        // in memory again
        request(10);
        send(231, 235);
        assertThat(consumer.received).isEqualTo(range(1, 235));
        send(236, 300);
        source.complete();
        runtime.run();
        assertThat(consumer.completions).hasValue(0);
        request(1000);
        assertThat(consumer.received).isEqualTo(range(1, 300));
        assertThat(consumer.completions).hasValue(1);
        assertThat(consumer.discarded).isEmpty();
        assertThat(consumer.breaches).isEmpty();
        assertThat(spillFiles()).isEmpty();
        assertThat(runtime.openWorkers()).isZero();
    }

    @Test
    @DisplayName("while the consumer keeps up, elements pass on the source's thread and no file is made")
    void passesInMemory() {
        connect(4, o -> {});
        consumer.request(Long.MAX_VALUE);
        for (int i = 1; i <= 100; i++) {
            source.next(i);
            assertThat(consumer.received).hasSize(i);
        }
        assertThat(spillFiles()).isEmpty();
    }

    @Test
    @DisplayName("M11 at its limit, block withholds demand until files are consumed; nothing is lost")
    void blockAtLimit() {
        connect(4, o -> o.maxBytes(4096).bufferBytes(256));
        int sent = sendWhileAsked(1, 10_000);
        assertThat(sent).isLessThan(1000);
        assertThat(bytesInFiles()).isBetween(3000L, 4096L);
        for (int i = 0; i < 50; i++) {
            request(20);
            sent = sendWhileAsked(sent + 1, 10_000);
            assertThat(bytesInFiles()).isLessThanOrEqualTo(4096);
        }
        assertThat(consumer.received).isEqualTo(range(1, 1000));
        source.complete();
        request(Long.MAX_VALUE);
        assertThat(consumer.received).isEqualTo(range(1, sent));
        assertThat(consumer.completions).hasValue(1);
        assertThat(dropped).isEmpty();
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the overflow is reported as Reactor reports its own")
    @DisplayName("M11 at its limit, error fails behind all that was taken")
    void errorAtLimit() {
        connect(
                4,
                o -> o.maxBytes(4096)
                        .bufferBytes(256)
                        .whenFull(OverflowStrategy.ERROR)
                        .name("orders"));
        assertThat(source.requested).hasValue(Long.MAX_VALUE);
        int sent = 0;
        while (!source.cancelled) {
            send(sent + 1, sent + 1);
            sent++;
        }
        source.next(sent + 1);
        request(Long.MAX_VALUE);
        assertThat(consumer.error())
                .matches(Exceptions::isOverflow)
                .hasMessageContainingAll("the spill 'orders' in " + DIRECTORY, "is full", "of 4096 bytes");
        assertThat(consumer.received).isEqualTo(range(1, sent));
        assertThat(consumer.discarded).containsExactly(sent + 1);
        assertThat(spillFiles()).isEmpty();
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the overflow is reported as Reactor reports its own")
    @DisplayName("M11 error: a source that is faster than the disk overflows what waits to be written")
    void errorBeforeTheDisk() {
        connect(4, o -> o.bufferBytes(256).whenFull(OverflowStrategy.ERROR));
        IntStream.rangeClosed(1, 100).forEach(source::next);
        assertThat(source.cancelled).isTrue();
        request(Long.MAX_VALUE);
        assertThat(consumer.error())
                .matches(Exceptions::isOverflow)
                .hasMessageContaining("the disk is slower than the source");
        int taken = consumer.received.size();
        assertThat(consumer.received).isEqualTo(range(1, taken));
        assertThat(dropped).containsExactly(taken + 1);
        assertThat(consumer.discarded).isEqualTo(range(taken + 1, 100));
    }

    @Test
    @DisplayName("M11 at its limit, drop-oldest lets the oldest file go, and tells of each element")
    void dropOldestAtLimit() {
        connect(4, o -> o.maxBytes(4096).whenFull(OverflowStrategy.DROP_OLDEST));
        for (int i = 1; i <= 1000; i++) {
            send(i, i);
            assertThat(bytesInFiles()).isLessThanOrEqualTo(4096);
        }
        assertThat(dropped).isNotEmpty().isEqualTo(range(5, dropped.size() + 4));
        assertThat(consumer.discarded).isEqualTo(dropped);
        source.complete();
        request(Long.MAX_VALUE);
        assertThat(consumer.received).hasSize(1000 - dropped.size()).startsWith(1, 2, 3, 4, dropped.size() + 5);
        assertThat(consumer.received).isSorted().endsWith(1000);
    }

    @Test
    @DisplayName("M11 drop-oldest: where the disk is slower than the source, the oldest that are not yet written go")
    void dropOldestBeforeTheDisk() {
        connect(4, o -> o.bufferBytes(1024).whenFull(OverflowStrategy.DROP_OLDEST));
        IntStream.rangeClosed(1, 1000).forEach(source::next);
        assertThat(dropped).isNotEmpty().isSorted().doesNotHaveDuplicates();
        source.complete();
        request(Long.MAX_VALUE);
        assertThat(consumer.received)
                .hasSize(1000 - dropped.size())
                .isSorted()
                .startsWith(1, 2, 3, 4)
                .endsWith(1000);
        assertThat(consumer.discarded).isEqualTo(dropped);
    }

    @Test
    @DisplayName("a cancellation deletes the files and discards what is in memory, once")
    void cancellation() {
        connect(4, o -> {});
        send(1, 200);
        request(50);
        source.next(201);
        source.next(202);
        consumer.cancel();
        runtime.run();
        assertThat(source.cancelled).isTrue();
        assertThat(spillFiles()).isEmpty();
        assertThat(consumer.received).isEqualTo(range(1, 50));
        assertThat(consumer.discarded).containsExactly(51, 52, 53, 54, 201, 202);
        source.next(203);
        assertThat(consumer.discarded).endsWith(203);
        assertThat(runtime.openWorkers()).isZero();
        assertThat(runtime.pendingTasks()).isZero();
        disk.lock(DIRECTORY).close();
    }

    @ParameterizedTest
    @EnumSource(names = {"FSYNC", "OS_BUFFERED"})
    @DisplayName("M11 recoverOnSubscribe takes up what a cancelled subscription has left, before what is new:")
    void recovery(Durability durability) {
        Consumer<SpillOptions<Integer>> keeping = o -> o.recoverOnSubscribe().durability(durability);
        connect(4, keeping);
        send(1, 200);
        request(50);
        source.next(201);
        source.next(202);
        consumer.cancel();
        runtime.run();
        assertThat(consumer.received).isEqualTo(range(1, 50));
        assertThat(consumer.discarded)
                .as("objects that are let go; their bytes stay")
                .containsExactly(51, 52, 53, 54);

        ManualSource next = new ManualSource();
        RecordingConsumer after = new RecordingConsumer();
        next.transform(spill(4, keeping)).subscribe(after);
        runtime.run();
        IntStream.rangeClosed(203, 210).forEach(next::next);
        next.complete();
        after.request(Long.MAX_VALUE);
        runtime.run();
        assertThat(after.received).isEqualTo(range(51, 210));
        assertThat(after.completions).hasValue(1);
        assertThat(disk.list(DIRECTORY)).isEmpty();
    }

    @Test
    @DisplayName("the element whose onNext cancels has been delivered and does not come again")
    void cancellationInsideOnNext() {
        connect(4, o -> o.recoverOnSubscribe());
        send(1, 100);
        consumer.onElement = element -> {
            if (element == 40) {
                consumer.cancel();
            }
        };
        request(100);
        assertThat(consumer.received).isEqualTo(range(1, 40));
        List<Integer> after = new ArrayList<>();
        Flux.<Integer>empty().transform(spill(4, o -> o.recoverOnSubscribe())).subscribe(after::add);
        runtime.run();
        assertThat(after).isEqualTo(range(41, 100));
    }

    @Test
    @DisplayName("without recoverOnSubscribe, files that somebody wants kept are refused, others are deleted")
    void leftovers() {
        connect(4, o -> o.recoverOnSubscribe());
        send(1, 100);
        Map<String, byte[]> kept = Folders.read(disk, DIRECTORY);
        consumer.cancel();
        runtime.run();
        StepVerifier.create(Flux.<Integer>empty().transform(spill(4, o -> {})), 1)
                .then(runtime::run)
                .verifyErrorSatisfies(e -> assertThat(e)
                        .isInstanceOf(MqException.class)
                        .hasMessageContainingAll(DIRECTORY.toString(), "recoverOnSubscribe"));
        assertThat(Folders.read(disk, DIRECTORY).keySet()).containsAll(kept.keySet());

        disk.deleteRecursively(DIRECTORY);
        ManualSource other = new ManualSource();
        other.transform(spill(4, o -> {})).subscribe(new RecordingConsumer());
        runtime.run();
        IntStream.rangeClosed(1, 100).forEach(other::next);
        runtime.run();
        Map<String, byte[]> left = Folders.read(disk, DIRECTORY);
        assertThat(left).isNotEmpty();
        FileStore after = FileStore.memory();
        Folders.write(after, DIRECTORY, left);
        List<Integer> received = new ArrayList<>();
        Flux.just(1).transform(spill(4, o -> o.store(after))).subscribe(received::add);
        runtime.run();
        assertThat(received).containsExactly(1);
        assertThat(after.list(DIRECTORY)).isEmpty();
    }

    @Test
    @DisplayName("two subscriptions at once: the second one fails and says why, the first one goes on")
    void twoAtOnce() {
        connect(4, o -> {});
        RecordingConsumer second = new RecordingConsumer();
        new ManualSource().transform(spill(4, o -> o.name("second"))).subscribe(second);
        runtime.advanceBy(Duration.ofSeconds(10));
        assertThat(second.error())
                .isInstanceOf(MqException.class)
                .hasMessageContainingAll("the spill 'second' in " + DIRECTORY, "in use");
        send(1, 100);
        request(100);
        assertThat(consumer.received).isEqualTo(range(1, 100));
    }

    @Test
    @DisplayName("it can be subscribed to again at once, after its end, its error and its cancellation")
    void again() {
        Flux<Integer> spilled = Flux.range(1, 50).transform(spill(4, o -> {}));
        StepVerifier.create(spilled.repeat(2))
                .then(runtime::run)
                .expectNextCount(150)
                .verifyComplete();
        StepVerifier.create(spilled.take(7).repeat(2))
                .then(() -> runtime.advanceBy(Duration.ofSeconds(1)))
                .expectNextCount(21)
                .verifyComplete();
        StepVerifier.create(spilled.concatWith(Flux.error(new IllegalStateException("down")))
                        .transform(spill(4, o -> o.store(FileStore.memory())))
                        .retry(1))
                .then(runtime::run)
                .expectNextCount(100)
                .verifyErrorMessage("down");
    }

    @Test
    @DisplayName("M11 a full disk is an outage: nothing is lost, and it goes on when there is room")
    void diskFull() {
        connect(4, o -> o.bufferBytes(256));
        send(1, 100);
        store.failIf((operation, path) -> operation == Operation.WRITE);
        store.writeBeforeFailure(17);
        int sent = sendWhileAsked(101, 10_000);
        assertThat(sent).as("demand is withheld").isLessThan(1000);
        request(20);
        assertThat(consumer.received).as("reads go on").isEqualTo(range(1, 20));
        runtime.advanceBy(Duration.ofSeconds(30));
        assertThat(consumer.errors).isEmpty();
        store.heal();
        runtime.advanceBy(Duration.ofSeconds(5));
        sent = sendWhileAsked(sent + 1, 2000);
        source.complete();
        request(Long.MAX_VALUE);
        assertThat(consumer.received).isEqualTo(range(1, sent));
        assertThat(consumer.completions).hasValue(1);
    }

    @Test
    @DisplayName("M11 a disk that stays full is an error behind all that was taken")
    void diskStaysFull() {
        connect(4, o -> o.bufferBytes(256).retryTimeout(Duration.ofSeconds(10)));
        send(1, 100);
        store.failIf((operation, path) -> operation == Operation.WRITE);
        int sent = sendWhileAsked(101, 10_000);
        runtime.advanceBy(Duration.ofSeconds(11));
        assertThat(source.cancelled).isTrue();
        request(Long.MAX_VALUE);
        assertThat(consumer.received).isEqualTo(range(1, sent));
        assertThat(consumer.error())
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.KAFKA_STORAGE_ERROR))
                .hasMessageContainingAll(DIRECTORY.toString(), "No space left");
        assertThat(spillFiles()).isEmpty();
    }

    @Test
    @DisplayName("a failed force is final: no other is tried, and all that was taken is delivered before the error")
    void failedForce() {
        int[] forces = {0};
        connect(4, o -> o.durability(Durability.FSYNC));
        send(1, 100);
        store.failIf((operation, path) -> operation == Operation.FORCE && forces[0]++ >= 0);
        send(101, 150);
        assertThat(source.cancelled).isTrue();
        request(Long.MAX_VALUE);
        assertThat(consumer.received).isEqualTo(range(1, 150));
        assertThat(consumer.error()).hasMessageContaining("forcing");
        assertThat(forces[0]).isOne();
    }

    @Test
    @DisplayName("a damaged file is an error that names file and position, behind what is before; nothing is deleted")
    void damage() {
        connect(1, o -> o.recoverOnSubscribe());
        send(1, 200);
        consumer.cancel();
        runtime.run();
        Path second = spillFiles().get(1);
        Map<String, byte[]> files = Folders.withBitFlipped(
                Folders.read(disk, DIRECTORY), second.getFileName().toString(), 8 * 500);
        Folders.write(disk, DIRECTORY, files);
        for (int attempt = 0; attempt < 2; attempt++) {
            RecordingConsumer after = new RecordingConsumer();
            new ManualSource().transform(spill(4, o -> o.recoverOnSubscribe())).subscribe(after);
            runtime.run();
            after.request(Long.MAX_VALUE);
            runtime.run();
            assertThat(after.error())
                    .isInstanceOfSatisfying(
                            MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE))
                    .hasMessageContainingAll(second.toString(), "at byte", "expected", "actual");
            assertThat(after.received).isSorted();
            assertThat(spillFiles()).contains(second).hasSizeGreaterThanOrEqualTo(files.size() - 2);
        }
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "a failed callback is reported as Reactor reports its own")
    @DisplayName("an element that the serde can't write fails the sequence behind what waits, and is named")
    void unwritable() {
        Serde<Integer> picky = Serde.of(
                value -> {
                    if (value == 50) {
                        throw new IllegalStateException("not fifty");
                    }
                    return SpillFixture.NUMBERS.serialize(value);
                },
                bytes -> SpillFixture.NUMBERS.deserialize(java.nio.ByteBuffer.wrap(bytes)));
        source.transform(spill(picky, 4, o -> {})).subscribe(consumer);
        runtime.run();
        send(1, 52);
        request(Long.MAX_VALUE);
        assertThat(consumer.received).isEqualTo(range(1, 49));
        assertThat(consumer.error())
                .hasMessageContainingAll("can't write the element 50", "not fifty")
                .hasRootCauseMessage("not fifty");
        assertThat(consumer.discarded).containsExactly(50, 51, 52);
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "a failed callback is reported as Reactor reports its own")
    @DisplayName("an element that is larger than a segment is refused, with both sizes")
    void tooLarge() {
        Serde<Integer> huge = Serde.of(value -> new byte[value], bytes -> bytes.length);
        source.transform(spill(huge, 1, o -> {})).subscribe(consumer);
        runtime.run();
        send(1, 1);
        send(976, 976);
        send(977, 977);
        request(Long.MAX_VALUE);
        assertThat(consumer.received).containsExactly(1, 976);
        assertThat(consumer.error()).hasMessageContainingAll("it has 977 bytes", "at most 976", "raise segmentBytes");
    }

    @Test
    @DisplayName("bytes that the serde can't read fail the sequence behind what is before, with their place")
    void unreadable() {
        Serde<Integer> picky = Serde.of(SpillFixture.NUMBERS::serialize, bytes -> {
            int value = SpillFixture.NUMBERS.deserialize(java.nio.ByteBuffer.wrap(bytes));
            if (value == 50) {
                throw new IllegalStateException("not fifty");
            }
            return value;
        });
        source.transform(spill(picky, 4, o -> {})).subscribe(consumer);
        runtime.run();
        send(1, 100);
        request(Long.MAX_VALUE);
        assertThat(consumer.received).isEqualTo(range(1, 49));
        assertThat(consumer.error()).hasMessageContainingAll("element 45 in " + DIRECTORY, ".spill", "not fifty");
        assertThat(source.cancelled).isTrue();
        assertThat(spillFiles()).isNotEmpty();
    }

    @Test
    @DisplayName("what the objects hold can be given back when they have become bytes")
    void onSpilled() {
        List<Integer> spilled = new ArrayList<>();
        connect(4, o -> o.onSpilled(spilled::add));
        send(1, 10);
        assertThat(spilled).isEqualTo(range(5, 10));
    }

    @Test
    @DisplayName(
            "on real threads and a real disk: source and consumer never touch a file, order is kept, permissions are tight")
    void onDisk(@TempDir Path temporary) throws Exception {
        Path directory = temporary.resolve("spill");
        Queue<String> threads = new ConcurrentLinkedQueue<>();
        int count = 300_000;
        List<Integer> received = new ArrayList<>();
        List<String> permissions = new ArrayList<>();
        StepVerifier.create(
                        Flux.range(0, count)
                                // threads on which BlockHound forbids to block
                                .subscribeOn(Schedulers.parallel())
                                .transform(Overflow.spillToDisk(
                                        directory, SpillFixture.NUMBERS, 64, o -> o.segmentBytes(1 << 20)))
                                .doOnNext(element -> {
                                    if (element % 1000 == 0) {
                                        threads.add(Thread.currentThread().getName());
                                    }
                                })
                                .publishOn(Schedulers.parallel(), 1)
                                .doOnNext(received::add)
                                .last(),
                        1)
                .expectNext(count - 1)
                .expectComplete()
                .verify(Duration.ofMinutes(2));
        assertThat(received).isEqualTo(range(0, count - 1));
        assertThat(threads).noneMatch(name -> name.startsWith("rmq-io"));
        try (Stream<Path> files = Files.list(directory)) {
            files.forEach(path -> permissions.add(permissions(path)));
        }
        assertThat(permissions).containsOnly("rw-------");
        assertThat(permissions(directory)).isEqualTo("rwx------");
    }

    private static String permissions(Path path) {
        try {
            return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Test
    @DisplayName("arguments and options are checked, with name, expected and actual")
    void arguments() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Overflow.spillToDisk(DIRECTORY, Serdes.string(), 0))
                .withMessageContainingAll("capacity", "is 0");
        refused(o -> o.maxBytes(10), "maxBytes", "2048", "10");
        refused(o -> o.segmentBytes(10), "segmentBytes", "1024", "10");
        refused(o -> o.maxBytes(4096).segmentBytes(4096), "segmentBytes", "half of maxBytes", "4096");
        refused(o -> o.bufferBytes(10), "bufferBytes", "256", "10");
        refused(o -> o.whenFull(OverflowStrategy.DROP_NEWEST), "whenFull", "DROP_NEWEST");
        refused(o -> o.durability(Durability.MEMORY), "durability", "MEMORY");
        refused(o -> o.retryTimeout(Duration.ofMillis(-1)), "retryTimeout", "PT-0.001S");
    }

    private static void refused(Consumer<SpillOptions<String>> options, String... words) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Overflow.spillToDisk(DIRECTORY, Serdes.string(), 4, options))
                .withMessageContainingAll(words);
    }
}
