package io.reactivemq.examples.parcels;

import io.reactivemq.consume.Receiver;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;

/**
 * The group's member in this application. A record that can't be handled goes to the dead letters; where even that fails, the member ends, and health says so. It
 * starts before the web server and is drained behind it.
 */
@Component
class DepotMember implements SmartLifecycle {

    private static final Logger LOG = LoggerFactory.getLogger(DepotMember.class);

    private final Receiver<String, Scan> receiver;
    private final DepotBoard board;
    private final ParcelsProperties properties;
    private final AtomicReference<@Nullable Disposable> subscription = new AtomicReference<>();

    DepotMember(Receiver<String, Scan> depotReceiver, DepotBoard board, ParcelsProperties properties) {
        this.receiver = depotReceiver;
        this.board = board;
        this.properties = properties;
    }

    @Override
    public void start() {
        subscription.set(receiver.process(record -> Mono.fromRunnable(() -> board.add(record)))
                .subscribe(
                        outcome -> {},
                        error -> LOG.error("the group {} is no longer read", properties.group(), error)));
    }

    @Override
    public boolean isRunning() {
        Disposable running = subscription.get();
        return running != null && !running.isDisposed();
    }

    @Override
    public void stop(Runnable stopped) {
        receiver.drain(properties.drain())
                .doFinally(end -> stopped.run())
                .subscribe(
                        report -> LOG.info("the group {} is drained: {}", properties.group(), report),
                        error -> LOG.warn("the group {} did not end in good order", properties.group(), error));
    }

    @Override
    public void stop() {
        receiver.drain(properties.drain()).block();
    }

    @Override
    public int getPhase() {
        return 0;
    }
}
