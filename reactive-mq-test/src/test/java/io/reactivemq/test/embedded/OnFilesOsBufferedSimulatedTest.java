package io.reactivemq.test.embedded;

import io.reactivemq.test.contract.DataContract;
import io.reactivemq.test.contract.EngineFixture;
import io.reactivemq.test.contract.ExactlyOnceContract;
import io.reactivemq.test.contract.IdempotenceContract;
import io.reactivemq.test.contract.RetentionContract;
import io.reactivemq.test.contract.SenderContract;
import io.reactivemq.test.contract.TransactionContract;
import io.reactivemq.test.embedded.EmbeddedFixture.Place;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

@DisplayName("embedded on files, os-buffered, virtual time")
@Tag("files")
class OnFilesOsBufferedSimulatedTest {

    @Nested
    class Data extends DataContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.FILES_OS_BUFFERED, seed);
        }
    }

    @Nested
    class Retention extends RetentionContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.FILES_OS_BUFFERED, seed);
        }
    }

    @Nested
    class Idempotence extends IdempotenceContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.FILES_OS_BUFFERED, seed);
        }
    }

    @Nested
    class Senders extends SenderContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.FILES_OS_BUFFERED, seed);
        }
    }

    @Nested
    class ExactlyOnce extends ExactlyOnceContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.FILES_OS_BUFFERED, seed);
        }
    }

    @Nested
    class Transactions extends TransactionContract {
        @Override
        protected EngineFixture newEngine(long seed) {
            return SimulatedFixture.of(Place.FILES_OS_BUFFERED, seed);
        }
    }
}
