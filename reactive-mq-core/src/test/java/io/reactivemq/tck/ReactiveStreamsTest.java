package io.reactivemq.tck;

import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.reactivemq.Serde;
import io.reactivemq.assign.Assignment;
import io.reactivemq.assign.Assignors;
import io.reactivemq.assign.Membership;
import io.reactivemq.assign.Membership.Member;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.operator.Autoscale;
import io.reactivemq.operator.Batch;
import io.reactivemq.operator.ConsumerGroup;
import io.reactivemq.operator.Idempotent;
import io.reactivemq.operator.IdempotentStore;
import io.reactivemq.operator.KeyOrdered;
import io.reactivemq.operator.Overflow;
import io.reactivemq.operator.OverflowSink;
import io.reactivemq.operator.OverflowSinkOptions;
import io.reactivemq.operator.OverflowStrategy;
import io.reactivemq.operator.PartitionedFlux;
import io.reactivemq.operator.Routed;
import io.reactivemq.operator.Router;
import io.reactivemq.operator.RouterQueue;
import io.reactivemq.tck.PublisherRules.Subject;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.testng.SkipException;
import org.testng.annotations.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
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

    /** It asks for as many as the files may hold. */
    private static final long SPILLED_MAX = 1 << 14;

    /** Each is a member more, and each that comes has all of them counted. */
    private static final long ASSIGNMENTS_MAX = 200;

    private static final Serde<Long> NUMBERS = Serde.of(
            number -> ByteBuffer.allocate(Long.BYTES).putLong(number).array(),
            bytes -> ByteBuffer.wrap(bytes).getLong());

    private static final AtomicLong DIRECTORIES = new AtomicLong();

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private static Path directory;

    private static Stream<Subject> subjects() {
        return Stream.of(
                sink("Overflow.sink", options -> {}),
                sink("Overflow.sink on a worker", options -> options.emitOn(Schedulers.parallel())),
                sink("Overflow.sink that blocks", options -> options.strategy(OverflowStrategy.BLOCK)),
                sink("Overflow.sink that fails", options -> options.strategy(OverflowStrategy.ERROR)),
                sink("Overflow.sink that conflates", options -> options.conflate(key -> key)),
                Subject.operator("Overflow.dropOldest", BUFFERED_MAX, Overflow.dropOldest(BUFFER)),
                Subject.operator("Overflow.dropNewest", BUFFERED_MAX, Overflow.dropNewest(BUFFER)),
                Subject.operator("Overflow.error", BUFFERED_MAX, Overflow.error(BUFFER)),
                Subject.operator("Overflow.conflate", BUFFERED_MAX, Overflow.conflate(key -> key, BUFFER)),
                Subject.operator("Overflow.block", UNBOUNDED, Overflow.block(16)),
                Subject.operator("Overflow.spillToDisk", SPILLED_MAX, ReactiveStreamsTest::spilled),
                Subject.operator(
                        "PartitionedFlux lane",
                        UNBOUNDED,
                        source -> lanes(source).autoConnect(1).lane(0)),
                Subject.operator(
                        "ConsumerGroup member",
                        UNBOUNDED,
                        source -> lanes(source)
                                .autoConnect(1)
                                .group(Assignors.range())
                                .join("a", lane -> lane)),
                Subject.operator(
                        "KeyOrdered.flatMap", UNBOUNDED, KeyOrdered.flatMap(element -> element % 3, Mono::just, 2)),
                new Subject(
                        "ConsumerGroup.assignments",
                        ASSIGNMENTS_MAX,
                        elements -> Flux.defer(() -> assignments(elements)).map(Assignment::epoch),
                        Subject.NEVER_FAILS),
                Subject.operator(
                        "ConsumerGroup.assigning",
                        UNBOUNDED,
                        source -> source.map(element -> new Membership(
                                        new TreeMap<>(Map.of("m" + element, new Member(Set.of("t"), 1))),
                                        new TreeMap<>(Map.of("t", 2))))
                                .transform(ConsumerGroup.assigning(Assignors.range()))
                                .map(Assignment::epoch)),
                // a consumer that is slow gets the latest: one is all that is sure to come
                Subject.operator(
                        "Autoscale.signal",
                        1,
                        source -> source.map(element -> new Autoscale.Load(element, 0, 1))
                                .transform(Autoscale.signal(0, 10))
                                .map(Integer::longValue)),
                Subject.operator(
                        "Router.route",
                        UNBOUNDED,
                        source -> Router.<Long>fanout().route(source).map(Routed::element)),
                new Subject(
                        "RouterQueue.asFlux",
                        UNBOUNDED,
                        elements -> {
                            Router<Long, String> router = Router.fanout();
                            RouterQueue<Long> queue = router.queue("q", Overflow.block(16));
                            router.bind(queue, "");
                            route(elements, router);
                            return queue.asFlux();
                        },
                        () -> Router.<Long>fanout()
                                .queue("q", elements -> failed())
                                .asFlux()),
                new Subject(
                        "Router.bind",
                        UNBOUNDED,
                        elements -> Flux.defer(() -> {
                            Router<Long, String> router = Router.fanout();
                            return router.bind("", Overflow.block(16)).doOnSubscribe(bound -> route(elements, router));
                        }),
                        () -> Router.<Long>fanout().bind("", elements -> failed())),
                Subject.operator("Idempotent.by", UNBOUNDED, Idempotent.by(element -> element, 16)),
                Subject.operator(
                        "Idempotent.by with a store",
                        UNBOUNDED,
                        source -> Flux.defer(() -> source.transform(
                                Idempotent.by(element -> element, IdempotentStore.<Long>inMemory(16))))),
                Subject.operator(
                        "Idempotent.apply",
                        UNBOUNDED,
                        source -> Flux.defer(() -> source.transform(Idempotent.<Long, Long, Long>apply(
                                element -> element, IdempotentStore.inMemory(16), Mono::just, 2)))),
                Subject.operator(
                        "Batch.bySizeOrTime",
                        UNBOUNDED,
                        source -> source.transform(Batch.bySizeOrTime(1, Duration.ofDays(1)))
                                .map(batch -> batch.get(0))));
    }

    /** A member comes with each assignment that is received, so that each of them is the latest until it is. */
    private static Flux<Assignment> assignments(long elements) {
        Sinks.Empty<Long> end = Sinks.empty();
        ConsumerGroup<Long> group = lanes(end.asMono().flux()).autoConnect(0).group(Assignors.range());
        Consumer<Long> next = epoch -> {
            if (epoch == elements) {
                end.tryEmitEmpty().orThrow();
            } else {
                group.join("m" + epoch, lane -> lane).subscribe();
            }
        };
        next.accept(0L);
        return group.assignments().doOnNext(assignment -> next.accept(assignment.epoch()));
    }

    private static PartitionedFlux<Long> lanes(Flux<Long> source) {
        return PartitionedFlux.by(source, element -> element, 1);
    }

    /** As long as there is a queue, which ends with the elements. */
    private static void route(long elements, Router<Long, String> router) {
        router.route(Subject.numbers(elements))
                .takeUntil(Routed::isUnroutable)
                .doOnComplete(router::close)
                .subscribe();
    }

    private static Flux<Long> failed() {
        return Flux.error(new IllegalStateException("as the test says"));
    }

    private static Flux<Long> spilled(Flux<Long> source) {
        // a directory is one subscription's
        return Flux.defer(() -> source.transform(
                Overflow.spillToDisk(directory.resolve(Long.toString(DIRECTORIES.incrementAndGet())), NUMBERS, 4)));
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
                () -> {
                    OverflowSink<Long> sink = Overflow.sink(BUFFER, options);
                    sink.tryError(new IllegalStateException("as the test says"));
                    return sink.asFlux();
                });
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
