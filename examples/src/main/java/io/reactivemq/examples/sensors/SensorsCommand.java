package io.reactivemq.examples.sensors;

import io.reactivemq.MqRuntime;
import io.reactivemq.examples.cli.ExitCode;
import io.reactivemq.examples.cli.UnfinishedException;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import reactor.core.publisher.Mono;

/** {@code rmq sensors}: reads the arguments, runs the {@link SensorStation}, says what became of the readings. */
@Command(
        name = "sensors",
        description = {
            "A feed of sensor readings and a dashboard that is busy half of the time. Between them is a buffer that drops the "
                    + "oldest reading when it is full, so that the feed goes on and the dashboard shows the latest.",
            ""
        },
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:every reading was shown or counted as dropped, the last of each sensor was shown",
            "1:it was not so, or it could not finish",
            "2:wrong usage"
        })
public final class SensorsCommand implements Callable<Integer> {

    /** What there is to show behind the end of the feed, and a busy machine, take. */
    private static final Duration GRACE = Duration.ofSeconds(60);

    private final MqRuntime runtime;
    private final BiFunction<Mono<Summary>, Duration, @Nullable Summary> await;

    @Spec
    private @Nullable CommandSpec spec;

    @Option(
            names = "--seconds",
            defaultValue = "12",
            description = "how long the feed lasts (default: ${DEFAULT-VALUE})")
    private int seconds;

    @Option(
            names = "--rate",
            paramLabel = "READINGS",
            defaultValue = "2000",
            description = "how many readings there are a second (default: ${DEFAULT-VALUE})")
    private int perSecond;

    @Option(
            names = "--sensors",
            defaultValue = "6",
            description = "how many sensors there are (default: ${DEFAULT-VALUE})")
    private int sensors;

    @Option(
            names = "--capacity",
            paramLabel = "READINGS",
            defaultValue = "512",
            description = "how many readings may wait (default: ${DEFAULT-VALUE})")
    private int capacity;

    @Option(
            names = "--seed",
            defaultValue = "42",
            description = "of the values: the same seed measures the same (default: ${DEFAULT-VALUE})")
    private long seed;

    @Option(names = "--plain", description = "print a line a second, on a terminal too")
    private boolean plain;

    public SensorsCommand() {
        this(MqRuntime.system(), Mono::block);
    }

    /**
     * For tests.
     *
     * @param await waits for the end of a run, at most for a time
     */
    SensorsCommand(MqRuntime runtime, BiFunction<Mono<Summary>, Duration, @Nullable Summary> await) {
        this.runtime = runtime;
        this.await = await;
    }

    @Override
    public Integer call() {
        if (spec == null) {
            throw new IllegalStateException("this command is run by picocli only");
        }
        Plan plan = new Plan(seconds, perSecond, sensors, capacity, seed);
        Screen screen = new Screen(spec.commandLine().getOut(), Boolean.getBoolean("rmq.terminal") && !plain);
        Summary summary = summary(new SensorStation(plan, runtime, screen).run());
        screen.say(String.format(
                Locale.ROOT,
                "%,d readings measured = %,d shown + %,d dropped; the latest of each sensor was %s",
                summary.measured(),
                summary.shown(),
                summary.dropped(),
                summary.latestShown() ? "shown" : "MISSED"));
        return summary.isRight() ? ExitCode.OK : ExitCode.FAILED;
    }

    private Summary summary(Mono<Summary> run) {
        Summary summary;
        try {
            summary = await.apply(run, Duration.ofSeconds(seconds).plus(GRACE));
        } catch (RuntimeException e) {
            throw new UnfinishedException("the feed did not come to its end: " + e.getMessage(), e);
        }
        if (summary == null) {
            throw new UnfinishedException("the feed ended without a result", null);
        }
        return summary;
    }
}
