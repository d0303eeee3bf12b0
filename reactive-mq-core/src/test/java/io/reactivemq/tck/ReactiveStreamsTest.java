package io.reactivemq.tck;

import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.operator.Overflow;
import io.reactivemq.operator.OverflowSink;
import io.reactivemq.operator.OverflowSinkOptions;
import io.reactivemq.tck.PublisherRules.Subject;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Comparator;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.testng.SkipException;
import org.testng.annotations.Test;
import reactor.core.publisher.Flux;
import reactor.core.scheduler.Schedulers;

/**
 * The Reactive Streams technology compatibility kit on every public publisher, a test for each rule and publisher. The
 * kit's tests are TestNG's; what they need of it is that each runs on an object of its own behind {@code setUp}.
 */
class ReactiveStreamsTest {

    private static final int BUFFER = 1 << 12;

    /** Such a buffer requests all there is: it can be given only what it holds. */
    private static final long BUFFERED_MAX = BUFFER;

    private static final long UNBOUNDED = Long.MAX_VALUE - 1;

    private static Stream<Subject> subjects() {
        return Stream.of(
                sink("Overflow.sink", options -> {}),
                sink("Overflow.sink on a worker", options -> options.emitOn(Schedulers.parallel())),
                Subject.operator("Overflow.dropOldest", BUFFERED_MAX, Overflow.dropOldest(BUFFER)),
                Subject.operator("Overflow.dropNewest", BUFFERED_MAX, Overflow.dropNewest(BUFFER)),
                Subject.operator("Overflow.error", BUFFERED_MAX, Overflow.error(BUFFER)),
                Subject.operator("Overflow.conflate", BUFFERED_MAX, Overflow.conflate(key -> key, BUFFER)),
                Subject.operator("Overflow.block", UNBOUNDED, Overflow.block(16)));
    }

    /** One that holds its elements before the subscriber comes. */
    private static Subject sink(String name, Consumer<OverflowSinkOptions<Long>> options) {
        return new Subject(
                name,
                BUFFERED_MAX,
                elements -> {
                    OverflowSink<Long> sink = Overflow.sink(BUFFER, options);
                    LongStream.range(0, elements).forEach(sink::emit);
                    sink.tryComplete();
                    return sink.asFlux();
                },
                Flux.defer(() -> {
                    OverflowSink<Long> sink = Overflow.sink(BUFFER, options);
                    sink.tryError(new IllegalStateException("as the test says"));
                    return sink.asFlux();
                }));
    }

    @TestFactory
    @DisplayName("Reactive Streams TCK 1.0.4")
    @AllowDropped(
            value = {Dropped.ERROR, Dropped.NEXT, Dropped.OPERATOR_ERROR},
            because = "the kit breaks the rules on purpose")
    Stream<DynamicContainer> rules() {
        return subjects().map(subject -> dynamicContainer(subject.name(), rulesFor(subject)));
    }

    private static Stream<DynamicTest> rulesFor(Subject subject) {
        return Arrays.stream(PublisherRules.class.getMethods())
                .filter(method -> method.isAnnotationPresent(Test.class))
                // which the kit says it can't test
                .filter(method -> !method.getName().startsWith("untested_"))
                .sorted(Comparator.comparing(Method::getName))
                .map(method -> dynamicTest(method.getName(), () -> run(method, subject)));
    }

    private static void run(Method rule, Subject subject) throws Throwable {
        PublisherRules rules = new PublisherRules(subject);
        rules.setUp();
        try {
            rule.invoke(rules);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof SkipException skipped) {
                abort(String.valueOf(skipped.getMessage()));
            }
            throw e.getCause();
        }
    }
}
