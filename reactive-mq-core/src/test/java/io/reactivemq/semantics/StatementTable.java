package io.reactivemq.semantics;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/** The table of statements and engines, made of what the tests of all modules have told and of {@code statements.txt}, which has the words and the reasons. */
final class StatementTable {

    /** The tags that say what a test runs on. */
    static final List<String> ENGINES = List.of("memory", "files", "wire", "kafka");

    static final String NO_ENGINE = "alone";

    /** In each module's {@code target}. */
    static final String HEARD = "semantics.tsv";

    private static final String TABLE_MODULE = "reactive-mq-test";

    private final Map<String, String> statements = new TreeMap<>();
    private final Map<String, String> reasons = new TreeMap<>();
    private final Map<String, String> cells = new HashMap<>();
    private final TreeSet<String> silent = new TreeSet<>();

    private StatementTable() {}

    /** Writes {@code reactive-mq-test/target/semantics.md} anew from what there is of every module. */
    static void write(Path project) throws IOException {
        Path module = project.resolve(TABLE_MODULE);
        if (!Files.isDirectory(module)) {
            return;
        }
        StatementTable table = new StatementTable();
        try (InputStream in = Objects.requireNonNull(
                StatementTable.class.getResourceAsStream("statements.txt"), "statements.txt is on the class path")) {
            table.define(new String(in.readAllBytes(), UTF_8).lines().toList());
        }
        try (Stream<Path> modules = Files.list(project)) {
            for (Path one : modules.filter(path -> Files.isDirectory(path.resolve("src/test/java")))
                    .toList()) {
                Path heard = one.resolve("target").resolve(HEARD);
                if (Files.exists(heard)) {
                    Files.readAllLines(heard).forEach(table::hear);
                } else {
                    table.silent.add(one.getFileName().toString());
                }
            }
        }
        Path target = Files.createDirectories(module.resolve("target"));
        // as a whole: modules that are built at once write it, too
        Path made = Files.write(Files.createTempFile(target, "semantics", ".md"), table.lines());
        Files.move(made, target.resolve("semantics.md"), REPLACE_EXISTING);
    }

    /** Lines as {@code K25 the statement} and {@code K25 n/a memory: the reason}. */
    void define(List<String> lines) {
        for (String line : lines) {
            if (line.isBlank() || line.startsWith("#")) {
                continue;
            }
            String id = line.substring(0, 3);
            String rest = line.substring(4);
            if (rest.startsWith("n/a ")) {
                int colon = rest.indexOf(':');
                reasons.put(
                        id + " " + rest.substring(4, colon),
                        rest.substring(colon + 1).strip());
            } else {
                statements.put(id, rest);
            }
        }
    }

    /** One failure makes a cell fail; a test that was skipped counts only where none has run. */
    void hear(String line) {
        String[] parts = line.split("\t", -1);
        cells.merge(parts[0] + " " + parts[1], parts[2], (one, other) -> rank(one) >= rank(other) ? one : other);
        statements.putIfAbsent(parts[0], "(not in statements.txt)");
    }

    private static int rank(String outcome) {
        return List.of("skipped", "pass", "fail").indexOf(outcome);
    }

    List<String> lines() {
        List<String> lines = new ArrayList<>();
        lines.add("| statement | memory | files | wire | Apache Kafka | alone |");
        lines.add("| --- | --- | --- | --- | --- | --- |");
        statements.forEach((id, words) -> {
            StringBuilder row = new StringBuilder("| " + id + " " + words + " |");
            for (String engine : ENGINES) {
                row.append(' ').append(cell(id + " " + engine, "-")).append(" |");
            }
            lines.add(row.append(' ')
                    .append(cell(id + " " + NO_ENGINE, ""))
                    .append(" |")
                    .toString());
        });
        lines.add("");
        lines.add("Not applicable:");
        lines.add("");
        reasons.forEach((cell, reason) -> lines.add("- " + cell + ": " + reason));
        if (!silent.isEmpty()) {
            lines.add("");
            lines.add("Without tests, or not run: " + String.join(", ", silent) + ".");
        }
        return lines;
    }

    /** What was tried counts more than the reason why it could not be. */
    private String cell(String key, String none) {
        String heard = cells.get(key);
        return heard != null ? heard : reasons.containsKey(key) ? "n/a" : none;
    }
}
