package io.reactivemq.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.LocalDateTime;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FlightTest {

    @Test
    void aLineBecomesAFlight() {
        assertThat(Flight.parse("2001/01/01 00:47,-6,1750,DTW,LAS"))
                .isEqualTo(new Flight(LocalDateTime.of(2001, 1, 1, 0, 47), -6, 1750, "DTW", "LAS"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "2001/01/12 09:35,4,DFW; 5 fields, this line has 3",
                "2001/01/12 09:35,4,862,DFW,LAX,; 5 fields, this line has 6",
                "2001/01/28 17:40,late,862,ORD,DFW; delay must be a whole number, was 'late'",
                "2001/01/28 17:40,1,,ORD,DFW; distance must be a whole number, was ''",
                "2001/02/30 12:00,12,224,LAX,LAS; date must be",
                "2001/02/03 24:00,12,224,LAX,LAS; date must be",
                "2001/02/03 12:00,12,224,,LAS; origin must be an airport",
                "2001/02/03 12:00,12,224,LAX,; destination must be an airport",
                ",,,,; date must be",
                "''; 5 fields, this line has 1",
            })
    void aDamagedLineIsRefusedWithTheReason(String line, String reason) {
        assertThatThrownBy(() -> Flight.parse(line))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(reason);
    }
}
