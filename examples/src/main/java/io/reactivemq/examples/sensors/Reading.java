package io.reactivemq.examples.sensors;

/**
 * What a sensor measured.
 *
 * @param number of this reading among all of its sensor, from 0
 */
record Reading(int sensor, long number, double value) {}
