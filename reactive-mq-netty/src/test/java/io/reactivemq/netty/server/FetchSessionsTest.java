package io.reactivemq.netty.server;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.kafka.common.Uuid;
import io.reactivemq.netty.protocol.ProtocolError;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Fetch sessions (KIP-227)")
class FetchSessionsTest {

    private static final String ANN = "User:ann";

    private final ManualRuntime clock = new ManualRuntime(1);
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();

    private FetchSessions sessions(int sessionsMax, int partitionsMax) {
        return new FetchSessions(sessionsMax, partitionsMax, clock, new FetchSessionMeters(registry));
    }

    private static FetchPosition position(String topic, int partition, long offset) {
        return FetchPosition.of(new FetchPosition.Key(topic, Uuid.ZERO_UUID, partition), topic, offset, 1_000);
    }

    private static List<FetchPosition> positions(int count) {
        List<FetchPosition> positions = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            positions.add(position("orders", i, 0));
        }
        return positions;
    }

    private static FetchResult.Partition found(FetchPosition position, long begin, long end, int bytes) {
        return new FetchResult.Partition(
                requireNonNull(position.read()).partition(), null, begin, end, ByteBuffer.allocate(bytes));
    }

    private static FetchResult.Partition failed(FetchPosition position) {
        return new FetchResult.Partition(
                requireNonNull(position.read()).partition(),
                new MqException(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "gone"),
                -1,
                -1,
                ByteBuffer.allocate(0));
    }

    /** What the broker finds where there is nothing. */
    private static List<FetchResult.Partition> nothing(List<FetchPosition> positions) {
        return positions.stream()
                .filter(position -> position.read() != null)
                .map(position -> found(position, 0, 0, 0))
                .toList();
    }

    private static int open(FetchSessions sessions, int partitions) {
        return open(sessions, positions(partitions));
    }

    private static int open(FetchSessions sessions, List<FetchPosition> asked) {
        return sessions.open(ANN, false, asked, nothing(asked));
    }

    private static FetchSession found(FetchSessions sessions, int id) {
        FetchSession session = sessions.find(id, ANN);
        assertThat(session).as("session %d", id).isNotNull();
        return requireNonNull(session);
    }

    private static void use(FetchSessions sessions, int id, int epoch) {
        FetchSession session = found(sessions, id);
        assertThat(session.next(epoch, false, List.of(), List.of(), Map.of())).isZero();
        assertThat(sessions.used(session)).isTrue();
    }

    private double evicted() {
        return registry.get("reactivemq.server.fetch.sessions.evicted")
                .counter()
                .count();
    }

    private double opened() {
        return registry.get("reactivemq.server.fetch.sessions").gauge().value();
    }

    @Test
    @DisplayName(
            "are no more than their bound; one of two idle minutes goes for a new one, and the one idle longest first")
    void idle() {
        FetchSessions sessions = sessions(2, 1_000);
        int first = open(sessions, 10);
        int second = open(sessions, 10);
        assertThat(first).isPositive();
        assertThat(second).isPositive().isNotEqualTo(first);
        assertThat(open(sessions, 20)).isEqualTo(FetchSessions.NO_SESSION);

        clock.advanceBy(Duration.ofSeconds(119));
        use(sessions, first, 1);
        clock.advanceBy(Duration.ofSeconds(1));
        assertThat(open(sessions, 1)).as("not yet").isEqualTo(FetchSessions.NO_SESSION);
        clock.advanceBy(Duration.ofNanos(1));
        assertThat(open(sessions, 1)).isPositive();

        assertThat(sessions.find(second, ANN)).isNull();
        assertThat(sessions.find(first, ANN)).isNotNull();
        assertThat(evicted()).isEqualTo(1);
        assertThat(opened()).isEqualTo(2);
        sessions.close();
    }

    @Test
    @DisplayName("that were opened two minutes ago give way to larger ones though they are in use, the smallest first")
    void larger() {
        FetchSessions sessions = sessions(2, 1_000);
        int small = open(sessions, 10);
        int large = open(sessions, 20);
        clock.advanceBy(Duration.ofSeconds(121));
        use(sessions, small, 1);
        use(sessions, large, 1);
        assertThat(open(sessions, 9)).isEqualTo(FetchSessions.NO_SESSION);
        int larger = open(sessions, 10);
        assertThat(larger).isPositive();
        assertThat(sessions.find(small, ANN)).isNull();
        assertThat(open(sessions, 19))
                .as("the new one is safe, the other is larger")
                .isEqualTo(FetchSessions.NO_SESSION);

        FetchSession shrinking = found(sessions, large);
        assertThat(shrinking.next(
                        2,
                        false,
                        List.of(),
                        positions(15).stream().map(FetchPosition::key).toList(),
                        Map.of()))
                .isZero();
        assertThat(sessions.used(shrinking)).isTrue();
        assertThat(open(sessions, 5)).as("by the size it has now").isPositive();
        assertThat(sessions.find(large, ANN)).isNull();
        assertThat(sessions.partitions()).isEqualTo(15);
        sessions.close();
    }

    @Test
    @DisplayName("have a bound on their partitions together; who grows beyond it loses its session")
    void partitions() {
        FetchSessions sessions = sessions(10, 100);
        assertThat(open(sessions, 101)).isEqualTo(FetchSessions.NO_SESSION);
        int first = open(sessions, 60);
        assertThat(open(sessions, 41)).isEqualTo(FetchSessions.NO_SESSION);
        int second = open(sessions, 40);
        assertThat(second).isPositive();
        assertThat(sessions.partitions()).isEqualTo(100);

        FetchSession growing = found(sessions, first);
        assertThat(growing.next(1, false, List.of(position("returns", 0, 0)), List.of(), Map.of()))
                .isZero();
        assertThat(sessions.used(growing)).isFalse();
        assertThat(sessions.find(first, ANN)).isNull();
        assertThat(sessions.partitions()).isEqualTo(40);
        assertThat(evicted()).isEqualTo(1);
        sessions.close();
    }

    @Test
    @DisplayName(
            "end when their client says so or wants no partition any more, and all with the server, which opens none then")
    void ends() {
        FetchSessions sessions = sessions(10, 100);
        int first = open(sessions, 1);
        int second = open(sessions, 1);
        open(sessions, 1);
        sessions.close(first, ANN);
        sessions.close(FetchSessions.NO_SESSION, ANN);
        assertThat(sessions.find(first, ANN)).isNull();

        FetchSession emptied = found(sessions, second);
        assertThat(emptied.next(
                        1, false, List.of(), List.of(position("orders", 0, 0).key()), Map.of()))
                .isZero();
        assertThat(sessions.used(emptied)).isTrue();
        assertThat(emptied.positions()).isEmpty();
        assertThat(sessions.find(second, ANN)).isNull();
        assertThat(sessions.size()).isEqualTo(1);

        sessions.close();
        sessions.close();
        assertThat(sessions.size()).isZero();
        assertThat(sessions.partitions()).isZero();
        assertThat(opened()).isZero();
        assertThat(open(sessions, 1)).isEqualTo(FetchSessions.NO_SESSION);
        assertThat(evicted()).isZero();
    }

    @Test
    @DisplayName("are not found, nor ended, by other principals")
    void principals() {
        FetchSessions sessions = sessions(10, 100);
        int id = open(sessions, 1);
        assertThat(sessions.find(id, "User:bob")).isNull();
        sessions.close(id, "User:bob");
        assertThat(sessions.find(id, ANN)).isNotNull();
        sessions.close();
    }

    @Test
    @DisplayName("are not opened for names that no topic can have, which might be of any length")
    void longNames() {
        FetchSessions sessions = sessions(10, 100);
        assertThat(open(sessions, List.of(position("t".repeat(250), 0, 0)))).isEqualTo(FetchSessions.NO_SESSION);
        assertThat(open(sessions, List.of(position("t".repeat(249), 0, 0)))).isPositive();
        sessions.close();
    }

    @Test
    @DisplayName("take each epoch once, also the one after the last number, and one kind of names")
    void epochs() {
        FetchSession session = new FetchSession(1, ANN, false, positions(1), nothing(positions(1)));
        for (int wrong : new int[] {0, -1, -2, 2, Integer.MAX_VALUE}) {
            assertThat(session.next(wrong, false, List.of(), List.of(), Map.of()))
                    .isEqualTo(ProtocolError.INVALID_FETCH_SESSION_EPOCH);
        }
        assertThat(session.next(1, true, List.of(), List.of(), Map.of()))
                .isEqualTo(ProtocolError.FETCH_SESSION_TOPIC_ID_ERROR);
        assertThat(session.next(1, false, List.of(), List.of(), Map.of())).isZero();
        assertThat(session.next(1, false, List.of(), List.of(), Map.of()))
                .isEqualTo(ProtocolError.INVALID_FETCH_SESSION_EPOCH);
        assertThat(FetchSession.after(Integer.MAX_VALUE)).isEqualTo(1);
        assertThat(FetchSession.after(1)).isEqualTo(2);
    }

    @Test
    @DisplayName("let a fetch that another has overtaken tell nothing")
    void overtaken() {
        List<FetchPosition> asked = positions(1);
        FetchSession session = new FetchSession(1, ANN, false, asked, nothing(asked));
        assertThat(session.next(1, false, List.of(), List.of(), Map.of())).isZero();
        List<FetchResult.Partition> late = List.of(found(asked.get(0), 0, 5, 10));
        assertThat(session.next(2, false, List.of(), List.of(), Map.of())).isZero();
        assertThat(session.answer(1, late, (position, found) -> {
                    throw new AssertionError("told of " + position);
                }))
                .isFalse();
        assertThat(told(session, 2, late)).containsExactly("orders-0");
    }

    @Test
    @DisplayName(
            "tell of records, of a log that begins or ends elsewhere, of each error, and once more when that has gone")
    void news() {
        FetchPosition position = position("orders", 0, 0);
        FetchSession session = new FetchSession(1, ANN, false, List.of(position), List.of(found(position, 0, 5, 0)));
        int epoch = 1;
        assertThat(tells(session, epoch++, found(position, 0, 5, 0)))
                .as("as it was")
                .isFalse();
        assertThat(tells(session, epoch++, found(position, 0, 5, 1)))
                .as("records")
                .isTrue();
        assertThat(tells(session, epoch++, found(position, 0, 6, 0)))
                .as("the end")
                .isTrue();
        assertThat(tells(session, epoch++, found(position, 0, 6, 0))).isFalse();
        assertThat(tells(session, epoch++, found(position, 2, 6, 0)))
                .as("the begin")
                .isTrue();
        assertThat(tells(session, epoch++, found(position, 2, 6, 0))).isFalse();
        assertThat(tells(session, epoch++, failed(position))).as("an error").isTrue();
        assertThat(tells(session, epoch++, failed(position)))
                .as("still an error")
                .isTrue();
        assertThat(tells(session, epoch++, found(position, 2, 6, 0)))
                .as("well again")
                .isTrue();
        assertThat(tells(session, epoch, found(position, 2, 6, 0))).isFalse();
    }

    private static boolean tells(FetchSession session, int epoch, FetchResult.Partition found) {
        assertThat(session.next(epoch, false, List.of(), List.of(), Map.of())).isZero();
        return !told(session, epoch, List.of(found)).isEmpty();
    }

    private static List<String> told(FetchSession session, int epoch, List<FetchResult.Partition> found) {
        List<String> told = new ArrayList<>();
        assertThat(session.answer(epoch, found, (position, part) -> told.add(nameOf(position))))
                .isTrue();
        return told;
    }

    private static String nameOf(FetchPosition position) {
        return position.key().topic() + "-" + position.key().partition();
    }

    @Test
    @DisplayName("read those that had records after those that had none")
    void order() {
        List<FetchPosition> asked = positions(4);
        FetchSession session = new FetchSession(1, ANN, false, asked, nothing(asked));
        assertThat(session.next(1, false, List.of(), List.of(), Map.of())).isZero();
        List<FetchPosition> first = session.positions();
        assertThat(told(
                        session,
                        1,
                        List.of(
                                found(first.get(0), 0, 1, 1),
                                found(first.get(1), 0, 0, 0),
                                found(first.get(2), 0, 1, 1),
                                found(first.get(3), 0, 1, 0))))
                .containsExactly("orders-0", "orders-2", "orders-3");
        assertThat(session.next(2, false, List.of(position("orders", 0, 1)), List.of(), Map.of()))
                .isZero();
        assertThat(session.positions())
                .extracting(FetchSessionsTest::nameOf)
                .containsExactly("orders-1", "orders-3", "orders-0", "orders-2");
    }

    @Test
    @DisplayName("find the topic of an id when it is there")
    void names() {
        Uuid id = new Uuid(1, 2);
        FetchPosition.Key key = new FetchPosition.Key("", id, 0);
        List<FetchPosition> asked = List.of(FetchPosition.of(key, null, 3, 1_000));
        FetchSession session = new FetchSession(1, ANN, true, asked, List.of());
        assertThat(session.nameless()).containsExactly(id);
        assertThat(session.next(1, true, List.of(), List.of(), Map.of())).isZero();
        assertThat(readOf(session)).isNull();
        List<Short> refusals = new ArrayList<>();
        assertThat(session.answer(1, List.of(), (position, found) -> refusals.add(position.refusal())))
                .isTrue();
        assertThat(refusals).containsExactly(ProtocolError.UNKNOWN_TOPIC_ID);

        assertThat(session.next(2, true, List.of(), List.of(), Map.of(id, "orders")))
                .isZero();
        assertThat(session.nameless()).isEmpty();
        assertThat(readOf(session))
                .isEqualTo(FetchPosition.of(key, "orders", 3, 1_000).read());
    }

    private static FetchRequest.@Nullable Partition readOf(FetchSession session) {
        return session.positions().get(0).read();
    }
}
