/**
 * Records are read, enriched and written, each exactly once: {@code Enricher}.
 *
 * <p>May import: the library's public packages, as any user would.
 */
@NullMarked
package io.reactivemq.examples.enrich;

import org.jspecify.annotations.NullMarked;
