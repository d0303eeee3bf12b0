package io.reactivemq.coordinator;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.log.LogConfig;
import io.reactivemq.log.PartitionLog;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StorageException.Operation;
import io.reactivemq.storage.testing.WatchedStore;
import io.reactivemq.topic.Admission;
import io.reactivemq.topic.Partition;
import io.reactivemq.topic.TopicConfig;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class CoordinatorTest {

    private static final TopicPartition ID = new TopicPartition("__state", 0);

    private final ManualRuntime runtime = new ManualRuntime();
    private final WatchedStore watched = new WatchedStore(FileStore.memory());
    private final List<Registers> machines = new ArrayList<>();
    private Partition partition = open();
    private Coordinator<Registers> coordinator = coordinator();

    @Test
    void aResponseWaitsUntilItsRecordsAreDurable() {
        coordinator.load().subscribe();
        runtime.run();
        int before = watched.count("force");
        CompletableFuture<String> put = put("a", "1");
        assertThat(put).isNotDone();
        runtime.run();

        assertThat(put.join()).isEqualTo("was null");
        assertThat(watched.count("force")).isGreaterThan(before);
    }

    @Test
    void aLaterHandlerSeesWhatAnEarlierOneWroteAndItsResponseWaitsForIt() {
        coordinator.load().subscribe();
        runtime.run();
        CompletableFuture<String> put = put("a", "1");
        CompletableFuture<String> read = get("a");
        assertThat(read).as("what a crash can take back is not told").isNotDone();
        runtime.run();

        assertThat(put).isCompleted();
        assertThat(read.join()).isEqualTo("1");
    }

    @Test
    void eventsThatAreThereShareABatch() {
        coordinator.load().subscribe();
        runtime.run();
        int before = watched.count("force");
        for (int i = 0; i < 100; i++) {
            write("k" + i, "v");
        }
        runtime.run();

        assertThat(watched.count("force") - before).isLessThanOrEqualTo(3);
        assertThat(get("k99").thenApply(v -> v)).satisfies(f -> runtime.run()).isCompletedWithValue("v");
    }

    @Test
    @DisplayName(
            "RELIABILITY records that need not be written together are as many batches as they take; those that do are one, or none")
    void recordsThatNeedNotBeTogether() {
        List<CoordinatorRecord> many = new ArrayList<>();
        String value = "v".repeat(1_000);
        for (int i = 0; i < 3_000; i++) {
            many.addAll(new Registers().put("k" + i, value).records());
        }
        CompletableFuture<String> together = coordinator
                .handle(machine -> new CoordinatorResult<>(many, "written"))
                .toFuture();
        runtime.run();
        assertThat(errorOf(together)).isEqualTo(ErrorCode.COORDINATOR_NOT_AVAILABLE);
        assertThat(value("k0")).isEqualTo("null");

        CompletableFuture<String> inPieces = coordinator
                .handle(machine -> new CoordinatorResult<>(many, "written", false))
                .toFuture();
        runtime.run();
        assertThat(inPieces.join()).isEqualTo("written");
        partition.close().subscribe();
        runtime.run();
        partition = open();
        coordinator = coordinator();
        assertThat(value("k0")).isEqualTo(value);
        assertThat(value("k2999")).isEqualTo(value);
    }

    @Test
    void aRestartIsAReplay() {
        write("a", "1");
        write("b", "2");
        write("a", "3");
        coordinator.handle(machine -> machine.remove("b")).subscribe();
        runtime.run();
        partition.close().subscribe();
        runtime.run();

        partition = open();
        coordinator = coordinator();
        CompletableFuture<String> a = get("a");
        CompletableFuture<String> b = get("b");
        runtime.run();

        assertThat(a.join()).isEqualTo("3");
        assertThat(b.join()).isEqualTo("null");
    }

    @Test
    void aFailedAppendFailsAllThatRestedOnItAndTheStateIsReplayed() {
        write("a", "1");
        runtime.run();
        watched.failNext("write", new StorageException(Operation.WRITE, Path.of("data"), "planted", null));

        CompletableFuture<String> lost = put("a", "2");
        CompletableFuture<String> sawIt = get("a");
        runtime.run();

        assertThat(errorOf(lost)).isEqualTo(ErrorCode.COORDINATOR_NOT_AVAILABLE);
        assertThat(errorOf(sawIt)).isEqualTo(ErrorCode.COORDINATOR_NOT_AVAILABLE);
        assertThat(value("a")).isEqualTo("1");
        assertThat(machines).hasSize(2);

        CompletableFuture<String> again = put("a", "3");
        runtime.run();
        assertThat(again.join()).as("appends go on").isEqualTo("was 1");
    }

    @Test
    void anAppendBehindOneThatFailedIsNotWrittenThoughItCouldBe() {
        write("a", "1");
        runtime.run();
        CompletableFuture<String> first = put("a", "2");
        watched.failNext("write", new StorageException(Operation.WRITE, Path.of("data"), "planted", null));
        CompletableFuture<String> second = put("b", "rests on a = 2");
        runtime.run();

        assertThat(errorOf(first)).isEqualTo(ErrorCode.COORDINATOR_NOT_AVAILABLE);
        assertThat(errorOf(second)).isEqualTo(ErrorCode.COORDINATOR_NOT_AVAILABLE);
        assertThat(value("a")).isEqualTo("1");
        assertThat(value("b")).isEqualTo("null");
    }

    @Test
    void aRefusalWaitsForWhatItRestsOnAndIsNotTold() {
        coordinator.load().subscribe();
        runtime.run();
        watched.failNext("write", new StorageException(Operation.WRITE, Path.of("data"), "planted", null));
        CompletableFuture<String> put = put("owner", "another");
        CompletableFuture<String> refused = coordinator
                .<String>handle(machine -> {
                    assertThat(machine.values).containsEntry("owner", "another");
                    throw new MqException(ErrorCode.PRODUCER_FENCED, "another is the owner");
                })
                .toFuture();
        assertThat(refused).isNotDone();
        runtime.run();

        assertThat(errorOf(put)).isEqualTo(ErrorCode.COORDINATOR_NOT_AVAILABLE);
        assertThat(errorOf(refused)).isEqualTo(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    }

    @Test
    void aStateThatABugHasHalfChangedIsReplayed() {
        write("a", "1");
        runtime.run();
        CompletableFuture<String> bug = coordinator
                .<String>handle(machine -> {
                    machine.replay(
                            ByteBuffer.wrap("a".getBytes(StandardCharsets.UTF_8)),
                            ByteBuffer.wrap("half".getBytes(StandardCharsets.UTF_8)));
                    throw new IllegalStateException("bug");
                })
                .toFuture();
        runtime.run();

        assertThat(errorOf(bug)).isEqualTo(ErrorCode.UNKNOWN_SERVER_ERROR);
        assertThat(value("a")).isEqualTo("1");
    }

    @Test
    void anErrorOfTheJvmInAHandlerDoesNotStopTheLoop() {
        write("a", "1");
        runtime.run();
        CompletableFuture<String> broken = coordinator
                .<String>handle(machine -> {
                    throw new StackOverflowError("planted");
                })
                .toFuture();
        CompletableFuture<String> read = get("a");
        runtime.run();

        assertThat(errorOf(broken)).isEqualTo(ErrorCode.UNKNOWN_SERVER_ERROR);
        assertThat(read).isCompletedWithValue("1");
    }

    @Test
    void anErrorOfAHandlerIsItsResponseAndHarmsNobody() {
        CompletableFuture<String> refused = coordinator
                .<String>handle(machine -> {
                    throw new MqException(ErrorCode.INVALID_REQUEST, "no");
                })
                .toFuture();
        CompletableFuture<String> bug = coordinator
                .<String>handle(machine -> {
                    throw new IllegalStateException("bug");
                })
                .toFuture();
        CompletableFuture<String> put = put("a", "1");
        runtime.run();

        assertThat(errorOf(refused)).isEqualTo(ErrorCode.INVALID_REQUEST);
        assertThat(errorOf(bug)).isEqualTo(ErrorCode.UNKNOWN_SERVER_ERROR);
        assertThat(put.join()).isEqualTo("was null");
    }

    @Test
    void aDeadlineIsKeptAlsoWhenItMoves() {
        coordinator.load().subscribe();
        runtime.run();
        setDeadline(Duration.ofSeconds(10));
        runtime.advanceBy(Duration.ofSeconds(5));
        setDeadline(Duration.ofSeconds(10));
        runtime.advanceBy(Duration.ofSeconds(9));
        assertThat(value("deadline")).isEqualTo("null");

        runtime.advanceBy(Duration.ofSeconds(1));

        assertThat(value("deadline")).isEqualTo("passed");
    }

    private void setDeadline(Duration in) {
        coordinator
                .handle(machine -> {
                    machine.deadline = runtime.nanoTime() + in.toNanos();
                    return CoordinatorResult.of("");
                })
                .subscribe();
    }

    private void write(String key, String value) {
        coordinator.handle(machine -> machine.put(key, value)).subscribe();
    }

    private CompletableFuture<String> put(String key, String value) {
        return coordinator.handle(machine -> machine.put(key, value)).toFuture();
    }

    private CompletableFuture<String> get(String key) {
        return coordinator
                .read(machine -> String.valueOf(machine.values.get(key)))
                .toFuture();
    }

    private String value(String key) {
        CompletableFuture<String> read = get(key);
        runtime.run();
        return read.join();
    }

    private static ErrorCode errorOf(CompletableFuture<String> answer) {
        try {
            answer.join();
        } catch (CompletionException e) {
            return e.getCause() instanceof MqException mq ? mq.errorCode() : ErrorCode.UNKNOWN_SERVER_ERROR;
        }
        throw new AssertionError("expected an error");
    }

    private Coordinator<Registers> coordinator() {
        return new Coordinator<>(partition, runtime, () -> {
            machines.add(new Registers());
            return machines.get(machines.size() - 1);
        });
    }

    private Partition open() {
        Path folder = Path.of("data", ID.toString());
        watched.store().createDirectories(folder);
        PartitionLog log = PartitionLog.open(watched.store(), folder, ID, LogConfig.defaults());
        return new Partition(ID, log, new TopicConfig(Durability.FSYNC, LogConfig.defaults()), runtime, Admission.OPEN);
    }

    /** Named values. */
    @Test
    void aRequestThatWouldWaitForOthersFailsAfterTheClose() {
        write("a", "1");
        Deferred<String> before = new Deferred<>();
        CompletableFuture<String> waited = waitFor(before);
        runtime.run();
        assertThat(waited).isNotDone();
        coordinator.close();
        runtime.run();
        assertThat(waited).isCompletedExceptionally();

        CompletableFuture<String> later = waitFor(new Deferred<>());
        runtime.run();
        assertThat(later).isCompletedExceptionally();
        assertThat(get("a").thenApply(v -> v)).satisfies(f -> runtime.run()).isCompletedWithValue("1");

        coordinator = coordinator();
        coordinator.close();
        CompletableFuture<String> notLoadedYet = waitFor(new Deferred<>());
        runtime.run();
        assertThat(notLoadedYet).isCompletedExceptionally();
    }

    private CompletableFuture<String> waitFor(Deferred<String> answer) {
        return coordinator
                .handle(machine -> {
                    machine.waiting.add(answer);
                    return CoordinatorResult.of(answer);
                })
                .flatMap(Deferred::response)
                .toFuture();
    }

    private static final class Registers implements CoordinatorShard {
        final Map<String, String> values = new TreeMap<>();
        final List<Deferred<String>> waiting = new ArrayList<>();

        @Override
        public void unloaded(MqException error) {
            waiting.forEach(answer -> answer.fail(error));
            waiting.clear();
        }

        long deadline = NEVER;

        CoordinatorResult<String> put(String key, String value) {
            return new CoordinatorResult<>(
                    List.of(new CoordinatorRecord(utf8(key), utf8(value))), "was " + values.get(key));
        }

        CoordinatorResult<String> remove(String key) {
            return new CoordinatorResult<>(List.of(new CoordinatorRecord(utf8(key), null)), "");
        }

        @Override
        public void replay(ByteBuffer key, @Nullable ByteBuffer value) {
            String name = StandardCharsets.UTF_8.decode(key).toString();
            if (value == null) {
                values.remove(name);
            } else {
                values.put(name, StandardCharsets.UTF_8.decode(value).toString());
            }
        }

        @Override
        public long nextDeadlineNanos() {
            return deadline;
        }

        @Override
        public List<CoordinatorRecord> onDeadline(long nowNanos, long nowMs) {
            deadline = NEVER;
            return put("deadline", "passed").records();
        }

        private static byte[] utf8(String text) {
            return text.getBytes(StandardCharsets.UTF_8);
        }
    }
}
