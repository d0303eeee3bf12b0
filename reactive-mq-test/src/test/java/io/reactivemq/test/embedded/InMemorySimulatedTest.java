package io.reactivemq.test.embedded;

import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.test.contract.CompactionContract;
import io.reactivemq.test.contract.DataContract;
import io.reactivemq.test.contract.DeadLetterContract;
import io.reactivemq.test.contract.EngineFixture;
import io.reactivemq.test.contract.ExactlyOnceContract;
import io.reactivemq.test.contract.GroupContract;
import io.reactivemq.test.contract.GroupProtocolContract;
import io.reactivemq.test.contract.GrowthContract;
import io.reactivemq.test.contract.HardCasesContract;
import io.reactivemq.test.contract.HeartbeatContract;
import io.reactivemq.test.contract.IdempotenceContract;
import io.reactivemq.test.contract.OffsetResetContract;
import io.reactivemq.test.contract.ProduceConsumeContract;
import io.reactivemq.test.contract.ReceiverContract;
import io.reactivemq.test.contract.ReplayContract;
import io.reactivemq.test.contract.RetentionContract;
import io.reactivemq.test.contract.SenderContract;
import io.reactivemq.test.contract.TopicsContract;
import io.reactivemq.test.contract.TransactionContract;
import io.reactivemq.test.embedded.EmbeddedFixture.Place;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

@DisplayName("embedded in memory, virtual time")
@Tag("memory")
class InMemorySimulatedTest {

    @Nested
    class Topics extends TopicsContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.MEMORY, seed);
        }
    }

    @Nested
    class Data extends DataContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.MEMORY, seed);
        }
    }

    @Nested
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "one test has a Serde that fails")
    class ProduceConsume extends ProduceConsumeContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.MEMORY, seed);
        }
    }

    @Nested
    class DeadLetters extends DeadLetterContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.MEMORY, seed);
        }
    }

    @Nested
    class Heartbeats extends HeartbeatContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.MEMORY, seed);
        }
    }

    @Nested
    class Groups extends GroupContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.MEMORY, seed);
        }
    }

    @Nested
    class Receiving extends ReceiverContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.MEMORY, seed);
        }
    }

    @Nested
    class Growth extends GrowthContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.MEMORY, seed);
        }
    }

    @Nested
    class HardCases extends HardCasesContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.MEMORY, seed);
        }
    }

    @Nested
    class Replays extends ReplayContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.MEMORY, seed);
        }
    }

    @Nested
    class Retention extends RetentionContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.MEMORY, seed);
        }
    }

    @Nested
    class Compacting extends CompactionContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.MEMORY, seed);
        }
    }

    @Nested
    class Idempotence extends IdempotenceContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.MEMORY, seed);
        }
    }

    @Nested
    class Senders extends SenderContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.MEMORY, seed);
        }
    }

    @Nested
    class ExactlyOnce extends ExactlyOnceContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.MEMORY, seed);
        }
    }

    @Nested
    class Transactions extends TransactionContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.MEMORY, seed);
        }
    }

    @Nested
    class GroupProtocols extends GroupProtocolContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.MEMORY, seed);
        }
    }

    @Nested
    class OffsetResets extends OffsetResetContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.MEMORY, seed);
        }
    }
}
