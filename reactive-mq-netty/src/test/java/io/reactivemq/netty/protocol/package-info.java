@NullMarked
package io.reactivemq.netty.protocol;

import org.jspecify.annotations.NullMarked;
