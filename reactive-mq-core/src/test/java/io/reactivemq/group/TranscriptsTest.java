package io.reactivemq.group;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The conversations in {@code src/test/resources/io/reactivemq/group/transcripts}, played and compared as text. With {@code
 * -Dreactivemq.transcripts=write} the files are written anew: read the difference before it is committed.
 *
 * <pre>
 * topic T N, drop T                    the topics there are
 * heartbeat M join|stay|EPOCH|leave|away  KIP-848; topics= regex= instance= assignor= owned=
 * join C, sync C, beat C, leave C...   the classic protocol; protocols= topics= owned= instance= session= id= generation= @C=ASSIGNMENT
 * commit M|nobody P OFFSET, offsets    committed offsets
 * pass TIME                            time goes by, and deadlines are kept
 * restart [N]                          the state is what the records say; from now on groups of N members at most
 * describe, delete, expire             administration
 * </pre>
 */
class TranscriptsTest {

    private static final boolean WRITE = "write".equals(System.getProperty("reactivemq.transcripts"));

    static Stream<String> scenarios() throws IOException {
        try (Stream<Path> files = Files.list(folder())) {
            return files
                    .map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".txt"))
                    .sorted()
                    .toList()
                    .stream();
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("scenarios")
    @DisplayName("K14 K15 K16 K17 the coordinator answers as the transcript says, and its records say the same")
    void plays(String scenario) throws IOException {
        Path file = folder().resolve(scenario);
        List<String> expected = Files.readAllLines(file);

        String played = new Transcript().play(expected);

        if (WRITE) {
            Files.writeString(Path.of("src/test/resources/io/reactivemq/group/transcripts", scenario), played);
        } else {
            assertThat(played).isEqualTo(String.join("\n", expected) + "\n");
        }
    }

    static Path folder() {
        try {
            return Path.of(Objects.requireNonNull(TranscriptsTest.class.getResource("transcripts"))
                    .toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}
