package io.reactivemq.examples.demo;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;

/**
 * Pretended work. A handler that calls a database takes about a millisecond a record; without it the whole group would be done
 * before a member could be stopped half way. A large input gets less of it, so that the demo takes about as long.
 */
final class Pace {

    /** About the flights of the built-in input. */
    private static final long ROWS_AT_ONE_PAUSE_EACH = 20_000;

    private static final long LONGEST_PAUSE_MS = 20;

    private final Scheduler timers;
    private final Duration pause;
    private final long everySoManyRows;
    private final AtomicLong count = new AtomicLong();

    private Pace(Scheduler timers, Duration pause, long everySoManyRows) {
        this.timers = timers;
        this.pause = pause;
        this.everySoManyRows = everySoManyRows;
    }

    static Pace forRows(long rows, Scheduler timers) {
        long pauseMs = Math.max(1, Math.min(LONGEST_PAUSE_MS, ROWS_AT_ONE_PAUSE_EACH / Math.max(1, rows)));
        return new Pace(timers, Duration.ofMillis(pauseMs), Math.max(1, rows / ROWS_AT_ONE_PAUSE_EACH));
    }

    /** Completes when the work on one row is done. */
    Mono<Void> work() {
        return Mono.defer(() -> count.incrementAndGet() % everySoManyRows == 0
                ? Mono.delay(pause, timers).then()
                : Mono.empty());
    }

    /** The group and its pace, as it is put in the report. */
    String description() {
        String each = everySoManyRows == 1 ? "each row" : "every " + everySoManyRows + "th row";
        return "three members, " + pause.toMillis() + " ms of work for " + each;
    }
}
