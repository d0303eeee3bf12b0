package io.reactivemq.transaction;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.EndTransaction;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionDescription;
import io.reactivemq.broker.TransactionDescription.State;
import io.reactivemq.broker.TransactionResult;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.coordinator.CoordinatorRecord;
import io.reactivemq.coordinator.CoordinatorResult;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Random short sequences of requests against a model: who has the id, what is open, what is decided. {@code -Dreactivemq.seed=S -Dreactivemq.sequences=1}
 * repeats the one of a failure.
 */
class TransactionSequencesTest {

    private static final String ID = "tx";
    private static final int TIMEOUT_MS = 1_000;
    private static final int STEPS = 14;

    @Test
    @DisplayName(
            "K05 K12 K13 random sequences: one producer has the id, what is decided stays decided, and a replay gives the same")
    void sequences() {
        long first = Long.getLong("reactivemq.seed", 1);
        int count = Integer.getInteger("reactivemq.sequences", 100_000);
        for (long seed = first; seed < first + count; seed++) {
            Sequence sequence = new Sequence(seed);
            try {
                sequence.run();
            } catch (AssertionError | RuntimeException e) {
                throw new AssertionError("seed " + seed + ": " + e.getMessage() + "\n" + sequence.trace, e);
            }
        }
    }

    private static final class Sequence {

        private final SplittableRandom random;
        private final TransactionShard shard = new TransactionShard(TransactionConfig.DEFAULT);
        private final List<CoordinatorRecord> written = new ArrayList<>();
        private final StringBuilder trace = new StringBuilder();

        /** Clients as they know themselves; the one that began last has the id. */
        private final List<ProducerIdAndEpoch> clients =
                new ArrayList<>(List.of(ProducerIdAndEpoch.NONE, ProducerIdAndEpoch.NONE, ProducerIdAndEpoch.NONE));

        private int owner = -1;

        /** The broker has aborted the owner's transaction; it has to begin anew. */
        private boolean isFenced;

        private final Set<TopicPartition> open = new TreeSet<>();
        private boolean isOpen;
        private @Nullable TransactionResult decided;
        private @Nullable TransactionResult lastEnd;
        private long startedMs;
        private long nowMs = 1_000_000;
        private long producerIds = 100;

        Sequence(long seed) {
            random = new SplittableRandom(seed);
        }

        void run() {
            if (random.nextInt(4) == 0) {
                // one that has few epochs left
                ProducerIdAndEpoch old = new ProducerIdAndEpoch(7, (short) (Short.MAX_VALUE - 1 - random.nextInt(4)));
                TransactionMetadata before = TransactionMetadata.empty(7, TIMEOUT_MS, nowMs);
                apply(new CoordinatorResult<>(
                        List.of(TransactionRecords.of(ID, before.begin(old, old, TIMEOUT_MS, nowMs))), true));
                owner = 0;
                clients.set(0, old);
            }
            for (int i = 0; i < STEPS; i++) {
                int client = owner >= 0 && random.nextInt(4) > 0 ? owner : random.nextInt(clients.size());
                switch (random.nextInt(10)) {
                    case 0 -> init(client, ProducerIdAndEpoch.NONE);
                    case 1 -> init(client, clients.get(client));
                    case 2, 3, 4 -> add(client);
                    case 5, 6, 7 -> end(client);
                    case 8 -> complete();
                    default -> check();
                }
                look();
            }
            TransactionShard again = new TransactionShard(TransactionConfig.DEFAULT);
            written.forEach(record -> replay(again, record));
            verify(again.list().equals(shard.list()), "a replay gives ", again.list(), ", it was ", shard.list());
            verify(
                    again.prepared(ID).equals(shard.prepared(ID)),
                    "a replay decides ",
                    again.prepared(ID),
                    ", it was ",
                    shard.prepared(ID));
        }

        private void init(int client, ProducerIdAndEpoch as) {
            note("init " + client + " as " + as);
            boolean isStranger = !as.isNone() && client != owner;
            InitProducerId request = new InitProducerId(ID, Duration.ofMillis(TIMEOUT_MS), as);
            long fresh = producerIds++;
            Optional<ProducerIdAndEpoch> answer;
            try {
                answer = apply(shard.init(request, fresh, nowMs));
            } catch (MqException e) {
                verify(isStranger, "refused: ", e);
                verify(e.errorCode() == ErrorCode.PRODUCER_FENCED, "refused with ", e);
                return;
            }
            verify(!isStranger, "taken, though another has the id");
            if (decided != null) {
                verify(answer.isEmpty(), "begun while a transaction is being ended");
            } else if (isOpen) {
                verify(answer.isEmpty(), "begun while a transaction is open");
                decide(TransactionResult.ABORT);
                isFenced = true;
            } else {
                verify(answer.isPresent(), "not begun");
                ProducerIdAndEpoch next = answer.orElseThrow();
                for (ProducerIdAndEpoch older : clients) {
                    if (!(older.equals(next) && !as.isNone())) {
                        requireNewer(next, older);
                    }
                }
                if (client != owner) {
                    // the former owner is fenced, whatever it knows of itself
                    owner = client;
                }
                clients.set(client, next);
                lastEnd = null;
                isFenced = false;
            }
        }

        private void add(int client) {
            TopicPartition partition = new TopicPartition("t", random.nextInt(3));
            TransactionVersion version = random.nextBoolean() ? TransactionVersion.V1 : TransactionVersion.V2;
            note("add " + client + " " + partition + " " + version);
            ErrorCode refusal = refusal(() -> shard.add(ID, clients.get(client), Set.of(partition), version, nowMs));
            if (!mayWrite(client)) {
                verify(isFencing(refusal), "not fenced: ", refusal);
            } else if (decided != null) {
                verify(refusal == ErrorCode.CONCURRENT_TRANSACTIONS, "while one is being ended: ", refusal);
            } else {
                verify(refusal == null, "refused: ", refusal);
                if (!isOpen) {
                    isOpen = true;
                    startedMs = nowMs;
                }
                open.add(partition);
                lastEnd = null;
            }
        }

        private void end(int client) {
            TransactionResult result = random.nextInt(3) == 0 ? TransactionResult.ABORT : TransactionResult.COMMIT;
            TransactionVersion version = random.nextInt(4) == 0 ? TransactionVersion.V1 : TransactionVersion.V2;
            ProducerIdAndEpoch was = clients.get(client);
            note("end " + client + " " + result + " " + version);
            EndTransaction end = new EndTransaction(ID, was, version, result);
            TransactionShard.EndPlan plan = shard.plan(end);
            long fresh = plan.needsProducerId() ? producerIds++ : TransactionMetadata.NONE;
            CoordinatorResult<ProducerIdAndEpoch> ended;
            try {
                ended = shard.end(end, plan.toForce(), fresh, nowMs);
            } catch (MqException e) {
                verify(!(mayWrite(client) && isOpen), "refused: ", e);
                return;
            }
            verify(client == owner, "another ends its transaction");
            ProducerIdAndEpoch next = apply(ended);
            if (isFenced) {
                // the broker did what it asks for now, and tells it who it is since
                verify(result == TransactionResult.ABORT && ended.records().isEmpty(), "not fenced");
                requireNewer(next, was);
                clients.set(client, next);
                isFenced = false;
                return;
            }
            if (isOpen) {
                verify(
                        result == TransactionResult.ABORT || plan.toForce().equals(open),
                        "forces ",
                        plan.toForce(),
                        ", open are ",
                        open);
                decide(result);
                if (version == TransactionVersion.V2) {
                    requireNewer(next, was);
                } else {
                    verify(next.equals(was), "version 1 keeps the epoch");
                }
                clients.set(client, next);
                // the same again, its answer was lost
                if (version == TransactionVersion.V2) {
                    CoordinatorResult<ProducerIdAndEpoch> repeated = shard.end(end, plan.toForce(), fresh, nowMs);
                    verify(repeated.records().isEmpty(), "decided twice");
                    verify(repeated.response().equals(next), "answered with ", repeated.response(), ", first ", next);
                }
            } else if (!ended.records().isEmpty()) {
                verify(result == TransactionResult.ABORT && decided == null, "ended what is not open");
                decided = TransactionResult.ABORT;
                open.clear();
                clients.set(client, next);
            } else {
                verify(lastEnd == result, "told ", result, ", it was ", lastEnd);
            }
        }

        private void complete() {
            note("complete");
            Optional<TransactionMetadata> prepared = shard.prepared(ID);
            if (prepared.isEmpty()) {
                verify(!apply(shard.complete(ID, clients.get(0), nowMs)), "completed what is not decided");
                return;
            }
            ProducerIdAndEpoch other =
                    new ProducerIdAndEpoch(prepared.get().producer().producerId(), (short)
                            (prepared.get().producer().epoch() - 1));
            verify(!apply(shard.complete(ID, other, nowMs)), "completed for another");
            verify(apply(shard.complete(ID, prepared.get().producer(), nowMs)), "not completed");
            lastEnd = decided;
            decided = null;
            open.clear();
        }

        private void check() {
            nowMs += random.nextInt(TIMEOUT_MS);
            note("check");
            List<String> found = apply(shard.check(nowMs));
            if (isOpen && nowMs - startedMs >= TIMEOUT_MS) {
                decide(TransactionResult.ABORT);
                isFenced = true;
            }
            verify(found.equals(decided == null ? List.of() : List.of(ID)), "to be completed: ", found);
        }

        private void decide(TransactionResult result) {
            isOpen = false;
            decided = result;
            lastEnd = result;
        }

        /** The state is the model's. */
        private void look() {
            List<TransactionDescription> all = shard.list();
            if (all.isEmpty()) {
                verify(owner < 0, "forgotten");
                return;
            }
            State state = all.get(0).state();
            boolean isPrepared = state == State.PREPARE_COMMIT || state == State.PREPARE_ABORT;
            verify((state == State.ONGOING) == isOpen, "state ", state);
            verify(isPrepared == (decided != null), "state ", state);
            if (isPrepared) {
                verify((state == State.PREPARE_COMMIT) == (decided == TransactionResult.COMMIT), "state ", state);
            }
            Set<TopicPartition> expected = isOpen || decided != null ? open : Set.of();
            verify(
                    all.get(0).partitions().equals(expected),
                    "partitions ",
                    all.get(0).partitions(),
                    ", expected ",
                    expected);
        }

        /** Whether it has the id, and the broker has aborted nothing of it since it began. */
        private boolean mayWrite(int client) {
            return client == owner && !isFenced;
        }

        private static boolean isFencing(@Nullable ErrorCode code) {
            return code == ErrorCode.PRODUCER_FENCED || code == ErrorCode.INVALID_PRODUCER_ID_MAPPING;
        }

        private static void requireNewer(ProducerIdAndEpoch next, ProducerIdAndEpoch than) {
            verify(
                    next.producerId() > than.producerId()
                            || (next.producerId() == than.producerId() && next.epoch() > than.epoch()),
                    next,
                    " is not newer than ",
                    than);
        }

        private @Nullable ErrorCode refusal(Supplier<CoordinatorResult<Boolean>> request) {
            try {
                apply(request.get());
                return null;
            } catch (MqException e) {
                return e.errorCode();
            }
        }

        private <R> R apply(CoordinatorResult<R> result) {
            for (CoordinatorRecord record : result.records()) {
                written.add(record);
                replay(shard, record);
            }
            return result.response();
        }

        private static void replay(TransactionShard into, CoordinatorRecord record) {
            byte[] value = record.value();
            into.replay(ByteBuffer.wrap(record.key()), value == null ? null : ByteBuffer.wrap(value));
        }

        private void note(String what) {
            trace.append(what).append('\n');
        }

        private static void verify(boolean holds, @Nullable Object... what) {
            if (!holds) {
                throw new AssertionError(
                        Arrays.stream(what).map(String::valueOf).collect(Collectors.joining()));
            }
        }
    }
}
