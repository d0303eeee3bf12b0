/**
 * What the commands of {@code rmq} share: exit codes, and the exceptions that become one line on stderr.
 *
 * <p>May import: nothing of this project.
 */
@NullMarked
package io.reactivemq.examples.cli;

import org.jspecify.annotations.NullMarked;
