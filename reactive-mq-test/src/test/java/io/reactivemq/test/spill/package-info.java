/**
 * Spilling to disk in processes of its own: killed, and in a small heap.
 *
 * <p>May import: the library's public packages. Threading: each test waits for its children.
 */
@NullMarked
package io.reactivemq.test.spill;

import org.jspecify.annotations.NullMarked;
