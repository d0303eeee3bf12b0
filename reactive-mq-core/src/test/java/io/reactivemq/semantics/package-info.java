/**
 * Which statements of the semantics hold on which engine, as the tests tell it: {@link
 * io.reactivemq.semantics.StatementListener} listens to every module's tests, {@link
 * io.reactivemq.semantics.StatementTable} makes one table of what all of them have heard.
 *
 * <p>May import: JUnit's launcher; nothing of the project. Threading: the thread that runs the tests.
 */
@NullMarked
package io.reactivemq.semantics;

import org.jspecify.annotations.NullMarked;
