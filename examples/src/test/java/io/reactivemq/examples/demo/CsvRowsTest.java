package io.reactivemq.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.examples.cli.BadInputException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CsvRowsTest {

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private Path directory;

    private Path file(String content) throws IOException {
        return Files.writeString(directory.resolve("input.csv"), content);
    }

    private CsvRows rows(String content, String key) throws IOException {
        return CsvRows.of(file(content), key);
    }

    private static List<Row> read(CsvRows rows) {
        return Objects.requireNonNull(rows.rows().collectList().block());
    }

    @Test
    void theKeyIsTheColumnAndTheValueTheRow() throws IOException {
        assertThat(read(rows("city,name\nBern,Ann\nGenf,Bob\n", "city")))
                .containsExactly(new Row("Bern", "Bern,Ann"), new Row("Genf", "Genf,Bob"));
        assertThat(read(rows("city,name\nBern,Ann\n", "name"))).containsExactly(new Row("Ann", "Bern,Ann"));
    }

    @Test
    void quotesCommasAndLineBreaksInFieldsSurvive() throws IOException {
        CsvRows rows = rows("key,text\n\"a,b\",\"say \"\"hi\"\"\"\n\"x\ny\",\"1\r\n2\"\n\" \",plain\n", "key");
        List<Row> read = read(rows);

        assertThat(read).extracting(Row::key).containsExactly("a,b", "x\ny", " ");
        assertThat(read)
                .extracting(Row::text)
                .containsExactly("\"a,b\",\"say \"\"hi\"\"\"", "\"x\ny\",\"1\r\n2\"", " ,plain");
        assertThat(read).allSatisfy(row -> assertThat(rows.read(row.text())).isEqualTo(new Sample(row.key(), 0)));
    }

    @Test
    void anEmptyKeyIsNoKey() throws IOException {
        CsvRows rows = rows("key,n\n,1\n\"\",2\na,3\n", "key");

        assertThat(read(rows)).containsExactly(new Row(null, ",1"), new Row(null, ",2"), new Row("a", "a,3"));
        assertThat(rows.read(",1")).isEqualTo(new Sample(null, 0));
    }

    @Test
    void aColumnThatIsEmptyAndAloneSurvives() throws IOException {
        CsvRows rows = rows("key\n\"\"\na\n", "key");
        List<Row> read = read(rows);

        assertThat(read).extracting(Row::key).containsExactly(null, "a");
        assertThat(read).allSatisfy(row -> assertThat(rows.read(row.text())).isEqualTo(new Sample(row.key(), 0)));
    }

    @Test
    void windowsLineEndsAndAByteOrderMarkAreNoPartOfTheData() throws IOException {
        assertThat(read(rows("\ufeff\"key\",n\r\na,1\r\n", "key"))).containsExactly(new Row("a", "a,1"));
    }

    @Test
    void emptyLinesAreSkippedAndTheLastLineNeedsNoEnd() throws IOException {
        assertThat(read(rows("key,n\n\na,1\n\n\nb,2", "key")))
                .containsExactly(new Row("a", "a,1"), new Row("b", "b,2"));
    }

    @Test
    void aRowOfAnotherLengthIsDamaged() throws IOException {
        CsvRows rows = rows("n,key\n1,a\n2\n3,c,x\n", "key");
        Expected expected = rows.plainLoop();

        assertThat(read(rows)).containsExactly(new Row("a", "1,a"), new Row(null, "2"), new Row("c", "3,c,x"));
        assertThat(expected.rows()).isEqualTo(3);
        assertThat(expected.handled().rows()).isEqualTo(1);
        assertThat(expected.damaged()).containsExactly("2", "3,c,x");
        assertThatThrownBy(() -> rows.read("2"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the header has 2 fields, this row has 1");
    }

    @Test
    void theStreamAndThePlainLoopAgree() throws IOException {
        CsvRows rows = rows("key,n\na,1\n\"b\n\",2\n,3\na,\"4\"\n,5\n", "key");
        Totals streamed = new Totals();
        read(rows).forEach(row -> streamed.add(row.key(), row.text(), 0));

        Expected expected = rows.plainLoop();
        assertThat(streamed.figuresThatDiffer(expected.delivered())).isEmpty();
        assertThat(streamed.ordersThatDiffer(expected.delivered())).isEmpty();
    }

    @Test
    void eachReadingBeginsAnew() throws IOException {
        CsvRows rows = rows("key,n\na,1\nb,2\n", "key");

        assertThat(read(rows)).isEqualTo(read(rows)).hasSize(2);
    }

    @Test
    void badInputIsNamed() throws IOException {
        assertRefused(directory.resolve("none.csv"), "key", "no such file: ");
        assertRefused(directory, "key", "not a file: ");
        assertRefused(file(""), "key", "no header in ");
        assertRefused(file("a,b\n1,2\n"), "key", "no column 'key' in ", "its columns are: a, b");
        assertRefused(file("a,key,key\n1,2,3\n"), "key", "more than one column 'key' in ");
        Path latin1 = directory.resolve("latin1.csv");
        Files.write(latin1, "key,n\nZ\u00fcrich,1\n".getBytes(StandardCharsets.ISO_8859_1));
        assertRefused(latin1, "key", "not text in UTF-8: ");
    }

    @Test
    void aHeaderAloneIsNamed() throws IOException {
        CsvRows rows = rows("key,n\n", "key");

        assertThatThrownBy(rows::plainLoop)
                .isInstanceOf(BadInputException.class)
                .hasMessageStartingWith("no rows in ");
    }

    private static void assertRefused(Path file, String key, String... parts) {
        assertThatThrownBy(() -> CsvRows.of(file, key).plainLoop())
                .isInstanceOf(BadInputException.class)
                .hasMessageContainingAll(parts)
                .hasMessageContaining(file.toString());
    }
}
