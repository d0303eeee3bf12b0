/**
 * What {@code ./rmq demo} runs: real rows through the whole path, and checks that nothing was lost on the way.
 *
 * <p>Start at {@link io.reactivemq.examples.demo.Demo}, which tells the story step by step; the pipelines are in {@code Member}
 * (a consumer group's member that processes), {@code Audit} (a group that only reads), {@code SlowWatcher} (pub-sub with
 * overflow) and {@code DeadLetters} and {@code Replay} (cursors of one's own). {@code FlightRows} and {@code CsvRows} are the
 * inputs, {@code Totals} and {@code Tally} what is counted, {@code Checks} and {@code Report} what is made of it.
 *
 * <p>May import: the library's public packages and {@code cli}. Threading: the story runs on the main thread, which may block;
 * the pipelines run on the broker's workers, and what they share ({@code Tally}, {@code Moves}) is locked.
 */
@NullMarked
package io.reactivemq.examples.demo;

import org.jspecify.annotations.NullMarked;
