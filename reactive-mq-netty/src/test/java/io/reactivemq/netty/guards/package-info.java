/** What watches over every test of this module. */
@NullMarked
package io.reactivemq.netty.guards;

import org.jspecify.annotations.NullMarked;
