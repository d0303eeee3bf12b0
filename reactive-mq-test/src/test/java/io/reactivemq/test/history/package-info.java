/** Tests of the history checker with histories made by hand. */
@NullMarked
package io.reactivemq.test.history;

import org.jspecify.annotations.NullMarked;
