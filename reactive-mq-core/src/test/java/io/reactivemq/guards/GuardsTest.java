package io.reactivemq.guards;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import io.reactivemq.MqRuntime;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import reactor.blockhound.BlockingOperationError;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.core.scheduler.Scheduler;
import reactor.util.context.Context;

@DisplayName("The guards of the tests:")
class GuardsTest {

    interface FileCall {
        void on(Path file, FileChannel channel) throws IOException;
    }

    static Stream<Arguments> fileCalls() {
        return Stream.of(
                call("force", (file, channel) -> channel.force(false)),
                call("write", (file, channel) -> channel.write(ByteBuffer.allocate(8))),
                call("write at a position", (file, channel) -> channel.write(ByteBuffer.allocate(8), 4)),
                call(
                        "write of several buffers",
                        (file, channel) -> channel.write(new ByteBuffer[] {ByteBuffer.allocate(8)})),
                call("read", (file, channel) -> channel.read(ByteBuffer.allocate(8))),
                call("read at a position", (file, channel) -> channel.read(ByteBuffer.allocate(8), 0)),
                call("truncate", (file, channel) -> channel.truncate(1)),
                call("transfer", (file, channel) -> channel.transferTo(0, 1, channel)),
                call("lock", (file, channel) -> channel.lock().release()),
                call("open", (file, channel) -> FileChannel.open(file).close()),
                call("Files.exists", (file, channel) -> Files.exists(file)),
                call("Files.readAllBytes", (file, channel) -> Files.readAllBytes(file)),
                call("Files.delete", (file, channel) -> Files.delete(file)),
                call("Files.move", (file, channel) -> Files.move(file, file.resolveSibling("moved"))),
                call("Files.createDirectories", (file, channel) -> Files.createDirectories(file.resolveSibling("d"))));
    }

    private static Arguments call(String name, FileCall call) {
        return Arguments.of(name, call);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("fileCalls")
    @DisplayName("a call on a file is caught on a thread that must not block, and allowed on the runtime's io:")
    void fileCallsBlock(String name, FileCall call, @TempDir Path directory) throws Exception {
        Path file = Files.write(directory.resolve("file"), new byte[16]);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            assertThat(thrownOn(MqRuntime.system().workers(), () -> call.on(file, channel)))
                    .isInstanceOf(BlockingOperationError.class);
            assertThat(thrownOn(MqRuntime.system().timers(), () -> call.on(file, channel)))
                    .isInstanceOf(BlockingOperationError.class);
            assertThat(thrownOn(MqRuntime.system().io(), () -> call.on(file, channel)))
                    .isNull();
        }
    }

    @Test
    @DisplayName("a test in which something is dropped fails, unless it says that it is meant")
    void droppedSignalsFailTheTest() {
        assertThat(outcomes(Dropping.class))
                .hasEntrySatisfying(
                        "dropsError()", outcome -> assertThat(outcome).contains("reported ERROR"))
                .hasEntrySatisfying(
                        "dropsNext()", outcome -> assertThat(outcome).contains("reported NEXT"))
                .hasEntrySatisfying(
                        "failsInCallback()", outcome -> assertThat(outcome).contains("reported OPERATOR_ERROR"))
                .hasEntrySatisfying(
                        "dropsOtherThanItSays()", outcome -> assertThat(outcome).contains("reported NEXT"))
                .containsEntry("dropsAsItSays()", "passed")
                .containsEntry("dropsNothing()", "passed");
    }

    private static Map<String, String> outcomes(Class<?> testClass) {
        Map<String, String> outcomes = new HashMap<>();
        LauncherFactory.create()
                .execute(
                        LauncherDiscoveryRequestBuilder.request()
                                .selectors(selectClass(testClass))
                                .build(),
                        new TestExecutionListener() {
                            @Override
                            public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                                outcomes.put(
                                        test.getDisplayName(),
                                        result.getThrowable()
                                                .map(Throwable::toString)
                                                .orElse("passed"));
                            }
                        });
        return outcomes;
    }

    /** Run by the test above only: the build does not look for tests in nested classes. */
    static class Dropping {

        @Test
        void dropsError() {
            Operators.onErrorDropped(new IllegalStateException("late"), Context.empty());
        }

        @Test
        void dropsNext() {
            Operators.onNextDropped("late", Context.empty());
        }

        @Test
        void failsInCallback() {
            Flux.just(0).map(zero -> 1 / zero).subscribe(value -> {}, error -> {});
        }

        @Test
        @AllowDropped(value = Dropped.ERROR, because = "but it drops an element")
        void dropsOtherThanItSays() {
            Operators.onNextDropped("late", Context.empty());
        }

        @Test
        @AllowDropped(value = Dropped.NEXT, because = "it is about that")
        void dropsAsItSays() {
            Operators.onNextDropped("late", Context.empty());
        }

        @Test
        void dropsNothing() {
            Flux.just(1).map(one -> 1 / one).subscribe();
        }
    }

    interface Call {
        void run() throws Exception;
    }

    private static @Nullable Throwable thrownOn(Scheduler scheduler, Call call) throws Exception {
        CompletableFuture<@Nullable Throwable> thrown = new CompletableFuture<>();
        scheduler.schedule(() -> {
            try {
                call.run();
                thrown.complete(null);
            } catch (Throwable t) {
                thrown.complete(t);
            }
        });
        return thrown.get(10, TimeUnit.SECONDS);
    }
}
