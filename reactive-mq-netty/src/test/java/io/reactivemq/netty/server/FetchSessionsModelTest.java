package io.reactivemq.netty.server;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.kafka.common.Uuid;
import io.reactivemq.netty.protocol.ProtocolError;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Random sequences, each of a seed that a failure names; {@code -Dreactivemq.sessions.seed} plays one again. */
@DisplayName("Fetch sessions, whatever their clients do,")
class FetchSessionsModelTest {

    private static final @Nullable Long ONE_SEED = Long.getLong("reactivemq.sessions.seed");

    private static final int SEQUENCES = 3_000;
    private static final int STEPS = 60;
    private static final long SAFE_NANOS = Duration.ofMinutes(2).toNanos();

    @Test
    @DisplayName("are those of a plain model, tell what it tells, and make room as it does")
    void asTheModel() {
        int evictions = 0;
        int left = 0;
        for (long seed = 1; seed <= SEQUENCES; seed++) {
            if (ONE_SEED == null || ONE_SEED == seed) {
                Play play = new Play(seed);
                play.all();
                evictions += play.evictions;
                left += play.declined;
            }
        }
        System.out.println(SEQUENCES + " sequences of seeds 1 to " + SEQUENCES + ": " + evictions + " evictions, "
                + left + " declined");
        assertThat(evictions).isPositive();
        assertThat(left).isPositive();
    }

    /** What a log is like. */
    private record State(long begin, long end, int bytes, boolean failed) {}

    /** A partition of a session in the model. */
    private static final class Line {

        private final FetchPosition.Key key;
        private long offset;
        private long begin = -1;
        private long end = -1;

        Line(FetchPosition position) {
            key = position.key();
            offset = position.offset();
        }

        boolean isNews(State now) {
            boolean news = now.failed || now.bytes > 0 || now.begin != begin || now.end != end;
            end = now.failed ? -1 : now.end;
            begin = now.failed ? begin : now.begin;
            return news;
        }
    }

    /** A session in the model. */
    private static final class Client {

        private final long opened;
        private final List<Line> lines = new ArrayList<>();
        private int id;
        private long used;
        private long turn;
        private int size;
        private int epoch = 1;

        Client(long now, long turn) {
            this.opened = now;
            this.used = now;
            this.turn = turn;
        }

        void ask(FetchPosition position) {
            for (Line line : lines) {
                if (line.key.equals(position.key())) {
                    line.offset = position.offset();
                    return;
                }
            }
            lines.add(new Line(position));
        }
    }

    private static final class Play {

        private final long seed;
        private final Random random;
        private final ManualRuntime clock;
        private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
        private final int sessionsMax;
        private final int partitionsMax;
        private final FetchSessions sessions;
        private final List<Client> clients = new ArrayList<>();
        private final List<Integer> gone = new ArrayList<>(List.of(FetchSessions.NO_SESSION, -5, 77));
        private final Map<FetchPosition.Key, State> logs = new HashMap<>();
        private long turns;
        private int evictions;
        private int declined;

        Play(long seed) {
            this.seed = seed;
            random = new Random(seed);
            clock = new ManualRuntime(seed);
            sessionsMax = random.nextInt(5);
            partitionsMax = 3 + random.nextInt(20);
            sessions = new FetchSessions(sessionsMax, partitionsMax, clock, new FetchSessionMeters(registry));
        }

        void all() {
            for (int step = 0; step < STEPS; step++) {
                String as = "seed " + seed + ", step " + step;
                switch (random.nextInt(8)) {
                    case 0, 1 -> open(as);
                    case 2 -> close();
                    case 3 -> wrong(as);
                    default -> use(as);
                }
                clock.advanceBy(
                        random.nextInt(4) == 0 ? Duration.ofSeconds(50) : Duration.ofMillis(random.nextInt(900)));
                assertThat(sessions.size()).as(as).isEqualTo(clients.size()).isLessThanOrEqualTo(sessionsMax);
                assertThat(sessions.partitions())
                        .as(as)
                        .isEqualTo(
                                clients.stream().mapToInt(client -> client.size).sum())
                        .isLessThanOrEqualTo(partitionsMax);
                for (int id : gone) {
                    assertThat(sessions.find(id, "ann")).as(as).isNull();
                }
                for (Client client : clients) {
                    assertThat(sessions.find(client.id, "ann")).as(as).isNotNull();
                }
            }
            assertThat(meter(".evicted")).as("seed %d", seed).isEqualTo(evictions);
            sessions.close();
            assertThat(sessions.partitions()).isZero();
            assertThat(registry.get("reactivemq.server.fetch.sessions").gauge().value())
                    .isZero();
        }

        private double meter(String name) {
            return registry.get("reactivemq.server.fetch.sessions" + name)
                    .counter()
                    .count();
        }

        private void open(String as) {
            List<FetchPosition> asked = asked(7);
            Client client = new Client(clock.nanoTime(), ++turns);
            asked.forEach(client::ask);
            List<FetchResult.Partition> found = asked.stream().map(this::found).toList();
            client.lines.forEach(line -> line.isNews(requireNonNull(logs.get(line.key))));
            boolean room = asked.size() <= partitionsMax && makeRoom(asked.size());
            int id = sessions.open("ann", false, asked, found);
            assertThat(id > 0).as(as).isEqualTo(room);
            if (!room) {
                declined++;
                return;
            }
            client.id = id;
            client.size = client.lines.size();
            gone.remove(Integer.valueOf(id));
            clients.add(client);
        }

        private boolean makeRoom(int size) {
            while (clients.size() >= sessionsMax
                    || clients.stream().mapToInt(client -> client.size).sum() + size > partitionsMax) {
                Client leaving = leaving(size);
                if (leaving == null) {
                    return false;
                }
                leave(leaving);
                evictions++;
            }
            return true;
        }

        private @Nullable Client leaving(int size) {
            Client idle = clients.stream()
                    .min(Comparator.comparingLong(client -> client.turn))
                    .orElse(null);
            if (idle != null && clock.nanoTime() - idle.used > SAFE_NANOS) {
                return idle;
            }
            return clients.stream()
                    .filter(client -> client.used - client.opened > SAFE_NANOS && client.size <= size)
                    .min(Comparator.<Client>comparingInt(client -> client.size).thenComparingInt(client -> client.id))
                    .orElse(null);
        }

        private void leave(Client client) {
            clients.remove(client);
            gone.add(client.id);
        }

        private void close() {
            if (!clients.isEmpty()) {
                Client client = clients.get(random.nextInt(clients.size()));
                sessions.close(client.id, "bob");
                if (random.nextBoolean()) {
                    sessions.close(client.id, "ann");
                    leave(client);
                }
            }
        }

        private void wrong(String as) {
            if (!clients.isEmpty()) {
                Client client = clients.get(random.nextInt(clients.size()));
                FetchSession session = requireNonNull(sessions.find(client.id, "ann"));
                int off = 1 + random.nextInt(3);
                assertThat(session.next(client.epoch + off, false, asked(3), List.of(), Map.of()))
                        .as(as)
                        .isEqualTo(ProtocolError.INVALID_FETCH_SESSION_EPOCH);
                assertThat(session.next(client.epoch, true, asked(3), List.of(), Map.of()))
                        .as(as)
                        .isEqualTo(ProtocolError.FETCH_SESSION_TOPIC_ID_ERROR);
            }
        }

        private void use(String as) {
            if (clients.isEmpty()) {
                return;
            }
            Client client = clients.get(random.nextInt(clients.size()));
            FetchSession session = requireNonNull(sessions.find(client.id, "ann"));
            List<FetchPosition> asked = asked(3);
            List<FetchPosition.Key> forgotten = asked(random.nextInt(8) == 0 ? 9 : 2).stream()
                    .map(FetchPosition::key)
                    .toList();
            int epoch = client.epoch++;
            assertThat(session.next(epoch, false, asked, forgotten, Map.of()))
                    .as(as)
                    .isZero();
            asked.forEach(client::ask);
            client.lines.removeIf(line -> forgotten.contains(line.key));

            int others = clients.stream()
                    .filter(other -> other != client)
                    .mapToInt(other -> other.size)
                    .sum();
            boolean fits = others + client.lines.size() <= partitionsMax;
            assertThat(sessions.used(session)).as(as).isEqualTo(fits);
            if (!fits || client.lines.isEmpty()) {
                evictions += fits ? 0 : 1;
                leave(client);
                return;
            }
            client.size = client.lines.size();
            client.used = clock.nanoTime();
            client.turn = ++turns;
            if (random.nextInt(5) > 0) {
                read(as, client, session, epoch);
            }
        }

        /** Else the answer is lost with its connection. */
        private void read(String as, Client client, FetchSession session, int epoch) {
            List<FetchPosition> positions = session.positions();
            assertThat(positions).extracting(FetchPosition::key).as(as).isEqualTo(keys(client.lines));
            assertThat(positions)
                    .extracting(FetchPosition::offset)
                    .as(as)
                    .isEqualTo(client.lines.stream().map(line -> line.offset).toList());
            List<FetchResult.Partition> found =
                    positions.stream().map(this::found).toList();
            List<FetchPosition.Key> told = new ArrayList<>();
            assertThat(session.answer(epoch, found, (position, part) -> told.add(position.key())))
                    .as(as)
                    .isTrue();
            List<Line> news = client.lines.stream()
                    .filter(line -> line.isNews(requireNonNull(logs.get(line.key))))
                    .toList();
            assertThat(told).as(as).isEqualTo(keys(news));
            List<Line> served = news.stream()
                    .filter(line -> requireNonNull(logs.get(line.key)).bytes > 0)
                    .toList();
            client.lines.removeAll(served);
            client.lines.addAll(served);
        }

        private static List<FetchPosition.Key> keys(List<Line> lines) {
            return lines.stream().map(line -> line.key).toList();
        }

        private List<FetchPosition> asked(int max) {
            List<FetchPosition> asked = new ArrayList<>();
            int count = random.nextInt(max + 1);
            for (int i = 0; i < count; i++) {
                String topic = random.nextBoolean() ? "orders" : "returns";
                FetchPosition.Key key = new FetchPosition.Key(topic, Uuid.ZERO_UUID, random.nextInt(4));
                asked.add(FetchPosition.of(key, topic, random.nextInt(100), 1_000));
            }
            return asked;
        }

        /** What the broker finds; mostly what was there before. */
        private FetchResult.Partition found(FetchPosition position) {
            State before = logs.getOrDefault(position.key(), new State(0, 0, 0, false));
            State now = switch (random.nextInt(8)) {
                case 0 -> new State(before.begin, before.end + 1, 0, false);
                case 1 -> new State(before.begin + 1, before.end, 0, false);
                case 2 -> new State(before.begin, before.end, 9, false);
                case 3 -> new State(before.begin, before.end, 0, true);
                default -> new State(before.begin, before.end, 0, false);
            };
            logs.put(position.key(), now);
            return new FetchResult.Partition(
                    requireNonNull(position.read()).partition(),
                    now.failed ? new MqException(ErrorCode.UNKNOWN_SERVER_ERROR, "failed") : null,
                    now.failed ? -1 : now.begin,
                    now.failed ? -1 : now.end,
                    ByteBuffer.allocate(now.bytes));
        }
    }
}
