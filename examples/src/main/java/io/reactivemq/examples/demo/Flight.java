package io.reactivemq.examples.demo;

import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.time.format.ResolverStyle;

/**
 * A flight: one line of the input, {@code date,delay,distance,origin,destination}.
 *
 * @param scheduledDeparture local time at the origin
 * @param delayMinutes on arrival; below zero when it was early
 * @param distanceMiles how far
 * @param origin airport code
 * @param destination airport code
 */
record Flight(
        LocalDateTime scheduledDeparture, int delayMinutes, int distanceMiles, String origin, String destination) {

    static final int FIELDS = 5;
    static final int ORIGIN_FIELD = 3;

    /** Strict: a 30th of February is an error, not the 2nd of March. */
    private static final DateTimeFormatter DATE =
            DateTimeFormatter.ofPattern("uuuu/MM/dd HH:mm").withResolverStyle(ResolverStyle.STRICT);

    /**
     * Reads a line.
     *
     * @throws IllegalArgumentException the line is no flight; the message says why
     */
    static Flight parse(String line) {
        String[] fields = line.split(",", -1);
        if (fields.length != FIELDS) {
            throw new IllegalArgumentException("a flight has " + FIELDS + " fields, this line has " + fields.length);
        }
        return new Flight(
                date(fields[0]),
                number("delay", fields[1]),
                number("distance", fields[2]),
                airport("origin", fields[ORIGIN_FIELD]),
                airport("destination", fields[4]));
    }

    private static LocalDateTime date(String text) {
        try {
            return LocalDateTime.parse(text, DATE);
        } catch (DateTimeParseException e) {
            throw new IllegalArgumentException(
                    "date must be a day and time as 2001/01/31 23:59, was '" + text + "'", e);
        }
    }

    private static int number(String name, String text) {
        try {
            return Integer.parseInt(text);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(name + " must be a whole number, was '" + text + "'", e);
        }
    }

    private static String airport(String name, String text) {
        if (text.isEmpty()) {
            throw new IllegalArgumentException(name + " must be an airport, was empty");
        }
        return text;
    }
}
