package io.reactivemq.examples.account;

import io.reactivemq.Serde;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * The balances of one partition's accounts after the events up to an offset.
 *
 * @param nextOffset the first event that is not in it
 * @param cents the balances by account
 */
public record Snapshot(long nextOffset, Map<String, Long> cents) {

    static final Snapshot EMPTY = new Snapshot(0, Map.of());

    /** A line each: the offset, then account and balance. */
    static final Serde<Snapshot> SERDE = Serde.of(
            snapshot -> snapshot.toText().getBytes(StandardCharsets.UTF_8),
            bytes -> parse(new String(bytes, StandardCharsets.UTF_8)));

    public Snapshot {
        cents = Collections.unmodifiableMap(new TreeMap<>(cents));
    }

    /** The balances after one more event; one that is in them already changes nothing. */
    Snapshot after(long offset, String account, long amount) {
        if (offset < nextOffset) {
            return this;
        }
        Map<String, Long> more = new TreeMap<>(cents);
        more.merge(account, amount, Long::sum);
        return new Snapshot(offset + 1, more);
    }

    private String toText() {
        StringBuilder text = new StringBuilder().append(nextOffset);
        cents.forEach((account, balance) ->
                text.append('\n').append(balance).append(' ').append(account));
        return text.toString();
    }

    private static Snapshot parse(String text) {
        String[] lines = text.split("\n", -1);
        Map<String, Long> cents = new TreeMap<>();
        for (int i = 1; i < lines.length; i++) {
            int space = lines[i].indexOf(' ');
            cents.put(lines[i].substring(space + 1), Long.parseLong(lines[i].substring(0, space)));
        }
        return new Snapshot(Long.parseLong(lines[0]), cents);
    }
}
