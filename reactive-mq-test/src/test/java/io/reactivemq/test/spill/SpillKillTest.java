package io.reactivemq.test.spill;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.Durability;
import io.reactivemq.test.ChildJvm;
import io.reactivemq.test.spill.SpillingChild.Element;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.publisher.Flux;

/**
 * Children that spill are killed with SIGKILL, one after the other on the same directory; each takes up what the one before has left. The
 * points are counts of delivered elements chosen by the seed. {@code -Dreactivemq.spill.kills=500}, for each level of durability, kills more often.
 */
@DisplayName("a spilling process that is killed")
class SpillKillTest {

    private static final int KILLS = Integer.getInteger("reactivemq.spill.kills", 11);
    private static final long SEED = Long.getLong("reactivemq.seed", 1);
    private static final int DELIVERED_MAX = 3000;
    private static final Duration DEADLINE = Duration.ofSeconds(60);

    @TempDir
    Path temporary;

    private final List<Element> delivered = new ArrayList<>();

    /** By run: how many of its elements had been written to files, as far as it said. */
    private final Map<Integer, Integer> written = new HashMap<>();

    @ParameterizedTest
    @EnumSource(names = {"FSYNC", "OS_BUFFERED"})
    @Timeout(value = 60, unit = TimeUnit.MINUTES)
    @DisplayName("M11 loses nothing that was in files, keeps the order, and repeats no more than the capacity:")
    void nothing_in_files_is_lost(Durability durability) throws Exception {
        Path directory = temporary.resolve("spill");
        SplittableRandom random = new SplittableRandom(SEED);
        for (int run = 0; run < KILLS; run++) {
            int point = pointOf(run, random);
            String context =
                    "seed " + SEED + ", " + durability.configName() + ", kill " + run + " after " + point + " elements";
            List<Element> got = runAndKill(directory, durability, run, point, context);
            checkFollows(got, context);
            delivered.addAll(got);
        }
        List<Element> rest = Objects.requireNonNull(Flux.<Element>empty()
                .transform(SpillingChild.spill(directory, durability, new SimpleMeterRegistry()))
                .collectList()
                .block(DEADLINE));
        checkFollows(rest, "the rest");
        delivered.addAll(rest);
        Set<Element> all = new HashSet<>(delivered);
        written.forEach((run, count) -> {
            for (int number = 0; number < count; number++) {
                assertThat(all.contains(new Element(run, number)))
                        .as("element %s of run %s, which has written %s", number, run, count)
                        .isTrue();
            }
        });
        try (var files = Files.list(directory)) {
            assertThat(files.map(path -> path.getFileName().toString())).containsExactly(".lock");
        }
    }

    /** How many it has delivered when it is killed. The first run begins in memory; it is killed when that has been delivered. */
    private static int pointOf(int run, SplittableRandom random) {
        if (run == 0) {
            return SpillingChild.CAPACITY + 1 + random.nextInt(DELIVERED_MAX);
        }
        return random.nextInt(4) == 0 ? random.nextInt(3) : random.nextInt(DELIVERED_MAX);
    }

    /** In order, and from where the one before ended, or a little before. */
    private void checkFollows(List<Element> got, String context) {
        for (int i = 1; i < got.size(); i++) {
            Element before = got.get(i - 1);
            Element element = got.get(i);
            boolean next = element.run() == before.run() && element.number() == before.number() + 1;
            assertThat(next || element.run() > before.run())
                    .as("%s: %s behind %s", context, element, before)
                    .isTrue();
        }
        if (got.isEmpty() || delivered.isEmpty()) {
            return;
        }
        int again = delivered.size() - 1 - delivered.lastIndexOf(got.get(0)) + 1;
        if (delivered.contains(got.get(0))) {
            assertThat(again).as("%s: delivered again", context).isLessThanOrEqualTo(SpillingChild.CAPACITY + 1);
        } else {
            Element last = delivered.get(delivered.size() - 1);
            Element first = got.get(0);
            assertThat((first.run() == last.run() && first.number() == last.number() + 1) || first.run() > last.run())
                    .as("%s: %s behind %s", context, first, last)
                    .isTrue();
        }
    }

    private List<Element> runAndKill(Path directory, Durability durability, int run, int point, String context)
            throws IOException, InterruptedException {
        Path errors = temporary.resolve("child.err");
        List<Element> got = new ArrayList<>();
        Process child = ChildJvm.of(
                        SpillingChild.class,
                        List.of(directory.toString(), durability.configName(), Integer.toString(run)))
                .redirectError(errors.toFile())
                .start();
        try (BufferedReader out =
                new BufferedReader(new InputStreamReader(child.getInputStream(), StandardCharsets.US_ASCII))) {
            boolean opening = false;
            for (String line = wholeLine(out); line != null; line = wholeLine(out)) {
                if (line.equals(SpillingChild.OPENING)) {
                    opening = true;
                } else {
                    String[] fields = line.split(" ", 3);
                    got.add(new Element(Integer.parseInt(fields[0]), Integer.parseInt(fields[1])));
                    written.put(run, Integer.parseInt(fields[2]));
                }
                if (got.size() >= point) {
                    // through the handle: Process.destroyForcibly would also close the pipe
                    child.toHandle().destroyForcibly();
                }
            }
            assertThat(child.waitFor(DEADLINE.toSeconds(), TimeUnit.SECONDS))
                    .as("%s: the child has ended", context)
                    .isTrue();
            assertThat(opening && got.size() >= point)
                    .as("%s: it came to that point; its error output: %s", context, Files.readString(errors))
                    .isTrue();
            assertThat(child.exitValue()).as("%s: killed by SIGKILL", context).isEqualTo(137);
            return got;
        } finally {
            child.destroyForcibly();
        }
    }

    /** The next line that ends with a line break; null at the end. */
    private static @Nullable String wholeLine(BufferedReader in) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c = in.read(); c >= 0; c = in.read()) {
            if (c == '\n') {
                return line.toString();
            }
            line.append((char) c);
        }
        return null;
    }
}
