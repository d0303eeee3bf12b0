package io.reactivemq.examples.members;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LedgerTest {

    private final Ledger ledger = new Ledger();

    @Test
    void whatIsHandledOnceAndInOrderIsRight() {
        ledger.handled("a", new Order("x", 0));
        ledger.handled("b", new Order("y", 1));
        ledger.handled("b", new Order("x", 2));
        ledger.handed("c", new Order("x", 3));
        assertThat(ledger.problems(4)).containsExactly("order 3 was lost");
        ledger.killed("c");
        assertThat(ledger.problems(4)).isEmpty();
        assertThat(ledger.handledCount()).isEqualTo(3);
        assertThat(ledger.abandonedCount()).isOne();
        assertThat(ledger.byMember()).containsEntry("a", 1).containsEntry("b", 2);
    }

    @Test
    void whatIsLostIsNamed() {
        ledger.handled("a", new Order("x", 1));
        assertThat(ledger.problems(3)).containsExactly("order 0 was lost", "order 2 was lost");
    }

    @Test
    void whatComesTwiceOrOutOfOrderIsNamed() {
        ledger.handled("a", new Order("x", 1));
        ledger.handled("b", new Order("x", 0));
        ledger.handled("c", new Order("y", 2));
        ledger.handled("d", new Order("y", 2));
        ledger.handed("c", new Order("y", 2));
        ledger.handed("d", new Order("y", 2));
        assertThat(ledger.problems(3))
                .containsExactly(
                        "Order[customer=x, number=0] was handled by b after number 1 of the same customer",
                        "Order[customer=y, number=2] was handled twice, the second time by d",
                        "Order[customer=y, number=2] was handled by d after number 2 of the same customer",
                        "Order[customer=y, number=2] was handed to d after it had been handed to c");
    }

    @Test
    void ordersAreSkewed() {
        assertThat(Order.ofNumber(0)).isEqualTo(new Order("customer-0", 0));
        assertThat(java.util.stream.IntStream.range(0, 10_000)
                        .mapToObj(i -> Order.ofNumber(i).customer())
                        .distinct()
                        .count())
                .isBetween(100L, 500L);
    }
}
