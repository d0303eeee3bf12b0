package io.reactivemq.test.embedded;

import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.test.contract.DeadLetterContract;
import io.reactivemq.test.contract.EngineFixture;
import io.reactivemq.test.contract.ExactlyOnceContract;
import io.reactivemq.test.contract.GroupContract;
import io.reactivemq.test.contract.HeartbeatContract;
import io.reactivemq.test.contract.IdempotenceContract;
import io.reactivemq.test.contract.ProduceConsumeContract;
import io.reactivemq.test.contract.RetentionContract;
import io.reactivemq.test.contract.SenderContract;
import io.reactivemq.test.contract.TransactionContract;
import io.reactivemq.test.embedded.EmbeddedFixture.Place;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

@DisplayName("embedded on files, real time")
@Tag("files")
class OnFilesRealTimeTest {

    @Nested
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "one test has a Serde that fails")
    class ProduceConsume extends ProduceConsumeContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return RealTimeFixture.of(Place.FILES_FSYNC, seed);
        }
    }

    @Nested
    class DeadLetters extends DeadLetterContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return RealTimeFixture.of(Place.FILES_FSYNC, seed);
        }
    }

    @Nested
    class Heartbeats extends HeartbeatContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return RealTimeFixture.of(Place.FILES_FSYNC, seed);
        }
    }

    @Nested
    class Groups extends GroupContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return RealTimeFixture.of(Place.FILES_FSYNC, seed);
        }
    }

    @Nested
    class Retention extends RetentionContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return RealTimeFixture.ofShortMemory(Place.FILES_FSYNC);
        }
    }

    @Nested
    class Idempotence extends IdempotenceContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return RealTimeFixture.of(Place.FILES_FSYNC, seed);
        }
    }

    @Nested
    class Senders extends SenderContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return RealTimeFixture.of(Place.FILES_FSYNC, seed);
        }
    }

    @Nested
    class ExactlyOnce extends ExactlyOnceContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return RealTimeFixture.of(Place.FILES_FSYNC, seed);
        }
    }

    @Nested
    class Transactions extends TransactionContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return RealTimeFixture.of(Place.FILES_FSYNC, seed);
        }
    }
}
