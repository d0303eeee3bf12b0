package io.reactivemq.examples.parcels;

import java.util.Arrays;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpStatus;
import org.springframework.web.server.ResponseStatusException;

/** What was posted, before anybody has looked at it. */
record ScanRequest(
        @Nullable String parcel,
        @Nullable String depot,
        @Nullable String status) {

    private static final Pattern PARCEL = Pattern.compile("[A-Za-z0-9-]{1,40}");

    /**
     * The scan, if it is one.
     *
     * @throws ResponseStatusException 400 that names field, expected and actual
     */
    Scan checked(Set<String> depots) {
        if (parcel == null || !PARCEL.matcher(parcel).matches()) {
            throw bad("parcel", "1 to 40 letters, digits and hyphens", parcel);
        }
        if (depot == null || !depots.contains(depot)) {
            throw bad("depot", "one of " + depots, depot);
        }
        for (Scan.Status known : Scan.Status.values()) {
            if (known.name().equals(status)) {
                return new Scan(parcel, depot, known);
            }
        }
        throw bad("status", "one of " + Arrays.toString(Scan.Status.values()), status);
    }

    /** 400 for a body that is none of these. */
    static ResponseStatusException unreadable(Throwable cause) {
        return new ResponseStatusException(
                HttpStatus.BAD_REQUEST,
                "the body must be JSON such as {\"parcel\": \"4711\", \"depot\": \"Basel\", \"status\": \"ARRIVED\"}",
                cause);
    }

    private static ResponseStatusException bad(String field, String expected, @Nullable String actual) {
        return new ResponseStatusException(
                HttpStatus.BAD_REQUEST, field + " must be " + expected + ", was " + shortened(actual));
    }

    private static @Nullable String shortened(@Nullable String value) {
        return value == null || value.length() <= 60 ? value : value.substring(0, 60) + "...";
    }
}
