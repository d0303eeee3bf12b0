package io.reactivemq.log;

import io.reactivemq.storage.FileStore;
import org.junit.jupiter.api.DisplayName;

@DisplayName("A log on disk:")
class PartitionLogOnDiskTest extends PartitionLogContract {

    PartitionLogOnDiskTest() {
        super(FileStore.disk(), 300);
    }
}
