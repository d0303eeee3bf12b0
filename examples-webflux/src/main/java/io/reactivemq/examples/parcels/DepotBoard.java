package io.reactivemq.examples.parcels;

import io.reactivemq.consume.ReceiverRecord;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import org.springframework.stereotype.Component;

/** The last scan of each depot. A record that comes twice changes nothing. */
@Component
class DepotBoard {

    private final ParcelsProperties properties;

    /** Bounded by the depots there are. */
    private final Map<String, LastScan> depots = new ConcurrentHashMap<>();

    DepotBoard(ParcelsProperties properties) {
        this.properties = properties;
    }

    /** The scan that a depot had last, by the time of its record. */
    record LastScan(String parcel, Scan.Status status, long timestampMs) {}

    void add(ReceiverRecord<String, Scan> record) {
        Scan scan = Objects.requireNonNull(record.value(), "a record without a scan");
        if (!properties.depots().contains(scan.depot())) {
            throw new IllegalArgumentException("depot must be one of " + properties.depots() + ", was " + scan.depot());
        }
        LastScan now = new LastScan(scan.parcel(), scan.status(), record.timestampMs());
        depots.merge(scan.depot(), now, (former, next) -> next.timestampMs() < former.timestampMs() ? former : next);
    }

    Map<String, LastScan> depots() {
        return Map.copyOf(depots);
    }
}
