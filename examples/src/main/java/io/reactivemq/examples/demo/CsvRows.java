package io.reactivemq.examples.demo;

import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvReader;
import de.siegmar.fastcsv.reader.CsvReader.CsvReaderBuilder;
import de.siegmar.fastcsv.reader.CsvRecord;
import de.siegmar.fastcsv.writer.CsvWriter;
import de.siegmar.fastcsv.writer.LineDelimiter;
import io.reactivemq.examples.cli.BadInputException;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.SequenceInputStream;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.scheduler.Schedulers;

/**
 * Any CSV file with a header as input: UTF-8, comma, fields in double quotes may hold commas, quotes (doubled) and line breaks.
 * The key is the field of one column, null where that is empty; the value is the row, written as CSV again without the line break
 * at its end. A row with more or fewer fields than the header is damaged. Empty lines are skipped.
 */
final class CsvRows implements Rows {

    private static final char BYTE_ORDER_MARK = '\ufeff';

    /** The broker takes batches of 1,048,588 bytes unless told otherwise; the rest is for the batch and its key. */
    private static final int ROW_BYTES_MAX = 1_000_000;

    /** A row of its own behind the file's last one: if it is not the last row, a quote was not closed. */
    private static final String END = "end of the input";

    private static final CsvReaderBuilder CSV =
            CsvReader.builder().skipEmptyLines(true).allowMissingFields(true).allowExtraFields(true);

    private final Path file;
    private final String keyColumn;
    private final int keyField;
    private final int fields;

    private CsvRows(Path file, String keyColumn, int keyField, int fields) {
        this.file = file;
        this.keyColumn = keyColumn;
        this.keyField = keyField;
        this.fields = fields;
    }

    /**
     * The rows of a file.
     *
     * @throws BadInputException there is no such file, it can't be read, or it has no such column
     */
    static CsvRows of(Path file, String keyColumn) {
        if (!Files.exists(file)) {
            throw new BadInputException("no such file: " + file);
        }
        if (!Files.isRegularFile(file)) {
            throw new BadInputException("not a file: " + file);
        }
        if (!Files.isReadable(file)) {
            throw new BadInputException("no permission to read " + file);
        }
        List<String> header = header(file);
        int keyField = header.indexOf(keyColumn);
        if (keyField < 0) {
            throw new BadInputException(
                    "no column '" + keyColumn + "' in " + file + "; its columns are: " + String.join(", ", header));
        }
        if (header.lastIndexOf(keyColumn) != keyField) {
            throw new BadInputException("more than one column '" + keyColumn + "' in " + file);
        }
        return new CsvRows(file, keyColumn, keyField, header.size());
    }

    private static List<String> header(Path file) {
        try (CsvReader<CsvRecord> reader = open(file)) {
            Iterator<CsvRecord> records = reader.iterator();
            if (!records.hasNext()) {
                throw new BadInputException("no header in " + file + ": it is empty");
            }
            return records.next().getFields();
        } catch (IOException | UncheckedIOException | CsvParseException e) {
            throw unreadable(file, e);
        }
    }

    private static CsvReader<CsvRecord> open(Path file) throws IOException {
        return open(Files.newInputStream(file));
    }

    private static CsvReader<CsvRecord> open(InputStream input) throws IOException {
        // with a decoder of its own, which refuses what is not UTF-8
        BufferedReader reader = new BufferedReader(new InputStreamReader(input, StandardCharsets.UTF_8.newDecoder()));
        try {
            reader.mark(1);
            if (reader.read() != BYTE_ORDER_MARK) {
                reader.reset();
            }
        } catch (IOException e) {
            reader.close();
            throw e;
        }
        return CSV.ofCsvRecord(reader);
    }

    private static BadInputException unreadable(Path file, Exception e) {
        Throwable cause = e instanceof UncheckedIOException && e.getCause() != null ? e.getCause() : e;
        for (Throwable at = e; at != null; at = at.getCause()) {
            if (at instanceof CharacterCodingException) {
                return new BadInputException("not text in UTF-8: " + file, e);
            }
        }
        return new BadInputException("can't read " + file + " as CSV: " + cause.getMessage(), e);
    }

    @Override
    public String topic() {
        return "rows";
    }

    @Override
    public String group() {
        return "counts";
    }

    @Override
    public String keyNoun() {
        return keyColumn;
    }

    @Override
    public boolean haveDelays() {
        return false;
    }

    @Override
    public Flux<Row> rows() {
        // Flux.using closes the file however the stream ends; boundedElastic is the place for reads that block
        return Flux.using(
                        () -> open(file),
                        reader -> Flux.fromIterable(reader).skip(1).map(this::row))
                .subscribeOn(Schedulers.boundedElastic());
    }

    private Row row(CsvRecord csv) {
        return new Row(key(csv), text(csv));
    }

    private @Nullable String key(CsvRecord csv) {
        if (csv.getFieldCount() <= keyField) {
            return null;
        }
        String key = csv.getField(keyField);
        return key.isEmpty() ? null : key;
    }

    private static String text(CsvRecord csv) {
        StringWriter text = new StringWriter();
        try (CsvWriter writer =
                CsvWriter.builder().lineDelimiter(LineDelimiter.LF).build(text)) {
            writer.writeRecord(csv.getFields());
        } catch (IOException e) {
            throw new UncheckedIOException("writing to memory", e);
        }
        String row = text.getBuffer().substring(0, text.getBuffer().length() - 1);
        // a row of one empty field, which as an empty line would be no row at all
        return row.isEmpty() ? "\"\"" : row;
    }

    @Override
    public Sample read(String text) {
        CsvRecord csv = CSV.ofSingleCsvRecord(text);
        if (csv.getFieldCount() != fields) {
            throw new IllegalArgumentException(
                    "the header has " + fields + " fields, this row has " + csv.getFieldCount());
        }
        return new Sample(key(csv), 0);
    }

    @Override
    public Expected plainLoop() {
        Totals delivered = new Totals();
        Totals handled = new Totals();
        List<String> damaged = new ArrayList<>();
        InputStream end = new ByteArrayInputStream(("\n" + END).getBytes(StandardCharsets.UTF_8));
        try (CsvReader<CsvRecord> reader = open(new SequenceInputStream(Files.newInputStream(file), end))) {
            Iterator<CsvRecord> records = reader.iterator();
            records.next();
            while (records.hasNext()) {
                CsvRecord csv = records.next();
                if (!records.hasNext()) {
                    refuseOpenQuote(csv);
                    break;
                }
                String text = text(csv);
                refuseTooLarge(csv, text);
                delivered.add(key(csv), text, 0);
                if (csv.getFieldCount() == fields) {
                    handled.add(key(csv), text, 0);
                } else {
                    damaged.add(text);
                }
            }
        } catch (IOException | UncheckedIOException | CsvParseException e) {
            throw unreadable(file, e);
        }
        if (delivered.rows() == 0) {
            throw new BadInputException("no rows in " + file + ": it has a header only");
        }
        return new Expected(delivered, handled, damaged);
    }

    private void refuseOpenQuote(CsvRecord last) {
        if (last.getFieldCount() != 1 || !last.getField(0).equals(END)) {
            throw new BadInputException("a quote is not closed in " + file + ", in the row that begins at line "
                    + last.getStartingLineNumber());
        }
    }

    private void refuseTooLarge(CsvRecord csv, String text) {
        String key = key(csv);
        int bytes = text.getBytes(StandardCharsets.UTF_8).length
                + (key == null ? 0 : key.getBytes(StandardCharsets.UTF_8).length);
        if (bytes > ROW_BYTES_MAX) {
            throw new BadInputException(String.format(
                    Locale.ROOT,
                    "a row is too large in %s: the one that begins at line %,d has %,d bytes with its key, at most %,d"
                            + " are taken",
                    file,
                    csv.getStartingLineNumber(),
                    bytes,
                    ROW_BYTES_MAX));
        }
    }
}
