package io.reactivemq.test.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.test.ChildJvm;
import io.reactivemq.test.Seeds;
import io.reactivemq.test.embedded.EmbeddedFixture.Place;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** A failure is worth nothing that can't be replayed: the same seed gives the same run. */
@DisplayName("7 a simulated run of the broker, senders and receivers as they are in production")
class DeterminismTest {

    static Stream<Arguments> placesAndSeeds() {
        return Stream.of(Place.MEMORY, Place.FILES_FSYNC)
                .flatMap(place -> Seeds.upTo(5).mapToObj(seed -> Arguments.of(place, seed)));
    }

    @ParameterizedTest(name = "[{0}, seed {1}]")
    @MethodSource("placesAndSeeds")
    void is_repeated_by_its_seed_task_by_task(Place place, long seed) {
        assertThat(SimulatedRun.of(place, seed)).isEqualTo(SimulatedRun.of(place, seed));
    }

    /** A replay happens in another process: nothing may depend on what differs there, such as the order in a hash set. */
    @ParameterizedTest(name = "[{0}]")
    @EnumSource(names = {"MEMORY", "FILES_FSYNC"})
    void is_repeated_in_another_process(Place place) throws Exception {
        List<String> here = Seeds.upTo(10)
                .mapToObj(seed -> SimulatedRun.hashOf(place, seed))
                .toList();
        List<String> arguments = new ArrayList<>();
        arguments.add(place.name());
        Seeds.upTo(10).forEach(seed -> arguments.add(Long.toString(seed)));

        assertThat(ChildJvm.outputOf(SimulatedRun.class, arguments)).isEqualTo(here);
    }

    @Test
    void differs_from_seed_to_seed() {
        assertThat(LongStream.range(0, 5)
                        .mapToObj(seed -> SimulatedRun.of(Place.MEMORY, seed))
                        .distinct())
                .hasSize(5);
    }
}
