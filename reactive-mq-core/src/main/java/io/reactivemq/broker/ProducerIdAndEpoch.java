package io.reactivemq.broker;

/**
 * Who a producer is: what its batches carry, so that the log knows a batch that is sent again, and one of a producer that was fenced.
 *
 * @param producerId given by the broker, never twice; -1: none
 * @param epoch of two producers with one id, the newer has the higher; -1: none
 */
public record ProducerIdAndEpoch(long producerId, short epoch) {

    /** No producer id. */
    public static final ProducerIdAndEpoch NONE = new ProducerIdAndEpoch(-1, (short) -1);

    public boolean isNone() {
        return producerId < 0;
    }

    @Override
    public String toString() {
        return isNone() ? "none" : producerId + "/" + epoch;
    }
}
