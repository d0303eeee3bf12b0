package io.reactivemq.log;

import io.reactivemq.storage.FileStore;
import org.junit.jupiter.api.DisplayName;

@DisplayName("A log in memory:")
class PartitionLogInMemoryTest extends PartitionLogContract {

    PartitionLogInMemoryTest() {
        super(FileStore.memory(), 2_000);
    }
}
