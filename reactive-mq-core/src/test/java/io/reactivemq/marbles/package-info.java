/**
 * Draws the marble diagrams of the Javadoc from their texts in {@code src/test/resources/marbles}. Start at {@link
 * io.reactivemq.marbles.MarbleDiagram}.
 */
@NullMarked
package io.reactivemq.marbles;

import org.jspecify.annotations.NullMarked;
