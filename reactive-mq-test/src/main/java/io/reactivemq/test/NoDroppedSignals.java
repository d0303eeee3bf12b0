package io.reactivemq.test;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import reactor.core.publisher.Hooks;

/**
 * A JUnit extension: a test fails when an error or an element went past its end, that is, when reactor reported it dropped.
 * Such a signal is otherwise a line in a log that nobody reads.
 *
 * <p>It uses reactor's global hooks, so tests that use it run one at a time.
 */
public final class NoDroppedSignals implements BeforeEachCallback, AfterEachCallback {

    private static final List<Throwable> DROPPED = new CopyOnWriteArrayList<>();

    @Override
    public void beforeEach(ExtensionContext context) {
        DROPPED.clear();
        Hooks.onErrorDropped(error -> DROPPED.add(new AssertionError("an error was dropped: " + error, error)));
        Hooks.onNextDropped(element -> DROPPED.add(new AssertionError("an element was dropped: " + element)));
    }

    @Override
    public void afterEach(ExtensionContext context) {
        Hooks.resetOnErrorDropped();
        Hooks.resetOnNextDropped();
        if (!DROPPED.isEmpty()) {
            AssertionError failure = new AssertionError(
                    DROPPED.size() + " signals were dropped; the first: "
                            + DROPPED.get(0).getMessage(),
                    DROPPED.get(0));
            DROPPED.stream().skip(1).limit(8).forEach(failure::addSuppressed);
            throw failure;
        }
    }
}
