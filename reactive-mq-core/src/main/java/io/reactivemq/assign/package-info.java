/**
 * Who gets which partition, and which partition a key belongs to, as pure functions.
 *
 * <p>Start at {@link io.reactivemq.assign.Assignors} for groups and at {@link io.reactivemq.assign.Partitioners} for keys. The room is public: applications
 * choose from both, and bring assignors and partitioners of their own.
 *
 * <p>May import: the vocabulary. Threading: nothing here has state, except what {@link
 * io.reactivemq.assign.KeyPartitioner#forOneSource()} gives: that belongs to one thread at a time.
 */
@NullMarked
package io.reactivemq.assign;

import org.jspecify.annotations.NullMarked;
