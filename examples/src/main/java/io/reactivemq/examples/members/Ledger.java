package io.reactivemq.examples.members;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** What became of each order, noted by all members at once; at the end it says whether that is right. */
final class Ledger {

    private final BitSet handled = new BitSet();
    private final Map<String, BitSet> handedTo = new TreeMap<>();
    private final Set<String> killed = new TreeSet<>();
    private final Map<String, Integer> lastOfCustomer = new ConcurrentHashMap<>();
    private final Map<String, AtomicInteger> ordersOfMember = new ConcurrentHashMap<>();
    private final List<String> breaches = new ArrayList<>();

    /** A member has done its work on the order. */
    synchronized void handled(String member, Order order) {
        if (handled.get(order.number())) {
            breach(order + " was handled twice, the second time by " + member);
        }
        handled.set(order.number());
        Integer before = lastOfCustomer.put(order.customer(), order.number());
        if (before != null && before >= order.number()) {
            breach(order + " was handled by " + member + " after number " + before + " of the same customer");
        }
        ordersOfMember.computeIfAbsent(member, m -> new AtomicInteger()).incrementAndGet();
    }

    /** The order has left its lane, for a member. */
    synchronized void handed(String member, Order order) {
        handedTo.forEach((other, orders) -> {
            if (orders.get(order.number())) {
                breach(order + " was handed to " + member + " after it had been handed to " + other);
            }
        });
        handedTo.computeIfAbsent(member, m -> new BitSet()).set(order.number());
    }

    /** What the member has been handed and has not handled is abandoned. */
    synchronized void killed(String member) {
        killed.add(member);
    }

    private BitSet abandoned() {
        BitSet abandoned = new BitSet();
        killed.forEach(member -> abandoned.or(handedTo.getOrDefault(member, new BitSet())));
        abandoned.andNot(handled);
        return abandoned;
    }

    synchronized int handledCount() {
        return handled.cardinality();
    }

    synchronized int abandonedCount() {
        return abandoned().cardinality();
    }

    /** How many orders each member has handled. */
    synchronized Map<String, Integer> byMember() {
        Map<String, Integer> counts = new TreeMap<>();
        ordersOfMember.forEach((member, count) -> counts.put(member, count.get()));
        return counts;
    }

    /** What is wrong; empty if each of the orders was handled or abandoned, once, and those of each customer in order. */
    synchronized List<String> problems(int orders) {
        List<String> problems = new ArrayList<>(breaches);
        BitSet known = (BitSet) handled.clone();
        known.or(abandoned());
        for (int number = known.nextClearBit(0); number < orders && problems.size() < 10; ) {
            problems.add("order " + number + " was lost");
            number = known.nextClearBit(number + 1);
        }
        return problems;
    }

    private void breach(String what) {
        if (breaches.size() < 5) {
            breaches.add(what);
        }
    }
}
