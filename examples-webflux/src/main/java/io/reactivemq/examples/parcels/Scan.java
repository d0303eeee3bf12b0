package io.reactivemq.examples.parcels;

/**
 * A parcel was seen: the value of a record, as JSON. Its key is the parcel, so the scans of a parcel are in order.
 *
 * @param parcel the parcel's number
 * @param depot where it is
 * @param status what happened to it there
 */
record Scan(String parcel, String depot, Status status) {

    enum Status {
        ARRIVED,
        DAMAGED,
        LEFT,
        DELIVERED
    }

    Scan {
        if (parcel == null || depot == null || status == null) {
            throw new IllegalArgumentException("a scan needs parcel, depot and status, was parcel " + parcel
                    + ", depot " + depot + ", status " + status);
        }
    }
}
