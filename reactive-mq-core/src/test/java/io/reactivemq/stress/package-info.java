/** Runs the jcstress tests, which stand beside what they test. */
@NullMarked
package io.reactivemq.stress;

import org.jspecify.annotations.NullMarked;
