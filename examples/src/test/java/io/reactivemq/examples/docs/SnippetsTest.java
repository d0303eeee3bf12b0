package io.reactivemq.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * The code in docs/ is compiled code. A snippet there stands behind a comment that names it; in the sources it stands between
 * {@code // snippet: name} and {@code // end}. {@code -Ddocs.write=true} copies them into the documents.
 */
class SnippetsTest {

    private static final Path DOCS = Path.of("../docs");
    private static final Path SOURCES = Path.of("src/main/java/io/reactivemq/examples");
    private static final boolean WRITE = Boolean.getBoolean("docs.write");

    private static final Pattern IN_SOURCE =
            Pattern.compile(" *// snippet: (\\S+)\\n(.*?)\\n *// end\\n", Pattern.DOTALL);
    private static final Pattern IN_DOCS =
            Pattern.compile("<!-- snippet: (\\S+) -->\\n```java\\n(.*?)\\n?```\\n", Pattern.DOTALL);

    private static Map<String, String> compiled() throws IOException {
        Map<String, String> snippets = new TreeMap<>();
        for (Path source : files(SOURCES, ".java")) {
            Matcher matcher = IN_SOURCE.matcher(Files.readString(source));
            while (matcher.find()) {
                String name = matcher.group(1);
                assertThat(snippets.put(name, matcher.group(2).stripIndent().strip()))
                        .as("an earlier snippet %s", name)
                        .isNull();
            }
        }
        return snippets;
    }

    private static List<Path> files(Path directory, String extension) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(file -> file.toString().endsWith(extension))
                    .sorted()
                    .toList();
        }
    }

    @TestFactory
    Stream<DynamicTest> theCodeInDocsIsCompiled() throws IOException {
        Map<String, String> snippets = compiled();
        return files(DOCS, ".md").stream()
                .map(page -> dynamicTest(String.valueOf(DOCS.relativize(page)), () -> {
                    String text = Files.readString(page);
                    String expected =
                            IN_DOCS.matcher(text).replaceAll(found -> Matcher.quoteReplacement(shown(found, snippets)));
                    if (WRITE) {
                        Files.writeString(page, expected);
                    } else {
                        assertThat(text).isEqualTo(expected);
                    }
                    assertThat(IN_DOCS.matcher(expected).results().count())
                            .as("all Java in %s has a snippet's name", page)
                            .isEqualTo(Arrays.stream(expected.split("\n"))
                                    .filter(line -> line.equals("```java"))
                                    .count());
                }));
    }

    private static String shown(MatchResult found, Map<String, String> snippets) {
        String name = found.group(1);
        assertThat(snippets).as("the snippets in %s", SOURCES).containsKey(name);
        return "<!-- snippet: " + name + " -->\n```java\n" + snippets.get(name) + "\n```\n";
    }

    @Test
    void eachSnippetIsShown() throws IOException {
        StringBuilder docs = new StringBuilder();
        for (Path page : files(DOCS, ".md")) {
            docs.append(Files.readString(page));
        }
        assertThat(compiled().keySet())
                .isNotEmpty()
                .allSatisfy(name -> assertThat(docs.toString()).contains("<!-- snippet: " + name + " -->"));
    }
}
