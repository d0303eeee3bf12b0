/** A peer that runs in a JVM and with a class path of its own. */
package peers;
