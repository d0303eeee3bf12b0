package io.reactivemq.operator;

import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * Two threads that meet on many objects, one after the other, within nanoseconds: where a test tool that starts threads for
 * each round meets within microseconds, and misses windows of a few instructions.
 */
final class Duel {

    /** Turns of a drain that another thread takes one after the other, enough to be under way when one comes who is {@link #lateByChance}. */
    static final int TURNS = 150;

    private Duel() {}

    /** For a window of nanoseconds between two looks of a drain: where one side drains all the while, the other hits it by chance. */
    static void lateByChance(SplittableRandom random) {
        busy(random.nextInt(20));
    }

    /** Lets a little time pass without leaving the processor. */
    static void busy(int rounds) {
        for (int i = 0; i < rounds; i++) {
            Thread.onSpinWait();
        }
    }

    /** Runs {@code one} and {@code other} on each of the rounds at the same time; returns when all are done. */
    static <R> void fight(List<R> rounds, Consumer<R> one, Consumer<R> other) {
        AtomicInteger arrived = new AtomicInteger();
        CompletableFuture<Void> opponent = CompletableFuture.runAsync(() -> walk(rounds, other, arrived));
        walk(rounds, one, arrived);
        try {
            opponent.get(60, TimeUnit.SECONDS);
        } catch (InterruptedException | ExecutionException | TimeoutException e) {
            throw new AssertionError("the other side did not get through", e);
        }
    }

    @SuppressWarnings("ThreadPriorityCheck") // with fewer processors than threads the other side has to get one
    private static <R> void walk(List<R> rounds, Consumer<R> side, AtomicInteger arrived) {
        int expected = 0;
        for (R round : rounds) {
            expected += 2;
            arrived.incrementAndGet();
            for (int spins = 0; arrived.get() < expected; spins++) {
                if (spins > 2_000) {
                    Thread.yield();
                }
            }
            try {
                side.accept(round);
            } catch (RuntimeException | Error e) {
                // let the other side through, which would wait in vain
                arrived.set(Integer.MAX_VALUE / 2);
                throw e;
            }
        }
    }
}
