/**
 * The Reactive Streams technology compatibility kit, run on every public publisher.
 *
 * <p>Start at {@link io.reactivemq.tck.ReactiveStreamsTest}; a new operator gets a row there.
 */
@NullMarked
package io.reactivemq.tck;

import org.jspecify.annotations.NullMarked;
