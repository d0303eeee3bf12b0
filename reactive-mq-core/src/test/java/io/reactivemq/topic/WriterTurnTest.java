package io.reactivemq.topic;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Durability;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.log.AppendInfo;
import io.reactivemq.log.LogConfig;
import io.reactivemq.log.PartitionLog;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.storage.FileStore;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;

/** Appends that answers to other appends set off. */
class WriterTurnTest {

    private final ManualRuntime runtime = new ManualRuntime();
    private final FileStore store = FileStore.memory();
    private final List<String> heard = new ArrayList<>();
    private final Partition a = open("a");
    private final Partition b = open("b");
    private final Partition c = open("c");

    @Test
    void oneThreadGoesThroughAChain() {
        append(a, "a1", () -> append(b, "b", () -> append(a, "a2", () -> {})));

        assertThat(runtime.runOne()).isTrue();

        assertThat(heard).containsExactly("a1", "b", "a2");
        assertThat(runtime.pendingTasks()).isZero();
    }

    @Test
    void whatBranchesOffIsWrittenByOtherThreads() {
        append(a, "a", () -> {
            append(b, "b", () -> {});
            append(c, "c", () -> {});
            assertThat(runtime.pendingTasks()).as("one is this thread's").isEqualTo(1);
        });
        runtime.run();

        assertThat(heard).containsExactlyInAnyOrder("a", "b", "c");
    }

    @Test
    void whatWaitsForAWriterThatHasMoreToWriteGoesToAnotherThread() {
        append(a, "a1", () -> {
            append(b, "b", () -> {});
            append(
                    a,
                    "a2",
                    () -> assertThat(runtime.pendingTasks())
                            .as("another thread is woken before that is written")
                            .isEqualTo(1));
        });
        runtime.run();

        assertThat(heard).containsExactlyInAnyOrder("a1", "a2", "b");
    }

    @Test
    void whatWaitsForAWriterThatHasMoreToDoGoesToAnotherThread() {
        List<String> done = new ArrayList<>();
        Disposable first = a.onWriter(() -> {
                    append(b, "b", () -> {});
                    return done.add("1");
                })
                .subscribe();
        Disposable second = a.onWriter(() -> {
                    assertThat(runtime.pendingTasks())
                            .as("woken before the next task")
                            .isEqualTo(1);
                    append(c, "c", () -> {});
                    return done.add("2");
                })
                .subscribe();
        append(
                a,
                "a",
                () -> assertThat(runtime.pendingTasks())
                        .as("woken before the next append")
                        .isEqualTo(2));
        runtime.run();

        assertThat(done).containsExactly("1", "2");
        assertThat(heard).containsExactlyInAnyOrder("a", "b", "c");
        assertThat(first.isDisposed() && second.isDisposed()).isTrue();
    }

    @Test
    void whatWaitsForAWriterThatClosesGoesToAnotherThread() {
        List<Integer> pending = new ArrayList<>();
        append(a, "a1", () -> {
            Disposable closing =
                    a.close().subscribe(done -> {}, error -> {}, () -> pending.add(runtime.pendingTasks()));
            append(b, "b", () -> {});
            assertThat(closing.isDisposed()).isFalse();
        });
        Disposable refused = a.onWriter(() -> true).subscribe();
        assertThat(runtime.runOne()).isTrue();

        assertThat(heard).containsExactly("a1");
        assertThat(pending).as("another thread is woken before it closes").containsExactly(1);
        runtime.run();
        assertThat(heard).containsExactly("a1", "b");
        assertThat(refused.isDisposed()).isTrue();
    }

    @Test
    void onAThreadThatDoesNotWriteAnotherIsWoken() {
        append(a, "a", () -> {});

        assertThat(heard).isEmpty();
        assertThat(runtime.pendingTasks()).isEqualTo(1);
        runtime.run();
        append(b, "b", () -> {});
        assertThat(heard).containsExactly("a");
        runtime.run();
        assertThat(heard).containsExactly("a", "b");
    }

    private Partition open(String topic) {
        TopicPartition id = new TopicPartition(topic, 0);
        Path folder = Path.of("data", id.toString());
        store.createDirectories(folder);
        TopicConfig config = new TopicConfig(Durability.FSYNC, LogConfig.defaults());
        return new Partition(id, PartitionLog.open(store, folder, id, config.log()), config, runtime, Admission.OPEN);
    }

    private void append(Partition partition, String name, Runnable then) {
        RecordBatchBuilder builder = new RecordBatchBuilder(64, 1024);
        builder.tryAppend(0, null, new byte[1], Headers.empty());
        ByteBuffer batch = builder.build();
        partition.append(batch, new AppendListener() {
            @Override
            public void onAppended(AppendInfo info) {
                heard.add(name);
                then.run();
            }

            @Override
            public void onFailed(MqException error) {
                heard.add(name + " " + error.errorCode());
            }
        });
    }
}
