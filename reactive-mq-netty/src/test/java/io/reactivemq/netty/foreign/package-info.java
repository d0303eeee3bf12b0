/**
 * Programs that nobody here wrote, and what they do at any server that speaks Kafka's protocol. Start at {@code Target}, which is such a server; a contract says what a
 * program does at it. The tests of several modules run them: at a server in their JVM, at {@code rmq serve}, at Apache Kafka itself.
 */
@NullMarked
package io.reactivemq.netty.foreign;

import org.jspecify.annotations.NullMarked;
