/**
 * Parsers of bytes that come from outside, fed by a fuzzer. Each may refuse its input in the one way that its callers expect; whatever else it throws is a defect, and so is what takes
 * too long or too much memory. What was found lies beside the sources of the tests and is tried again by each run.
 */
@NullMarked
package io.reactivemq.fuzz;

import org.jspecify.annotations.NullMarked;
