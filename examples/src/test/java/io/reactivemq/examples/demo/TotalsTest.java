package io.reactivemq.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

class TotalsTest {

    private static Totals of(String... keysAndTexts) {
        Totals totals = new Totals();
        for (String keyAndText : keysAndTexts) {
            String[] parts = keyAndText.split("=", -1);
            totals.add(parts[0].isEmpty() ? null : parts[0], parts[1], parts[1].length());
        }
        return totals;
    }

    @Test
    void figuresAreKeptByKey() {
        KeyTotals dfw = new KeyTotals(0, 0, Integer.MIN_VALUE, 0)
                .plus("x", -7)
                .plus("y", -3)
                .plus("z", -5);

        assertThat(dfw.rows()).isEqualTo(3);
        assertThat(dfw.meanDelay()).isEqualTo(-5.0);
        assertThat(dfw.worstDelay()).isEqualTo(-3);
    }

    @Test
    void equalRowsInEqualOrderDoNotDiffer() {
        assertThat(of("a=1", "b=22", "a=3").ordersThatDiffer(of("a=1", "a=3", "b=22")))
                .isEmpty();
        assertThat(of("a=1", "b=22", "a=3").figuresThatDiffer(of("a=1", "a=3", "b=22")))
                .isEmpty();
    }

    @Test
    void anotherOrderOfAKeysRowsIsFound() {
        assertThat(of("a=1", "a=2").ordersThatDiffer(of("a=2", "a=1")))
                .hasSize(1)
                .first()
                .asString()
                .startsWith("a:");
        assertThat(of("a=1", "a=2").figuresThatDiffer(of("a=2", "a=1"))).isEmpty();
    }

    @Test
    void anotherTextIsFound() {
        assertThat(of("a=1").ordersThatDiffer(of("a=2"))).hasSize(1);
        assertThat(of("=1").ordersThatDiffer(of("=2"))).hasSize(1);
    }

    @Test
    void rowsWithoutAKeyHaveNoOrderAmongThem() {
        assertThat(of("=1", "=2", "=3").ordersThatDiffer(of("=3", "=1", "=2"))).isEmpty();
    }

    @Test
    void aKeyThatOnlyOneSideHasIsFound() {
        assertThat(of("a=1").figuresThatDiffer(of("a=1", "b=1")))
                .containsExactly("b: expected 1 rows, delays 1 min in all, worst 1, was none");
        assertThat(of("a=1", "b=1").figuresThatDiffer(of("a=1"))).hasSize(1);
    }

    @Test
    void theBusiestComeFirstAndEqualsByName() {
        assertThat(of("b=1", "a=1", "c=1", "c=1").busiest(2))
                .extracting(Map.Entry::getKey)
                .containsExactly("c", "a");
    }
}
