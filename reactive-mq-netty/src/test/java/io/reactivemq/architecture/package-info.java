/** The rules of the house, which the core keeps, for the server's packages. */
@org.jspecify.annotations.NullMarked
package io.reactivemq.architecture;
