package io.reactivemq.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class FlightRowsTest {

    @Test
    void holdsAllFlightsAndFiveDamagedLines() {
        List<Row> rows =
                Objects.requireNonNull(FlightRows.all().rows().collectList().block());
        List<Row> damaged = rows.stream().filter(row -> isDamaged(row.text())).toList();

        assertThat(rows).hasSize(20_005);
        assertThat(damaged).hasSize(5);
        assertThat(damaged).extracting(Row::key).containsExactly(null, "ORD", null, "LAX", null);
        assertThat(rows.get(0)).isEqualTo(new Row("DTW", "2001/01/01 00:47,66,1750,DTW,LAS"));
    }

    private static boolean isDamaged(String text) {
        try {
            Flight.parse(text);
            return false;
        } catch (IllegalArgumentException e) {
            return true;
        }
    }

    @Test
    void eachDamagedLineIsDamagedInItsOwnWay() {
        List<String> damaged = FlightRows.all().plainLoop().damaged();

        assertThat(damaged)
                .doesNotHaveDuplicates()
                .hasSize(5)
                .allSatisfy(text ->
                        assertThatThrownBy(() -> Flight.parse(text)).isInstanceOf(IllegalArgumentException.class));
    }

    /** The figures come from another program: awk over the unpacked file. */
    @Test
    void thePlainLoopFindsWhatOtherProgramsFind() {
        Expected expected = FlightRows.all().plainLoop();

        assertThat(expected.rows()).isEqualTo(20_005);
        assertThat(expected.handled().rows()).isEqualTo(20_000);
        assertThat(expected.handled().keys()).isEqualTo(220);
        assertThat(expected.handled().busiest(3))
                .extracting(entry -> entry.getKey() + " " + entry.getValue().rows() + " "
                        + entry.getValue().delaySum() + " " + entry.getValue().worstDelay())
                .containsExactly("DFW 1103 10462 298", "ORD 1095 8181 259", "ATL 846 6611 365");
    }

    @Test
    void aSubsetHasTheDamagedLinesThatFallAmongIt() {
        Expected expected = FlightRows.first(2_600).plainLoop();

        assertThat(expected.rows()).isEqualTo(2_601);
        assertThat(expected.damaged()).containsExactly("2001/01/12 09:35,4,DFW");
    }
}
