package io.reactivemq.operator;

import io.reactivemq.Serde;
import io.reactivemq.operator.spill.SpillQueue;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/** What tests of a spill share. */
final class SpillFixture {

    static final Path DIRECTORY = Path.of("/data/spill");

    /** The smallest there is, so that a few elements need several. */
    static final int SEGMENT_BYTES = SpillQueue.Config.SEGMENT_BYTES_MIN;

    /** Numbers, padded to different lengths; the padding is checked, too. */
    static final Serde<Integer> NUMBERS = new Serde<>() {
        @Override
        public byte[] serialize(Integer value) {
            ByteBuffer bytes = ByteBuffer.allocate(4 + padding(value)).putInt(value);
            while (bytes.hasRemaining()) {
                bytes.put((byte) (value + bytes.position()));
            }
            return bytes.array();
        }

        @Override
        public Integer deserialize(ByteBuffer data) {
            int value = data.getInt();
            if (data.remaining() != padding(value)) {
                throw new IllegalStateException("element " + value + " has " + data.remaining() + " bytes of padding");
            }
            for (int i = 4; data.hasRemaining(); i++) {
                if (data.get() != (byte) (value + i)) {
                    throw new IllegalStateException("byte " + i + " of element " + value + " is wrong");
                }
            }
            return value;
        }
    };

    private SpillFixture() {}

    private static int padding(int value) {
        return Math.floorMod(value * 7, 40) * (Math.floorMod(value, 11) == 0 ? 4 : 1);
    }
}
