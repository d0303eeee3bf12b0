package io.reactivemq.marbles;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The diagrams of the Javadoc are what their texts draw; {@code -Dmarbles.draw=true} draws them anew. */
class MarbleDiagramsTest {

    private static final Path TEXTS = Path.of("src/test/resources/marbles");
    private static final Path DRAWINGS = Path.of("src/main/java/io/reactivemq/operator/doc-files");
    private static final boolean DRAW = Boolean.getBoolean("marbles.draw");

    private static List<String> names(Path directory, String extension) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> String.valueOf(file.getFileName()))
                    .filter(name -> name.endsWith(extension))
                    .map(name -> name.substring(0, name.length() - extension.length()))
                    .sorted()
                    .toList();
        }
    }

    @TestFactory
    Stream<DynamicTest> eachIsDrawnFromItsText() throws IOException {
        return names(TEXTS, ".txt").stream()
                .map(name -> dynamicTest(name, () -> {
                    String drawing = MarbleDiagram.svg(Files.readString(TEXTS.resolve(name + ".txt")));
                    Path file = DRAWINGS.resolve(name + ".svg");
                    if (DRAW) {
                        Files.writeString(file, drawing);
                    }
                    assertThat(file).content().isEqualTo(drawing);
                }));
    }

    @Test
    void eachHasAText() throws IOException {
        assertThat(names(DRAWINGS, ".svg")).isEqualTo(names(TEXTS, ".txt")).isNotEmpty();
    }
}
