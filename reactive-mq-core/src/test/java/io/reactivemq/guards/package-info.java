/**
 * What watches over every test of this project: BlockHound with the file calls ({@link
 * io.reactivemq.guards.FileCallsAreBlocking}), and Reactor's hooks for what was dropped ({@link
 * io.reactivemq.guards.NothingIsDropped}). Both register themselves wherever the core's test-jar is on the class path of a
 * test.
 *
 * <p>May import: reactor-core, JUnit, BlockHound; nothing of the project. Threading: hooks are called on any thread.
 */
@NullMarked
package io.reactivemq.guards;

import org.jspecify.annotations.NullMarked;
