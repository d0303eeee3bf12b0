package io.reactivemq.test.simulation;

import io.reactivemq.test.history.Anomaly;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/**
 * A run of a {@link World} from a seed, and what is wrong with it.
 *
 * @param seed the seed
 * @param history what its clients did and saw, line by line
 * @param wrong what is wrong; empty where nothing is
 * @param trace a number that differs between two runs of which not every task was the same
 * @param figures what happened in it
 */
record Simulation(long seed, String history, List<String> wrong, long trace, Figures figures) {

    /** What happened in a run. */
    record Figures(int events, long steps, long simulatedMs, int kills, int powerLosses, int refusals) {}

    /** Arguments: seeds. Prints a line each: the seed and the hash of its run. */
    public static void main(String[] arguments) {
        for (String argument : arguments) {
            long seed = Long.parseLong(argument);
            System.out.println(Quiet.during(() -> of(seed, new Mistake())).hash());
        }
    }

    static Simulation of(long seed, Mistake mistake) {
        World world = new World(seed, mistake);
        List<String> wrong;
        try {
            world.live();
            wrong = world.history.check().stream().map(Anomaly::toString).toList();
        } catch (World.Broken | AssertionError e) {
            wrong = List.of(String.valueOf(e.getMessage()));
        } catch (RuntimeException e) {
            // the broker refuses what it has to do, or the world itself is wrong
            wrong = List.of(e.toString());
        }
        BrokerHost host = world.host();
        return new Simulation(
                seed,
                world.history.toString(),
                wrong,
                world.runtime.traceHash(),
                new Figures(
                        world.history.events().size(),
                        world.runtime.steps(),
                        world.runtime.elapsed().toMillis(),
                        host.kills,
                        host.powerLosses,
                        host.refusals));
    }

    /** The same for the same run, in any process. */
    String hash() {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(history.getBytes(StandardCharsets.UTF_8));
            digest.update(Long.toString(trace).getBytes(StandardCharsets.UTF_8));
            return seed + " " + HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java has SHA-256", e);
        }
    }

    /** What is wrong, how to see it again, and the history. */
    String report() {
        return "seed " + seed + ": " + String.join("\n  ", wrong)
                + "\nagain: mvn -pl reactive-mq-test -am test -Dtest=SimulationTest -Dsurefire.failIfNoSpecifiedTests=false -Dreactivemq.seed="
                + seed + "\n" + history;
    }
}
