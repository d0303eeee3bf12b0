package io.reactivemq.consume;

import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.TopicDescription;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;

/** The topics whose names match a pattern, looked up at intervals. Owned by the worker. */
final class PatternTopics {

    private static final Logger LOG = LoggerFactory.getLogger(PatternTopics.class);

    private final EventLoop events;
    private final Broker broker;
    private final Caller caller;
    private final Pattern pattern;
    private final ReceiverOptions<?, ?> options;
    private final Consumer<Set<String>> onChange;
    private final Consumer<Throwable> onFailure;

    private Set<String> known = Set.of();
    private int failures;

    /**
     * @param onChange gets all of them whenever they are others than before, which is none
     * @param onFailure no retry can help
     */
    PatternTopics(
            EventLoop events,
            Broker broker,
            Caller caller,
            Pattern pattern,
            ReceiverOptions<?, ?> options,
            Consumer<Set<String>> onChange,
            Consumer<Throwable> onFailure) {
        this.events = events;
        this.broker = broker;
        this.caller = caller;
        this.pattern = pattern;
        this.options = options;
        this.onChange = onChange;
        this.onFailure = onFailure;
    }

    void look() {
        Disposable unused =
                events.call(() -> broker.listTopics(caller), options.requestTimeout(), this::found, this::failed);
    }

    private void found(List<TopicDescription> all) {
        failures = 0;
        again(options.metadataMaxAge());
        Set<String> now = all.stream()
                .filter(topic ->
                        !topic.internal() && pattern.matcher(topic.name()).matches())
                .map(TopicDescription::name)
                .collect(Collectors.toUnmodifiableSet());
        if (!now.equals(known)) {
            LOG.info("topics like {} are now {}", pattern, now);
            known = now;
            onChange.accept(now);
        }
    }

    private void failed(Throwable error) {
        if (!Requests.isRetriable(error)) {
            onFailure.accept(error);
            return;
        }
        failures++;
        Duration wait = Backoff.OF_REQUESTS.after(failures);
        Requests.logRetry(LOG, "the list of topics", failures, wait, error);
        again(wait);
    }

    private void again(Duration wait) {
        Disposable unused = events.after(wait, this::look);
    }
}
