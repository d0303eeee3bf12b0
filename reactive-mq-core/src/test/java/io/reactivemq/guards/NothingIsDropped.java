package io.reactivemq.guards;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.commons.support.AnnotationSupport;
import reactor.core.publisher.Hooks;

/**
 * Fails a test during which Reactor reported a signal that nobody gets, or an error in a callback, unless {@link
 * AllowDropped} says that it is meant. What other threads report between two tests fails the class.
 */
public final class NothingIsDropped
        implements BeforeAllCallback, BeforeEachCallback, AfterEachCallback, AfterAllCallback {

    private static final String KEY = NothingIsDropped.class.getName();

    /** One for the JVM, as the hooks are. */
    private static final Queue<Report> REPORTS = new ConcurrentLinkedQueue<>();

    private static volatile String running = "no test";

    private record Report(Dropped dropped, AssertionError error) {}

    @Override
    public void beforeAll(ExtensionContext context) {
        installHooks();
        running = context.getDisplayName() + ", before its tests";
    }

    /** Again for each test: a test (StepVerifier's assertions, too) may have reset them. */
    @Override
    public void beforeEach(ExtensionContext context) {
        installHooks();
        running = context.getDisplayName();
    }

    @Override
    public void afterEach(ExtensionContext context) {
        running = context.getDisplayName() + ", after its end";
        failOn(unexpected(context));
    }

    @Override
    public void afterAll(ExtensionContext context) {
        failOn(unexpected(context));
    }

    private static void installHooks() {
        Hooks.resetOnErrorDropped();
        Hooks.onErrorDropped(error -> report(Dropped.ERROR, error.toString(), error));
        Hooks.resetOnNextDropped();
        Hooks.onNextDropped(element -> report(Dropped.NEXT, String.valueOf(element), null));
        Hooks.onOperatorError(KEY, (error, element) -> {
            report(Dropped.OPERATOR_ERROR, error + ", element " + element, error);
            return error;
        });
    }

    private static void report(Dropped dropped, String what, @Nullable Throwable cause) {
        String where = "Reactor reported " + dropped + " on "
                + Thread.currentThread().getName() + " in '" + running + "': " + what;
        REPORTS.add(new Report(dropped, new AssertionError(where, cause)));
    }

    private static List<Report> unexpected(ExtensionContext context) {
        Set<Dropped> allowed = EnumSet.noneOf(Dropped.class);
        for (Optional<ExtensionContext> at = Optional.of(context);
                at.isPresent();
                at = at.get().getParent()) {
            at.get()
                    .getElement()
                    .flatMap(element -> AnnotationSupport.findAnnotation(element, AllowDropped.class))
                    .ifPresent(annotation -> allowed.addAll(List.of(annotation.value())));
        }
        List<Report> unexpected = new ArrayList<>();
        for (Report report = REPORTS.poll(); report != null; report = REPORTS.poll()) {
            if (!allowed.contains(report.dropped())) {
                unexpected.add(report);
            }
        }
        return unexpected;
    }

    private static void failOn(List<Report> unexpected) {
        if (unexpected.isEmpty()) {
            return;
        }
        AssertionError first = unexpected.get(0).error();
        unexpected.stream().skip(1).limit(20).forEach(report -> first.addSuppressed(report.error()));
        throw first;
    }
}
