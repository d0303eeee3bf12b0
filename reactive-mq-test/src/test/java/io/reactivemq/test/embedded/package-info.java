/** The embedded broker under the contract suites, in memory and on files, in virtual and in real time; and what only it promises. */
@NullMarked
package io.reactivemq.test.embedded;

import org.jspecify.annotations.NullMarked;
