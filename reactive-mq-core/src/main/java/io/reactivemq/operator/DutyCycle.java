package io.reactivemq.operator;

import io.reactivemq.MqRuntime;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * Runs a cycle on the io threads, one at a time, until it finds nothing to do; {@link #wake}, from any thread, starts it again. What
 * a cycle writes the next one sees. When the runtime takes no tasks any more, cycles run on whichever thread wakes it.
 */
final class DutyCycle implements Runnable {

    private static final VarHandle STATE = state();

    /** No work, and no task scheduled. */
    private static final int IDLE = 0;
    /** A cycle is under way. */
    private static final int RUNNING = 1;
    /** Something has come since it began, or a task is scheduled. */
    private static final int SIGNALLED = 2;

    /** Cycles before the thread goes to others that share it. */
    private static final int CYCLES_MAX = 64;

    private final MqRuntime runtime;
    private final BooleanSupplier cycle;
    private final Consumer<Throwable> thrown;
    private final Consumer<RejectedExecutionException> refused;

    private volatile int state;

    /**
     * @param cycle true if it may find more to do at once
     * @param thrown told of what a cycle throws
     * @param refused told each time that the runtime takes no task, on the thread that woke it; a cycle on that thread follows
     */
    DutyCycle(
            MqRuntime runtime,
            BooleanSupplier cycle,
            Consumer<Throwable> thrown,
            Consumer<RejectedExecutionException> refused) {
        this.runtime = runtime;
        this.cycle = cycle;
        this.thrown = thrown;
        this.refused = refused;
    }

    private static VarHandle state() {
        try {
            return MethodHandles.lookup().findVarHandle(DutyCycle.class, "state", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** There may be work. */
    void wake() {
        VarHandle.fullFence();
        if (state != SIGNALLED && (int) STATE.getAndSet(this, SIGNALLED) == IDLE && !isScheduled()) {
            run();
        }
    }

    /** False where the runtime takes no tasks any more. */
    private boolean isScheduled() {
        try {
            runtime.io().schedule(this);
            return true;
        } catch (RejectedExecutionException e) {
            refused.accept(e);
            return false;
        }
    }

    @Override
    public void run() {
        for (int cycles = 0; ; cycles++) {
            if (cycles == CYCLES_MAX) {
                state = SIGNALLED;
                if (isScheduled()) {
                    return;
                }
            }
            state = RUNNING;
            VarHandle.fullFence();
            boolean more = false;
            try {
                more = cycle.getAsBoolean();
            } catch (Throwable unforeseen) {
                thrown.accept(unforeseen);
            }
            if (!more && STATE.compareAndSet(this, RUNNING, IDLE)) {
                return;
            }
        }
    }
}
