package io.reactivemq.examples.demo;

import org.jspecify.annotations.Nullable;

/**
 * What a handler reads from a row.
 *
 * @param key what the figures are kept by; null where the row has none
 * @param delayMinutes the flight's delay on arrival, below zero when it was early; 0 for rows that are only counted
 */
record Sample(@Nullable String key, int delayMinutes) {}
