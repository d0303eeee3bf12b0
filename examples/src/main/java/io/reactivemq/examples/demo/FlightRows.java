package io.reactivemq.examples.demo;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;

/**
 * The built-in input: 20,000 real flights, and between them, at fixed places, five lines that are damaged. The value is the line
 * as it is, damaged or not; the key is the airport of origin, where the line has one.
 */
final class FlightRows implements Rows {

    private static final String FILE = "flights-20k.csv.gz";

    /** A field missing, a delay that is no number, nothing at all, a day that does not exist, and bytes that are no text. */
    private static final Map<Integer, String> DAMAGED_BEFORE_FLIGHT = Map.of(
            2_500, "2001/01/12 09:35,4,DFW",
            6_000, "2001/01/28 17:40,late,862,ORD,DFW",
            9_001, ",,,,",
            13_333, "2001/02/30 12:00,12,224,LAX,LAS",
            17_777, "\u0000\u0001\u0007\u001b\ufffd\u007f\u0080");

    private final List<String> flights;

    private FlightRows(List<String> flights) {
        this.flights = List.copyOf(flights);
    }

    static FlightRows all() {
        return first(Integer.MAX_VALUE);
    }

    /** The first flights only, with the damaged lines that fall among them. */
    static FlightRows first(int count) {
        InputStream packed = FlightRows.class.getResourceAsStream(FILE);
        if (packed == null) {
            throw new IllegalStateException(FILE + " is missing beside " + FlightRows.class.getName());
        }
        try (BufferedReader reader =
                new BufferedReader(new InputStreamReader(new GZIPInputStream(packed), StandardCharsets.UTF_8))) {
            return new FlightRows(reader.lines().skip(1).limit(count).toList());
        } catch (IOException e) {
            throw new UncheckedIOException("can't read " + FILE, e);
        }
    }

    @Override
    public String topic() {
        return "flights";
    }

    @Override
    public String group() {
        return "delays";
    }

    @Override
    public String keyNoun() {
        return "airport";
    }

    @Override
    public boolean haveDelays() {
        return true;
    }

    @Override
    public Flux<Row> rows() {
        return Flux.range(0, flights.size()).concatMapIterable(this::flightAndWhatIsBefore);
    }

    private List<Row> flightAndWhatIsBefore(int index) {
        Row flight = row(flights.get(index));
        String damaged = DAMAGED_BEFORE_FLIGHT.get(index);
        return damaged == null ? List.of(flight) : List.of(row(damaged), flight);
    }

    private static Row row(String line) {
        String[] fields = line.split(",", -1);
        return new Row(fields.length == Flight.FIELDS ? emptyToNull(fields[Flight.ORIGIN_FIELD]) : null, line);
    }

    private static @Nullable String emptyToNull(String text) {
        return text.isEmpty() ? null : text;
    }

    @Override
    public Sample read(String text) {
        Flight flight = Flight.parse(text);
        return new Sample(flight.origin(), flight.delayMinutes());
    }

    @Override
    public Expected plainLoop() {
        Totals delivered = new Totals();
        Totals handled = new Totals();
        List<String> damaged = new ArrayList<>();
        for (int i = 0; i < flights.size(); i++) {
            String broken = DAMAGED_BEFORE_FLIGHT.get(i);
            if (broken != null) {
                damaged.add(broken);
                delivered.add(row(broken).key(), broken, 0);
            }
            String line = flights.get(i);
            String[] fields = line.split(",", -1);
            delivered.add(fields[3], line, 0);
            handled.add(fields[3], line, Integer.parseInt(fields[1]));
        }
        return new Expected(delivered, handled, damaged);
    }
}
