package io.reactivemq.log;

import java.nio.file.Path;

/** What can be done for a log that is damaged. */
public final class LogRepair {

    private LogRepair() {}

    /** For the message of an error: what to do about the log in that folder. */
    public static String advice(Path folder) {
        return "restore " + folder + " from a copy and open the broker again";
    }
}
