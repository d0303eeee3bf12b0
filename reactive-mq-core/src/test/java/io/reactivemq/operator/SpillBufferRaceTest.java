package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.operator.spill.SpillBuffer;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The bytes between source and files, under race:")
class SpillBufferRaceTest {

    private static final long SEED = Long.getLong("reactivemq.seed", 20_261_122);
    private static final int ROUNDS = Integer.getInteger("reactivemq.rounds", 5_000);
    private static final int ROUNDS_AT_ONCE = 500;
    private static final int ELEMENTS = 60;

    /** The least: chunks of 64 bytes, which hold a few elements. */
    private static final int BYTES = SpillOptions.BUFFER_BYTES_MIN;

    @Test
    @DisplayName(
            "M11 each element is read or evicted, once, in order; one that is watched is noticed where it is, or evicted")
    void everyElement() {
        SplittableRandom random = new SplittableRandom(SEED);
        int evicted = 0;
        int noticed = 0;
        for (int i = 0; i < ROUNDS; i += ROUNDS_AT_ONCE) {
            List<Round> rounds = IntStream.range(i, i + ROUNDS_AT_ONCE)
                    .mapToObj(number -> new Round(number, random.split()))
                    .toList();
            Duel.fight(rounds, Round::write, Round::read);
            for (Round round : rounds) {
                round.check();
                evicted += round.evicted.size();
                noticed += round.noticed == null ? 0 : 1;
            }
        }
        // else it has not raced
        assertThat(evicted).as("evicted in all").isPositive();
        assertThat(noticed).as("noticed in all").isBetween(1, ROUNDS);
    }

    private static final class Round {

        private final int number;
        private final SplittableRandom writers;
        private final SplittableRandom readers;
        private final SpillBuffer buffer = new SpillBuffer(BYTES);
        private final int watched;

        // the writer's
        private final List<Integer> evicted = new ArrayList<>();
        private volatile boolean done;

        // the reader's
        private final List<Integer> read = new ArrayList<>();
        private final List<Integer> unmarked = new ArrayList<>();
        private @Nullable Integer noticed;

        Round(int number, SplittableRandom random) {
            this.number = number;
            writers = random.split();
            readers = random.split();
            watched = random.nextInt(ELEMENTS);
        }

        void write() {
            for (int i = 0; i < ELEMENTS; i++) {
                while (buffer.bytes() > BYTES && buffer.evict(bytes -> evicted.add(numberIn(bytes)))) {
                    // the next
                }
                if (i == watched) {
                    buffer.watchNext();
                }
                buffer.add(bytesOf(i, writers.nextInt(30)));
            }
            done = true;
        }

        @SuppressWarnings("ThreadPriorityCheck") // the writer has to get a processor
        void read() {
            for (boolean last = false; !last; ) {
                last = done;
                while (!buffer.isEmpty()) {
                    if (readers.nextBoolean()) {
                        copy();
                    } else {
                        next();
                    }
                    keepOrGoBack();
                }
                Thread.yield();
            }
            keep();
        }

        private void copy() {
            ByteBuffer target = ByteBuffer.allocate(Math.max(buffer.nextBytes(), readers.nextInt(200)));
            int count = buffer.copyTo(target);
            target.flip();
            for (int i = 0; i < count; i++) {
                int length = target.getInt();
                int element = numberIn(target.slice().limit(length));
                target.position(target.position() + length);
                take(element, i);
            }
            assertThat(target.hasRemaining()).as(this::toString).isFalse();
        }

        private void next() {
            ByteBuffer bytes = buffer.next();
            if (bytes != null) {
                take(numberIn(bytes), 0);
            }
        }

        private void take(int element, int at) {
            unmarked.add(element);
            if (buffer.watchedAt() == at) {
                noticed = element;
            }
        }

        /** What was looked at and not marked is looked at again. */
        private void keepOrGoBack() {
            switch (readers.nextInt(4)) {
                case 0 -> {
                    buffer.reset();
                    unmarked.clear();
                    if (noticed != null && !read.contains(noticed)) {
                        noticed = null;
                    }
                }
                case 1, 2 -> keep();
                default -> {}
            }
        }

        private void keep() {
            buffer.mark();
            buffer.release();
            read.addAll(unmarked);
            unmarked.clear();
        }

        void check() {
            List<Integer> all = new ArrayList<>(read);
            all.addAll(evicted);
            all.sort(null);
            assertThat(read).as("read in order, %s", this).isSorted();
            assertThat(evicted).as("evicted in order, %s", this).isSorted();
            assertThat(all)
                    .as("read or evicted, %s", this)
                    .isEqualTo(IntStream.range(0, ELEMENTS).boxed().toList());
            assertThat(buffer.accepted()).as(this::toString).isEqualTo(read.size());
            assertThat(buffer.size()).as(this::toString).isZero();
            assertThat(buffer.bytes()).as(this::toString).isZero();
            boolean gone = evicted.contains(watched);
            assertThat(buffer.isWatching()).as("watching, %s", this).isEqualTo(!gone);
            assertThat(noticed).as("noticed, %s", this).isEqualTo(gone ? null : (Integer) watched);
        }

        private static byte[] bytesOf(int element, int padding) {
            byte[] bytes = new byte[4 + padding];
            ByteBuffer.wrap(bytes).putInt(element);
            for (int i = 4; i < bytes.length; i++) {
                bytes[i] = (byte) (element + i);
            }
            return bytes;
        }

        private static int numberIn(ByteBuffer bytes) {
            int element = bytes.getInt();
            for (int i = 4; bytes.hasRemaining(); i++) {
                if (bytes.get() != (byte) (element + i)) {
                    throw new AssertionError("byte " + i + " of " + element + " is wrong");
                }
            }
            return element;
        }

        @Override
        public String toString() {
            return "round " + number + ", seed " + SEED + ", watched " + watched + ", read " + read + ", evicted "
                    + evicted;
        }
    }
}
