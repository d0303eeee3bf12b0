package io.reactivemq.examples.demo;

import reactor.core.publisher.Flux;

/** The input of the demo: rows to send, and what a handler makes of one. */
interface Rows {

    /** The topic the rows go to. */
    String topic();

    /** The name of the group that works on the rows. */
    String group();

    /** What the key is called in the report. */
    String keyNoun();

    /** Whether a row has a delay; where not, rows are only counted. */
    boolean haveDelays();

    /** All rows in their order. Each subscription reads the input anew, as fast as it is asked for. */
    Flux<Row> rows();

    /**
     * Reads the text of one row.
     *
     * @throws IllegalArgumentException the row is damaged; the message says how
     */
    Sample read(String text);

    /** What a plain loop over the input finds, with nothing of the queue in between. */
    Expected plainLoop();
}
