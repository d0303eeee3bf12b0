package io.reactivemq.netty.server;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Makes of requests, which are right, some that are not. A frame begins with its length. */
final class Mutator {

    private static final int LENGTH = Integer.BYTES;
    private static final int FRAME_BYTES_MAX = 1 << 20;

    private static final int[] COUNTS = {
        Integer.MAX_VALUE, Integer.MIN_VALUE, -1, -2, 0, 1, 0x7fff, 0xffff, 1 << 16, 1 << 20, 1 << 24, 100
    };

    private static final byte[][] VARINTS = {
        bytes(0xff, 0xff, 0xff, 0xff, 0x07),
        bytes(0xff, 0xff, 0xff, 0xff, 0x0f),
        bytes(0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
        bytes(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80),
        bytes(0x80, 0x80, 0x40),
        bytes(0xff, 0x7f),
        bytes(0x00)
    };

    private final Random random;
    private final List<byte[]> corpus;

    Mutator(long seed, List<byte[]> corpus) {
        this.random = new Random(seed);
        this.corpus = corpus;
    }

    byte[] next() {
        byte[] frame = content(any());
        int rounds = random.nextInt(4) == 0 ? 2 + random.nextInt(2) : 1;
        int length = Integer.MIN_VALUE;
        for (int i = 0; i < rounds; i++) {
            switch (random.nextInt(9)) {
                case 0, 1 -> flip(frame);
                case 2 -> frame = Arrays.copyOf(frame, random.nextInt(frame.length + 1));
                case 3 ->
                    overwrite(frame, ByteBuffer.allocate(4).putInt(count(frame)).array());
                case 4 -> overwrite(frame, VARINTS[random.nextInt(VARINTS.length)]);
                case 5 -> frame = splice(frame, content(any()));
                case 6 -> frame = random.nextBoolean() ? without(frame) : with(frame);
                case 7 -> retitle(frame);
                default -> length = random.nextBoolean() ? COUNTS[random.nextInt(COUNTS.length)] : frame.length + 5;
            }
        }
        return ByteBuffer.allocate(LENGTH + frame.length)
                .putInt(length == Integer.MIN_VALUE ? frame.length : length)
                .put(frame)
                .array();
    }

    private byte[] any() {
        return corpus.get(random.nextInt(corpus.size()));
    }

    private static byte[] content(byte[] frame) {
        return Arrays.copyOfRange(frame, LENGTH, frame.length);
    }

    /** Counts that are somewhat right, too. */
    private int count(byte[] frame) {
        return random.nextInt(3) == 0 ? random.nextInt(frame.length + 1) : COUNTS[random.nextInt(COUNTS.length)];
    }

    private void flip(byte[] frame) {
        int flips = 1 + random.nextInt(6);
        for (int i = 0; i < flips && frame.length > 0; i++) {
            frame[random.nextInt(frame.length)] ^= (byte) (1 << random.nextInt(8));
        }
    }

    /** What is behind the header rather than the header: else most would not come far. */
    private int place(byte[] frame) {
        int from = Math.min(frame.length, random.nextInt(4) == 0 ? 0 : 12);
        return from + random.nextInt(frame.length - from + 1);
    }

    private void overwrite(byte[] frame, byte[] by) {
        int at = place(frame);
        System.arraycopy(by, 0, frame, at, Math.min(by.length, frame.length - at));
    }

    private byte[] splice(byte[] head, byte[] tail) {
        int to = place(head);
        int from = place(tail);
        return ByteBuffer.allocate(to + tail.length - from)
                .put(head, 0, to)
                .put(tail, from, tail.length - from)
                .array();
    }

    private byte[] without(byte[] frame) {
        int from = place(frame);
        int to = from + random.nextInt(frame.length - from + 1);
        return ByteBuffer.allocate(frame.length - to + from)
                .put(frame, 0, from)
                .put(frame, to, frame.length - to)
                .array();
    }

    private byte[] with(byte[] frame) {
        int at = place(frame);
        // now and then so many that a list would be long
        byte[] more = new byte[random.nextInt(200) == 0 ? 60_000 : random.nextInt(40)];
        if (random.nextBoolean()) {
            random.nextBytes(more);
        } else {
            Arrays.fill(more, (byte) random.nextInt(4));
        }
        if (frame.length + more.length > FRAME_BYTES_MAX) {
            return frame;
        }
        return ByteBuffer.allocate(frame.length + more.length)
                .put(frame, 0, at)
                .put(more)
                .put(frame, at, frame.length - at)
                .array();
    }

    /** Another API, or another version. */
    private void retitle(byte[] frame) {
        if (frame.length >= 4) {
            ByteBuffer title = ByteBuffer.wrap(frame);
            if (random.nextBoolean()) {
                title.putShort(0, (short) random.nextInt(100));
            } else {
                title.putShort(2, (short) (random.nextInt(22) - 2));
            }
        }
    }

    private static byte[] bytes(int... values) {
        byte[] bytes = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
            bytes[i] = (byte) values[i];
        }
        return bytes;
    }
}
