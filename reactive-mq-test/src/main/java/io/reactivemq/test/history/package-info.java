/**
 * What clients did and saw, and whether a correct broker could have answered so. Start at {@link io.reactivemq.test.history.History}: clients write
 * down each operation when they begin it and how it ended, with a value of its own for each record; {@link
 * io.reactivemq.test.history.HistoryChecker} then finds what no order of events explains, as {@link io.reactivemq.test.history.Anomaly anomalies}.
 *
 * <p>It knows nothing of how a broker or a client works, so that it judges any of them: plain names, values and offsets go in.
 *
 * <p>May import: the vocabulary of reactive-mq-core and {@code broker.IsolationLevel}. Threading: a history is safe for many threads, the rest is
 * immutable.
 */
@NullMarked
package io.reactivemq.test.history;

import org.jspecify.annotations.NullMarked;
