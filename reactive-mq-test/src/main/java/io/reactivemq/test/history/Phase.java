package io.reactivemq.test.history;

/** How far an operation has come. */
public enum Phase {
    /** The client has begun it. */
    INVOKED,
    /** It has taken effect: the client was told so, or it is something that the client itself saw or did. */
    OK,
    /** It has not taken effect and never will. */
    FAILED,
    /** Nobody can tell: the answer was lost, or an error left it open. */
    UNKNOWN
}
