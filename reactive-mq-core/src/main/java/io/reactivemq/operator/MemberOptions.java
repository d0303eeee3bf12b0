package io.reactivemq.operator;

import io.reactivemq.assign.Membership.Member;

/** What can be said about a member of a {@link ConsumerGroup}. */
public final class MemberOptions {

    /** How many results of a lane are asked for ahead of the member's subscriber, unless told otherwise. */
    public static final int PREFETCH_DEFAULT = 32;

    private int weight = 1;
    private int prefetch = PREFETCH_DEFAULT;

    MemberOptions() {}

    /**
     * How much this member can take beside others; only the weighted assignor looks at it.
     *
     * @param weight from 1 to {@link Member#WEIGHT_MAX}
     */
    public MemberOptions weight(int weight) {
        if (weight < 1 || weight > Member.WEIGHT_MAX) {
            throw new IllegalArgumentException(
                    "weight must be between 1 and " + Member.WEIGHT_MAX + ", but is " + weight);
        }
        this.weight = weight;
        return this;
    }

    /**
     * How many results of a lane may wait for the member's subscriber.
     *
     * @param prefetch from 1 to {@link Overflow#CAPACITY_MAX}
     */
    public MemberOptions prefetch(int prefetch) {
        if (prefetch < 1 || prefetch > Overflow.CAPACITY_MAX) {
            throw new IllegalArgumentException(
                    "prefetch must be between 1 and " + Overflow.CAPACITY_MAX + ", but is " + prefetch);
        }
        this.prefetch = prefetch;
        return this;
    }

    int weight() {
        return weight;
    }

    int prefetch() {
        return prefetch;
    }
}
