/** The code in docs/kafka-clients.md: a broker behind a TCP port. */
@NullMarked
package io.reactivemq.examples.tcp;

import org.jspecify.annotations.NullMarked;
