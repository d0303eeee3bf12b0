@NullMarked
package io.reactivemq.netty.server;

import org.jspecify.annotations.NullMarked;
