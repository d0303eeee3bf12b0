package io.reactivemq.test.embedded;

import io.reactivemq.test.contract.DeadLetterContract;
import io.reactivemq.test.contract.EngineFixture;
import io.reactivemq.test.contract.GroupContract;
import io.reactivemq.test.contract.HeartbeatContract;
import io.reactivemq.test.embedded.EmbeddedFixture.Place;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

@DisplayName("embedded in memory, real time")
@EnabledIfSystemProperty(
        named = "reactivemq.memory.real.time",
        matches = "true",
        disabledReason =
                "it waits for sessions that pass, for more than a minute, as the same contracts do on files: with the soak profile")
@Tag("memory")
class InMemoryRealTimeTest {

    @Nested
    class DeadLetters extends DeadLetterContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return RealTimeFixture.of(Place.MEMORY, seed);
        }
    }

    @Nested
    class Heartbeats extends HeartbeatContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return RealTimeFixture.of(Place.MEMORY, seed);
        }
    }

    @Nested
    class Groups extends GroupContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return RealTimeFixture.of(Place.MEMORY, seed);
        }
    }
}
