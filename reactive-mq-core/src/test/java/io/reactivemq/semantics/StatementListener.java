package io.reactivemq.semantics;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/**
 * Keeps the outcome of each test whose display name, or that of a container around it, begins with the ids of statements ("K02 K14 members of a
 * group ..."), in the module's {@code target/semantics.tsv}: id, engine, outcome, test. The engine is the tag of the test or of a class around it, one
 * of {@link StatementTable#ENGINES}; a test without such a tag has none. What an earlier run of other tests has written stays.
 */
public final class StatementListener implements TestExecutionListener {

    private static final Pattern IDS = Pattern.compile("^[A-Z]\\d{2}(?:,? [A-Z]\\d{2})*\\b");

    private static final Pattern COMMA_OR_BLANK = Pattern.compile(",? ");

    private final Map<String, List<String>> heard = new ConcurrentSkipListMap<>();

    private @Nullable TestPlan plan;

    @Override
    public void testPlanExecutionStarted(TestPlan started) {
        plan = started;
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
        hear(test, "skipped");
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
        boolean failed = result.getStatus() == TestExecutionResult.Status.FAILED;
        if (test.isTest() || failed) {
            boolean aborted = result.getStatus() == TestExecutionResult.Status.ABORTED;
            hear(test, failed ? "fail" : aborted ? "skipped" : "pass");
        }
    }

    @Override
    public void testPlanExecutionFinished(TestPlan finished) {
        Path module = Path.of("").toAbsolutePath();
        Path project = module.getParent();
        if (project == null || heard.isEmpty() || !Files.isRegularFile(module.resolve("pom.xml"))) {
            return;
        }
        try {
            write(module.resolve("target").resolve(StatementTable.HEARD));
            StatementTable.write(project);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void hear(TestIdentifier test, String outcome) {
        TestPlan current = plan;
        if (current == null) {
            return;
        }
        Set<String> ids = new LinkedHashSet<>();
        Set<String> engines = new LinkedHashSet<>();
        Optional<TestIdentifier> at = Optional.of(test);
        while (at.isPresent()) {
            Matcher begin = IDS.matcher(at.get().getDisplayName());
            if (begin.find()) {
                ids.addAll(List.of(COMMA_OR_BLANK.split(begin.group(), -1)));
            }
            at.get().getTags().forEach(tag -> engines.add(tag.getName()));
            at = current.getParent(at.get());
        }
        engines.retainAll(StatementTable.ENGINES);
        if (engines.isEmpty()) {
            engines.add(StatementTable.NO_ENGINE);
        }
        List<String> lines = new ArrayList<>();
        for (String id : ids) {
            for (String engine : engines) {
                lines.add(String.join("\t", id, engine, outcome, test.getUniqueId()));
            }
        }
        if (!lines.isEmpty()) {
            heard.put(test.getUniqueId(), lines);
        }
    }

    private void write(Path file) throws IOException {
        Map<String, List<String>> all = new TreeMap<>();
        if (Files.exists(file)) {
            for (String line : Files.readAllLines(file)) {
                String test = line.substring(line.lastIndexOf('\t') + 1);
                all.computeIfAbsent(test, first -> new ArrayList<>()).add(line);
            }
        }
        all.putAll(heard);
        Files.write(file, all.values().stream().flatMap(List::stream).sorted().toList());
    }
}
