package io.reactivemq.test.simulation;

import io.reactivemq.broker.Broker;
import io.reactivemq.engine.BrokerOptions;
import io.reactivemq.storage.FileStore;

/**
 * A mistake that a broker could make, put around the real one: between it and its clients, under it, or on what a crash leaves of its files. One
 * that overrides nothing is the broker as it is. It lives as long as a run, over all lives of its broker.
 */
class Mistake {

    /** What clients talk to in the place of that broker. */
    Broker around(Broker broker) {
        return broker;
    }

    /** What the broker writes to in the place of that store. */
    FileStore under(FileStore store) {
        return store;
    }

    /** What the broker finds in the place of that disk when it opens again. */
    DiskImage left(DiskImage disk) {
        return disk;
    }

    /** Sets what is wrong in the broker's settings. */
    void configure(BrokerOptions options) {
        // nothing is wrong
    }
}
