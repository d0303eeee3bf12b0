package io.reactivemq.guards;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** On a test (or its class) in which such signals are meant to occur; others still fail it. */
@Target({ElementType.METHOD, ElementType.TYPE})
@Retention(RetentionPolicy.RUNTIME)
public @interface AllowDropped {

    Dropped[] value();

    /** Why they occur. */
    String because();
}
