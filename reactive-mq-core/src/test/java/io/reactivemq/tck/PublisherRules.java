package io.reactivemq.tck;

import java.util.function.Function;
import java.util.function.LongFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.NullUnmarked;
import org.reactivestreams.Publisher;
import org.reactivestreams.tck.PublisherVerification;
import org.reactivestreams.tck.TestEnvironment;
import reactor.core.publisher.Flux;

/** The kit's own tests of a publisher, for one kind of publisher. */
@NullUnmarked // as the kit is
public final class PublisherRules extends PublisherVerification<Long> {

    /** Waits of this length end as soon as what they wait for happens. */
    private static final long SIGNAL_TIMEOUT_MS = 10_000;

    /** Waits of this length are waited to their end, for something that must not happen. */
    private static final long NO_SIGNAL_TIMEOUT_MS = 15;

    private static final long POLL_MS = 5;

    private final Subject subject;

    PublisherRules(Subject subject) {
        super(new TestEnvironment(SIGNAL_TIMEOUT_MS, NO_SIGNAL_TIMEOUT_MS, POLL_MS));
        this.subject = subject;
    }

    /**
     * A kind of publisher.
     *
     * @param elementsMax how many elements it can be asked to have
     * @param of makes one with so many elements
     * @param failed makes one that fails at once, or is {@link #NEVER_FAILS}
     */
    record Subject(String name, long elementsMax, LongFunction<Publisher<Long>> of, Supplier<Publisher<Long>> failed) {

        /** For a kind that has no errors: the kit skips the rules about them. */
        static final Supplier<Publisher<Long>> NEVER_FAILS = () -> null;

        /** An operator over sources that have as many elements as one likes. */
        static Subject operator(String name, long elementsMax, Function<Flux<Long>, Flux<Long>> operator) {
            return new Subject(
                    name,
                    elementsMax,
                    elements -> numbers(elements).transform(operator),
                    () -> Flux.<Long>create(sink -> sink.error(new IllegalStateException("as the test says")))
                            .transform(operator));
        }

        static Flux<Long> numbers(long elements) {
            return Flux.generate(() -> 0L, (next, sink) -> {
                if (next == elements) {
                    sink.complete();
                } else {
                    sink.next(next);
                }
                return next + 1;
            });
        }
    }

    @Override
    public Publisher<Long> createPublisher(long elements) {
        return subject.of().apply(elements);
    }

    @Override
    public Publisher<Long> createFailedPublisher() {
        return subject.failed().get();
    }

    @Override
    public long maxElementsFromPublisher() {
        return subject.elementsMax();
    }
}
