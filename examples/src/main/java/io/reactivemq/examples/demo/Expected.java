package io.reactivemq.examples.demo;

import java.util.List;

/**
 * What has to come out, found by a plain loop over the input.
 *
 * @param delivered all rows by the record's key: what every reader of the topic has to see
 * @param handled the rows that are in order, by key: what the group that does the work has to come to
 * @param damaged the texts of the rows that are not, in their order
 */
record Expected(Totals delivered, Totals handled, List<String> damaged) {

    Expected {
        damaged = List.copyOf(damaged);
    }

    long rows() {
        return delivered.rows();
    }
}
