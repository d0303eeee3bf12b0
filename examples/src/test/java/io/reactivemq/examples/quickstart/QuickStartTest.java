package io.reactivemq.examples.quickstart;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class QuickStartTest {

    @Test
    void itDoesWhatItSays() {
        ByteArrayOutputStream captured = new ByteArrayOutputStream();
        PrintStream before = System.out;
        System.setOut(new PrintStream(captured, true, StandardCharsets.UTF_8));
        try {
            QuickStart.main(new String[0]);
        } finally {
            System.setOut(before);
        }

        List<String> lines = captured.toString(StandardCharsets.UTF_8).lines().toList();
        assertThat(lines).hasSize(10);
        assertThat(lines)
                .filteredOn(line -> line.startsWith("customer-1"))
                .containsExactly(
                        "customer-1: order 1", "customer-1: order 4", "customer-1: order 7", "customer-1: order 10");
    }

    @Test
    void theReadmeShowsThisVeryCode() throws IOException {
        List<String> source = Files.readAllLines(
                Path.of("src/main/java", QuickStart.class.getName().replace('.', '/') + ".java"));
        int begin = indexOf(source, "// README: begin");
        int end = indexOf(source, "// README: end");
        String code = String.join("\n", source.subList(begin + 1, end)).stripIndent();

        assertThat(Files.readString(Path.of("../README.md"))).contains("```java\n" + code + "\n```");
        assertThat(end - begin).as("lines, about twenty").isLessThan(25);
    }

    private static int indexOf(List<String> lines, String marker) {
        for (int i = 0; i < lines.size(); i++) {
            if (lines.get(i).strip().equals(marker)) {
                return i;
            }
        }
        throw new AssertionError("no line " + marker);
    }
}
