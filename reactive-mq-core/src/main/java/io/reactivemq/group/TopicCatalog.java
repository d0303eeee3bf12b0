package io.reactivemq.group;

import io.reactivemq.broker.TopicDescription;
import java.util.List;

/** The topics there are, as groups need to know them. Safe for many threads. */
public interface TopicCatalog {

    /** Rises with each topic that is created, deleted or changed. */
    long version();

    /** All topics. */
    List<TopicDescription> list();
}
