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
