/**
 * The code at the top of the README, which is compared with it in the build.
 *
 * <p>May import: the library's public packages, as any user would.
 */
@NullMarked
package io.reactivemq.examples.quickstart;

import org.jspecify.annotations.NullMarked;
