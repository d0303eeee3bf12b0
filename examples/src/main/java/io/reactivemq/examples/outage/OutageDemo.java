package io.reactivemq.examples.outage;

import io.reactivemq.MqRuntime;
import io.reactivemq.examples.cli.UnfinishedException;
import io.reactivemq.metrics.BufferDepth;
import io.reactivemq.operator.Overflow;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.Disposable;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * A shop takes orders, billing handles them. Half way through, billing is down for a while; orders go on coming, more than memory is
 * to hold, and wait in files. When billing is back it gets what waited, in its order, then what is new.
 */
final class OutageDemo {

    /** Orders that wait in memory; all others do on disk. */
    private static final int CAPACITY = 1_024;

    private static final Duration TICK = Duration.ofMillis(20);
    private static final Duration REPORT_EVERY = Duration.ofMillis(500);
    private static final Duration DEADLINE = Duration.ofMinutes(2);

    private final int orders;
    private final Duration duration;
    private final Path directory;
    private final Consumer<String> out;
    private final MqRuntime runtime = MqRuntime.system();
    private final BufferDepth depth = new BufferDepth();
    private final AtomicLong taken = new AtomicLong();
    private final Billing billing = new Billing();
    private volatile long mostWaiting;

    /**
     * @param duration how long the orders take to come; zero for as fast as they can
     * @param directory where they wait
     * @param out where lines go
     */
    OutageDemo(int orders, Duration duration, Path directory, Consumer<String> out) {
        this.orders = orders;
        this.duration = duration;
        this.directory = directory;
        this.out = out;
    }

    /** Runs it to its end, in bounded time. */
    void run() {
        long began = runtime.nanoTime();
        Disposable progress = Flux.interval(REPORT_EVERY, runtime.timers())
                .subscribe(tick -> out.accept(String.format(
                        Locale.ROOT,
                        "%4.1f s  %s  taken %,10d  billed %,10d  waiting %,10d",
                        (runtime.nanoTime() - began) / 1e9,
                        billing.isDown() ? "DOWN" : "up  ",
                        taken.get(),
                        billing.billed(),
                        depth.getAsLong())));
        try {
            orders().doOnNext(this::scene)
                    .transform(Overflow.spillToDisk(
                            directory,
                            Order.SERDE,
                            CAPACITY,
                            o -> o.name("orders").depth(depth)))
                    .subscribe(billing);
            billing.end().timeout(DEADLINE, runtime.timers()).block();
        } catch (RuntimeException e) {
            throw new UnfinishedException("the orders did not get through: " + e.getMessage(), e);
        } finally {
            progress.dispose();
            billing.cancel();
        }
    }

    private Flux<Order> orders() {
        if (duration.isZero()) {
            return Flux.range(0, orders).map(Order::of);
        }
        int ticks = (int) Math.max(1, duration.dividedBy(TICK));
        return Flux.interval(TICK, runtime.timers())
                .take(ticks)
                .onBackpressureBuffer(ticks)
                .concatMap(tick -> Flux.range(from(tick, ticks), from(tick + 1, ticks) - from(tick, ticks)))
                .map(Order::of);
    }

    private int from(long tick, int ticks) {
        return (int) (orders * tick / ticks);
    }

    /** What happens, by the orders that the shop has taken. */
    private void scene(Order order) {
        taken.lazySet(order.number() + 1);
        if (order.number() == orders / 4) {
            out.accept("billing is down; orders go on coming");
            billing.goDown();
        }
        if (order.number() == orders / 4 * 3L) {
            mostWaiting = depth.getAsLong();
            out.accept(String.format(Locale.ROOT, "billing is back; %,d orders are waiting", mostWaiting));
            billing.comeBack();
        }
    }

    int capacity() {
        return CAPACITY;
    }

    long billed() {
        return billing.billed();
    }

    /** How many waited when billing came back. */
    long mostWaiting() {
        return mostWaiting;
    }

    /** Null: each order came once and in its turn. */
    @Nullable String problem() {
        String problem = billing.problem;
        if (problem != null) {
            return problem;
        }
        return billing.billed() == orders
                ? null
                : String.format(Locale.ROOT, "%,d of %,d orders were billed", billing.billed(), orders);
    }

    /** Asks for a few orders at a time, for none while it is down, and checks that the next is the next. */
    private static final class Billing extends BaseSubscriber<Order> {

        private static final int AT_ONCE = 64;

        private final Sinks.Empty<Void> ended = Sinks.empty();
        private final AtomicLong billed = new AtomicLong();
        private volatile @Nullable String problem;

        /** Guarded by this. */
        private boolean down;

        /** Asked for and not yet here. Guarded by this. */
        private int asked;

        Mono<Void> end() {
            return ended.asMono();
        }

        long billed() {
            return billed.get();
        }

        synchronized boolean isDown() {
            return down;
        }

        synchronized void goDown() {
            down = true;
        }

        void comeBack() {
            synchronized (this) {
                down = false;
            }
            askForMore();
        }

        @Override
        protected void hookOnSubscribe(Subscription subscription) {
            askForMore();
        }

        @Override
        protected void hookOnNext(Order order) {
            long expected = billed.get();
            if (problem == null && !order.equals(Order.of(expected))) {
                problem = "expected " + Order.of(expected) + ", got " + order;
            }
            billed.lazySet(expected + 1);
            synchronized (this) {
                asked--;
            }
            askForMore();
        }

        private void askForMore() {
            synchronized (this) {
                if (down || asked > 0) {
                    return;
                }
                asked = AT_ONCE;
            }
            request(AT_ONCE);
        }

        @Override
        protected void hookOnError(Throwable failure) {
            ended.tryEmitError(failure);
        }

        @Override
        protected void hookOnComplete() {
            ended.tryEmitEmpty();
        }
    }
}
