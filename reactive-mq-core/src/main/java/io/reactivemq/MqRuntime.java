package io.reactivemq;

import java.util.concurrent.Semaphore;
import java.util.random.RandomGenerator;
import reactor.core.scheduler.Scheduler;

/**
 * Everything that reactive-mq takes from the machine besides files: clocks, threads and chance. One instance is handed to
 * a broker and from there to all that runs on it; nothing else in this library reads a clock, starts a thread or draws a
 * random number. A test hands in a runtime in virtual time on one thread ({@code SimulatedRuntime} in reactive-mq-test) and
 * runs the production code unchanged.
 *
 * <p>Instances are safe for use by many threads.
 */
public interface MqRuntime {

    /** The wall clock in milliseconds since 1970, for timestamps. It may jump. */
    long currentTimeMillis();

    /** A clock for durations in nanoseconds: it never goes back; its zero means nothing. */
    long nanoTime();

    /** Runs short tasks later: sessions, lingers, long polls. A task does no more than hand work to its owner. */
    Scheduler timers();

    /** Runs what blocks on files. The only threads of the library that may block, but for the leave that {@link #quickFiles} gives others. */
    Scheduler io();

    /** Leave for other threads to use files as long as those are quick, for who owns such threads. Nobody has it unless the runtime says otherwise. */
    default QuickFiles quickFiles() {
        return QuickFiles.NONE;
    }

    /**
     * The threads of senders and receivers, user code included. {@link Scheduler#createWorker()} gives a serial worker:
     * its tasks run one after the other, in order. These threads must not block.
     */
    Scheduler workers();

    /** The source of ids and of chance. Safe for many threads; not for secrets. */
    RandomGenerator random();

    /** Whether the calling thread may be parked: all but those that Reactor and Netty keep for work that never blocks. */
    default boolean mayPark() {
        return SystemRuntime.mayParkThread();
    }

    /**
     * Parks the calling thread, which {@link #mayPark}, until the gate has a permit, and takes that.
     *
     * @param nanos how long at most
     * @return false if there was none in that time, or if the thread was interrupted, which it then still is
     */
    default boolean park(Semaphore gate, long nanos) {
        return SystemRuntime.parkThread(gate, nanos);
    }

    /** The real one: system clocks and daemon threads, shared by all who ask; made on first use and never stopped. */
    static MqRuntime system() {
        return SystemRuntime.instance();
    }
}
