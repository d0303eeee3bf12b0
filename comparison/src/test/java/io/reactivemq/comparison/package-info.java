/** What today's libraries do in the cases that a {@link io.reactivemq.consume.Receiver} is made for. */
@NullMarked
package io.reactivemq.comparison;

import org.jspecify.annotations.NullMarked;
