package io.reactivemq.record;

import io.reactivemq.MqException;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.util.function.Supplier;

/** Keeps what is written on the heap, up to a bound; it grows as bytes come. */
final class BoundedOutput extends OutputStream {

    private final ByteArrayOutputStream kept;
    private final int bytesMax;
    private final Supplier<MqException> tooMuch;
    private boolean refused;

    BoundedOutput(int firstBytes, int bytesMax, Supplier<MqException> tooMuch) {
        this.kept = new ByteArrayOutputStream(firstBytes);
        this.bytesMax = bytesMax;
        this.tooMuch = tooMuch;
    }

    @Override
    public void write(int b) {
        write(new byte[] {(byte) b}, 0, 1);
    }

    /** Throws once: a stream in front of this one that is closed then has its last bytes still to write, and its memory to give back. */
    @Override
    public void write(byte[] bytes, int from, int length) {
        if (refused) {
            return;
        }
        if (length > bytesMax - kept.size()) {
            refused = true;
            throw tooMuch.get();
        }
        kept.write(bytes, from, length);
    }

    byte[] toByteArray() {
        return kept.toByteArray();
    }
}
