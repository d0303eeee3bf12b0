@NullMarked
package io.reactivemq.netty.security;

import org.jspecify.annotations.NullMarked;
