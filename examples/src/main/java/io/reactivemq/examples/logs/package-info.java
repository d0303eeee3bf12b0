/**
 * {@code rmq log}: looks into a data directory while no broker uses it.
 *
 * <p>May import: cli, and of the core log, record and storage.
 */
@NullMarked
package io.reactivemq.examples.logs;

import org.jspecify.annotations.NullMarked;
