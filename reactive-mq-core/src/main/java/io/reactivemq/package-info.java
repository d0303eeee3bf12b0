/** Vocabulary. */
@NullMarked
package io.reactivemq;

import org.jspecify.annotations.NullMarked;
