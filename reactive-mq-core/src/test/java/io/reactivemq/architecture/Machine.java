package io.reactivemq.architecture;

import com.tngtech.archunit.core.domain.AccessTarget.CodeUnitAccessTarget;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaCodeUnitAccess;
import com.tngtech.archunit.core.domain.JavaConstructor;
import java.time.Clock;
import java.time.Duration;
import java.util.Collection;
import java.util.Date;
import java.util.Random;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.Timer;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import java.util.stream.BaseStream;
import java.util.stream.Collectors;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.util.retry.Retry;
import reactor.util.retry.RetryBackoffSpec;

/** What gives a program the time, a thread or chance behind the back of {@code MqRuntime}. */
final class Machine {

    /** Any use of these. */
    private static final Set<String> TYPES = names(
            Schedulers.class,
            ThreadLocalRandom.class,
            Executors.class,
            Timer.class,
            ThreadPoolExecutor.class,
            ScheduledThreadPoolExecutor.class,
            ForkJoinPool.class,
            RandomGeneratorFactory.class);

    private Machine() {}

    static boolean isReachedBy(JavaAccess<?> access) {
        JavaClass owner = access.getTargetOwner();
        if (TYPES.contains(owner.getName())) {
            return true;
        }
        return access instanceof JavaCodeUnitAccess<?> call
                && (isClock(owner, call)
                        || isThread(owner, call)
                        || isChance(owner, call)
                        || isTimedByReactorsOwnScheduler(owner, call));
    }

    private static boolean isClock(JavaClass owner, JavaCodeUnitAccess<?> call) {
        String name = call.getName();
        return (owner.isEquivalentTo(System.class)
                        && Set.of("nanoTime", "currentTimeMillis").contains(name))
                || (owner.isEquivalentTo(Clock.class) && name.matches("system.*|tick.*"))
                || (owner.getPackageName().startsWith("java.time") && name.equals("now"))
                || (owner.isEquivalentTo(Date.class) && isNew(call) && parameters(call) == 0);
    }

    /** {@code Thread.currentThread} included: who runs a piece of code should not matter to it. */
    private static boolean isThread(JavaClass owner, JavaCodeUnitAccess<?> call) {
        String name = call.getName();
        return (owner.isAssignableTo(Thread.class)
                        && (isNew(call)
                                || name.matches("start|sleep|yield|join|currentThread|of.*|startVirtualThread")))
                || (owner.isEquivalentTo(CompletableFuture.class)
                        && name.matches(".*Async|orTimeout|completeOnTimeout|delayedExecutor"))
                || (owner.isAssignableTo(Collection.class) && name.equals("parallelStream"))
                || (owner.isAssignableTo(BaseStream.class) && name.equals("parallel"));
    }

    private static boolean isChance(JavaClass owner, JavaCodeUnitAccess<?> call) {
        String name = call.getName();
        return owner.isAssignableTo(Random.class)
                || (owner.isEquivalentTo(SplittableRandom.class) && isNew(call) && parameters(call) == 0)
                || (owner.isEquivalentTo(RandomGenerator.class)
                        && Set.of("of", "getDefault").contains(name))
                || (owner.isEquivalentTo(Math.class) && name.equals("random"))
                || (owner.isEquivalentTo(UUID.class) && name.equals("randomUUID"));
    }

    /** {@code timeout(Duration)} and its kin run on a global scheduler unless they are given one. */
    private static boolean isTimedByReactorsOwnScheduler(JavaClass owner, JavaCodeUnitAccess<?> call) {
        String name = call.getName();
        CodeUnitAccessTarget target = call.getTarget();
        if (owner.getPackageName().equals("reactor.core.publisher")) {
            boolean timed = HouseRules.takes(target, Duration.class)
                    || Set.of("elapsed", "timed", "timestamp").contains(name);
            return timed && !HouseRules.takes(target, Scheduler.class) && !name.startsWith("block");
        }
        boolean retriesLater = owner.isEquivalentTo(Retry.class)
                && Set.of("backoff", "fixedDelay").contains(name);
        return retriesLater
                && call.getOrigin().getCallsFromSelf().stream()
                        .noneMatch(other -> other.getTargetOwner().isEquivalentTo(RetryBackoffSpec.class)
                                && other.getName().equals("scheduler"));
    }

    private static boolean isNew(JavaCodeUnitAccess<?> call) {
        return call.getName().equals(JavaConstructor.CONSTRUCTOR_NAME);
    }

    private static int parameters(JavaCodeUnitAccess<?> call) {
        return call.getTarget().getRawParameterTypes().size();
    }

    private static Set<String> names(Class<?>... types) {
        return Set.of(types).stream().map(Class::getName).collect(Collectors.toUnmodifiableSet());
    }
}
