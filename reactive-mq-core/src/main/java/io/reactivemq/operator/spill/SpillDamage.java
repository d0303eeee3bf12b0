package io.reactivemq.operator.spill;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.operator.spill.SpillFormat.Flaw;
import java.nio.file.Path;

/** Words the error of a spill file whose bytes are not what was written. Whoever finds it leaves the files as they are. */
final class SpillDamage {

    private SpillDamage() {}

    static MqException of(Path file, long position, Flaw flaw, String why) {
        return new MqException(
                ErrorCode.CORRUPT_MESSAGE,
                "a spill file is damaged: " + file + " at byte " + position + ": " + flaw + why
                        + "; nothing was deleted or cut; restore the file from a copy, or set the directory aside");
    }
}
