package io.reactivemq.assign;

/**
 * The assignors that come with this library, under Kafka's names where Kafka has them.
 *
 * <table>
 * <caption>Which one</caption>
 * <tr><th>assignor</th><th>balance</th><th>what moves at a change</th></tr>
 * <tr><td>range</td><td>within 1, per topic</td><td>whatever the new ranges say</td></tr>
 * <tr><td>roundRobin</td><td>within 1 where all subscribe alike</td><td>most partitions</td></tr>
 * <tr><td>sticky, cooperativeSticky</td><td>the best there is</td><td>no more than the balance
 * needs: always where all subscribe alike; where they do not, in all small groups, and nearly so in large ones</td></tr>
 * <tr><td>weighted</td><td>the best there is, by weight</td><td>as sticky</td></tr>
 * </table>
 *
 * <p>All are safe for many threads.
 */
public final class Assignors {

    private static final Assignor RANGE = new RangeAssignor();
    private static final Assignor ROUND_ROBIN = new RoundRobinAssignor();
    private static final Assignor STICKY = new StickyAssignor("sticky", false, false);
    private static final Assignor COOPERATIVE_STICKY = new StickyAssignor("cooperative-sticky", true, false);
    private static final Assignor WEIGHTED = new StickyAssignor("weighted", false, true);

    private Assignors() {}

    /**
     * Per topic, members in the order of their ids get consecutive partitions; where they do not divide evenly the first
     * members get one more. Partitions of the same index of topics with equal subscribers go to the same member, which makes
     * joins by key possible.
     */
    public static Assignor range() {
        return RANGE;
    }

    /** Partitions, in order, are dealt to the members in the order of their ids; who does not subscribe to a topic is passed over. */
    public static Assignor roundRobin() {
        return ROUND_ROBIN;
    }

    /**
     * As even as the subscriptions allow, and from the previous assignment no partition moves that need not move for it: that is so wherever all members subscribe
     * alike, and in all small groups whose members do not; in large ones of those a few more may move. Where the previous assignment is as even as can be, nothing
     * moves at all. The new member of a partition is named at once.
     */
    public static Assignor sticky() {
        return STICKY;
    }

    /** {@link #sticky}, in two steps: a partition that moves is first taken, and given when it is released (KIP-429). */
    public static Assignor cooperativeSticky() {
        return COOPERATIVE_STICKY;
    }

    /**
     * {@link #sticky}, where a member of weight 2 is due twice as many as one of weight 1. The numbers are those of Webster's method (Sainte-Lagu&euml;), the
     * same as the smallest sum of squared deviations from the exact shares.
     */
    public static Assignor weighted() {
        return WEIGHTED;
    }
}
