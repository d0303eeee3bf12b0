package io.reactivemq.examples.demo;

import org.jspecify.annotations.Nullable;

/**
 * One row of the input on its way into the topic.
 *
 * @param key the record's key; null where the row has none
 * @param text the record's value: the row as text
 */
record Row(@Nullable String key, String text) {}
