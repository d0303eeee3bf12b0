/** The code shown in docs/operators.md, compiled; a test holds the two together. */
@NullMarked
package io.reactivemq.examples.operators;

import org.jspecify.annotations.NullMarked;
