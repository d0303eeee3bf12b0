/**
 * What {@code ./rmq sensors} runs: a feed of sensor readings that is at times faster than the dashboard that shows it, with {@link
 * io.reactivemq.operator.Overflow#dropOldest} between the two. The feed is never held up, and the dashboard shows the latest.
 *
 * <p>Start at {@link io.reactivemq.examples.sensors.SensorStation}, which holds the pipeline; {@code Sensors} makes the readings, {@code
 * Dashboard} is the slow subscriber, {@code Screen} draws it on a terminal or prints lines.
 *
 * <p>May import: the library's public packages and {@code cli}. Threading: everything runs on one worker, tick by tick.
 */
@NullMarked
package io.reactivemq.examples.sensors;

import org.jspecify.annotations.NullMarked;
