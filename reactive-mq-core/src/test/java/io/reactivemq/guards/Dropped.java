package io.reactivemq.guards;

/** The ways in which Reactor reports a signal that nobody gets, or an error in a callback. */
public enum Dropped {
    /** {@code Hooks.onErrorDropped}: an error after the end of its sequence. */
    ERROR,
    /** {@code Hooks.onNextDropped}: an element after the end of its sequence. */
    NEXT,
    /** {@code Hooks.onOperatorError}: a callback that threw; the sequence has ended with its error. */
    OPERATOR_ERROR
}
