package io.reactivemq.group;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ClassicJoin;
import io.reactivemq.broker.ClassicJoinResult;
import io.reactivemq.broker.ClassicSync;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.GroupDescription.State;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupType;
import io.reactivemq.broker.NamePattern;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.broker.TransactionalOffsetCommit;
import io.reactivemq.coordinator.Answer;
import io.reactivemq.coordinator.CoordinatorRecord;
import io.reactivemq.coordinator.CoordinatorResult;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What one client sends harms no group but its own. */
@DisplayName("clients that send what they should not")
class HostileClientsTest {

    private static final Caller CALLER = Caller.embedded("test");
    private static final TopicPartition T0 = new TopicPartition("t", 0);

    private final TestTopics topics = new TestTopics();
    private final GroupShard groups = new GroupShard(
            GroupConfig.DEFAULT.withClassic(Duration.ZERO, Duration.ofSeconds(1), Duration.ofMinutes(5)),
            topics,
            new Random(1));
    private final List<CoordinatorRecord> written = new ArrayList<>();
    private long now;

    HostileClientsTest() {
        topics.put("t", 1);
        groups.loaded(0, 0);
    }

    @Test
    void a_consumer_whose_subscription_is_garbage_is_taken_to_read_every_topic() {
        stable("garbage", List.of(protocol("range", "no subscription")));
        apply(groups.commit(OffsetCommit.admin("idle", Map.of(T0, CommittedOffset.of(5))), step()));

        assertThat(groups.passedByAll(T0)).as("nobody knows what it reads").isZero();
        now = GroupConfig.DEFAULT.offsetsRetention().plusDays(1).toNanos();
        assertThat(apply(groups.expire(step())))
                .as("the others' offsets go as ever")
                .isEqualTo(1);
    }

    @Test
    void a_static_member_with_a_garbage_subscription_can_come_back() {
        ClassicJoin join =
                join("garbage", List.of(protocol("range", "no subscription"))).withInstanceId("one");
        CompletableFuture<ClassicJoinResult> first = join(join);
        CompletableFuture<ClassicJoinResult> second = join(join);

        assertThat(first).isDone();
        assertThat(second).isDone();
        assertThat(groups.describe("garbage").members()).hasSize(1);
    }

    @Test
    void an_expression_that_is_nested_deeply_is_given_up() {
        String name = "x".repeat(249);
        topics.put(name, 1);
        String nested = "(".repeat(400) + "x|y" + ")".repeat(400) + "*";
        assertThat(groups.heartbeat(
                                CALLER, GroupHeartbeat.joinMatching("g", "m", Duration.ofSeconds(10), nested), step())
                        .response()
                        .assignment())
                .isNotNull();
        assertThat(NamePattern.of("(x+x+)+y").matches(name)).isFalse();
        Predicate<String> ofMany = NamePattern.of("(x+x+)+y").within(NamePattern.LOOKS_MAX);
        assertThatThrownBy(() -> ofMany.test(name))
                .isInstanceOfSatisfying(
                        MqException.class,
                        refused -> assertThat(refused.errorCode()).isEqualTo(ErrorCode.INVALID_REGULAR_EXPRESSION));
        assertThat(NamePattern.of("x+").within(NamePattern.LOOKS_MAX).test(name))
                .isTrue();
    }

    @Test
    @DisplayName("a group of the classic protocol that would not fit into one record takes no more")
    void a_group_is_one_record() {
        List<ClassicJoin.Protocol> large =
                List.of(new ClassicJoin.Protocol("range", ByteBuffer.allocate(GroupConfig.CLASSIC_METADATA_BYTES_MAX)));
        int taken = 0;
        try {
            for (; taken < 100; taken++) {
                assertThat(join(join("large", large))).isNotCompletedExceptionally();
            }
        } catch (MqException e) {
            assertThat(e.errorCode()).isEqualTo(ErrorCode.GROUP_MAX_SIZE_REACHED);
        }
        assertThat(taken).isBetween(2, 15);
    }

    @Test
    void assignments_that_would_not_fit_into_one_record_are_refused() {
        CompletableFuture<ClassicJoinResult> leader = join(join(
                "g", List.of(new ClassicJoin.Protocol("range", ConsumerProtocol.subscription(Set.of("t"), Set.of())))));
        ClassicJoinResult.Joined joined = (ClassicJoinResult.Joined) leader.join();
        ClassicSync sync = new ClassicSync(
                "g",
                joined.memberId(),
                null,
                joined.generation(),
                null,
                null,
                Map.of(joined.memberId(), ByteBuffer.allocate(16 * 1024 * 1024)));
        assertError(ErrorCode.INVALID_REQUEST, () -> groups.sync(sync, step()));
        assertThat(groups.describe("g").state()).isEqualTo(State.COMPLETING_REBALANCE);
    }

    @Test
    void a_commit_that_would_not_fit_into_one_batch_is_refused_by_itself() {
        topics.put("many", 5_000);
        Map<TopicPartition, CommittedOffset> offsets = new HashMap<>();
        for (int i = 0; i < 5_000; i++) {
            offsets.put(new TopicPartition("many", i), new CommittedOffset(1, -1, "x".repeat(4_096)));
        }
        assertError(
                ErrorCode.INVALID_COMMIT_OFFSET_SIZE, () -> groups.commit(OffsetCommit.admin("g", offsets), step()));
    }

    @Test
    void a_subscription_that_would_not_fit_into_one_record_is_refused() {
        Set<String> names = new HashSet<>();
        for (int i = 0; i < 10_000; i++) {
            names.add("x".repeat(200) + i);
        }
        assertError(
                ErrorCode.INVALID_REQUEST,
                () -> groups.heartbeat(CALLER, GroupHeartbeat.join("g", "m", Duration.ofSeconds(10), names), step()));
    }

    @ParameterizedTest
    @ValueSource(ints = {250, 32_731, 32_767, 100_000})
    @DisplayName("an id or a name that is too long is refused in both protocols, and what was there can be read again")
    void ids_have_bounds(int length) {
        String id = "x".repeat(length);
        List<ClassicJoin.Protocol> protocols = consumers("range");
        GroupHeartbeat member = heartbeat("new", "m", "t");
        assertThat(groups.heartbeat(CALLER, member, step()).records()).isNotEmpty();
        int groupsBefore = groups.list().size();

        for (String group : List.of("g", "new")) {
            refused(join(group, protocols).withInstanceId(id));
            refused(join(group, consumers(id)));
        }
        refused(new ClassicJoin(
                "g", "", null, id, protocols, Duration.ofSeconds(30), Duration.ofSeconds(60), false, true, null));
        assertError(ErrorCode.INVALID_REQUEST, () -> groups.heartbeat(CALLER, member.withInstanceId(id), step()));
        if (length > Ids.MEMBER_BYTES_MAX) {
            refused(ClassicJoin.of("new", id, protocols));
            assertError(ErrorCode.INVALID_REQUEST, () -> groups.heartbeat(CALLER, heartbeat("new", id, "t"), step()));
            assertError(ErrorCode.INVALID_GROUP_ID, () -> groups.join(CALLER, join(id, protocols), step()));
            assertError(ErrorCode.INVALID_GROUP_ID, () -> groups.heartbeat(CALLER, heartbeat(id, "m", "t"), step()));
            assertError(
                    ErrorCode.INVALID_GROUP_ID,
                    () -> groups.commit(OffsetCommit.admin(id, Map.of(T0, CommittedOffset.of(1))), step()));
        }
        assertThat(groups.list()).hasSize(groupsBefore);
    }

    private void refused(ClassicJoin join) {
        assertThatThrownBy(() -> groups.join(CALLER, join, step()))
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.INVALID_REQUEST))
                .hasMessageContaining("expected at most")
                .hasMessageContaining("actual ");
    }

    @ParameterizedTest
    @ValueSource(strings = {"x", "\u20ac", "\ud83d\ude00", "x\ud83d\ude00"})
    @DisplayName("the longest ids there may be are written and read again; of a client id the start is kept")
    void longest_ids(String letter) {
        Caller caller = Caller.embedded(letter.repeat(40_000));
        for (String group : List.of("g", "new")) {
            apply(groups.heartbeat(CALLER, heartbeat("new", "m", "t"), step()));
            ClassicJoinResult.Joined joined = (ClassicJoinResult.Joined)
                    join(caller, join(group, consumers("range"))).join();
            assertThat(Ids.bytes(joined.memberId())).isLessThanOrEqualTo(Ids.MEMBER_BYTES_MAX);
            apply(groups.sync(
                    new ClassicSync(group, joined.memberId(), null, joined.generation(), null, null, Map.of()),
                    step()));
            String instance = letter.repeat(249 / letter.length());
            assertThat(join(caller, join(group, consumers("range")).withInstanceId(instance)))
                    .isNotCompletedExceptionally();
        }
        GroupShard again = new GroupShard(GroupConfig.DEFAULT, topics, new Random(1));
        for (CoordinatorRecord r : written) {
            byte[] value = r.value();
            again.replay(ByteBuffer.wrap(r.key()), value == null ? null : ByteBuffer.wrap(value));
        }
        again.loaded(0, 0);
        assertThat(again.describe("new").members()).hasSize(3);
        assertThat(again.describe("g").members().get(0).clientId())
                .isNotEmpty()
                .isEqualTo(groups.describe("g").members().get(0).clientId());
    }

    @Test
    @DisplayName("a string that a record can't hold is never written")
    void last_guard() {
        assertThat(new Encoder().string("x".repeat(32_767)).toByteArray()).hasSize(32_769);
        assertThatThrownBy(() -> new Encoder().string("x".repeat(32_768)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("32768");
    }

    @Test
    @DisplayName("K14 a classic group whose assignor keeps data of its own is not upgraded: it would be lost")
    void an_assignors_own_data() {
        ClassicJoinResult.Joined joined = (ClassicJoinResult.Joined) join(join(
                        "g",
                        List.of(new ClassicJoin.Protocol("own", ConsumerProtocol.subscription(Set.of("t"), Set.of())))))
                .join();
        Encoder assignment = new Encoder()
                .int16(0)
                .int32(1)
                .string("t")
                .int32(1)
                .int32(0)
                .bytes(ByteBuffer.wrap("own".getBytes(UTF_8)));
        apply(groups.sync(
                new ClassicSync(
                        "g",
                        joined.memberId(),
                        null,
                        joined.generation(),
                        null,
                        null,
                        Map.of(joined.memberId(), ByteBuffer.wrap(assignment.toByteArray()))),
                step()));
        assertError(
                ErrorCode.GROUP_ID_NOT_FOUND,
                () -> groups.heartbeat(
                        CALLER, GroupHeartbeat.join("g", "new", Duration.ofSeconds(10), Set.of("t")), step()));
        assertThat(groups.describe("g").type()).isEqualTo(GroupType.CLASSIC);
        assertThat(groups.describe("g").state()).isEqualTo(State.STABLE);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7})
    @DisplayName(
            "K17 a member that is in a generation commits in a transaction while others still wait for it; of another one it may not")
    void in_a_transaction(int ahead) {
        ClassicJoinResult.Joined joined = (ClassicJoinResult.Joined) join(join(
                        "g",
                        List.of(new ClassicJoin.Protocol(
                                "range", ConsumerProtocol.subscription(Set.of("t"), Set.of())))))
                .join();
        assertThat(groups.describe("g").state()).isEqualTo(State.COMPLETING_REBALANCE);
        assertError(
                ErrorCode.REBALANCE_IN_PROGRESS,
                () -> groups.commit(
                        new OffsetCommit(
                                "g", joined.memberId(), joined.generation(), Map.of(T0, CommittedOffset.of(1))),
                        step()));
        assertThat(groups.commit(inTransaction("g", joined.memberId(), joined.generation()), step())
                        .records())
                .hasSize(1);
        assertError(
                ErrorCode.ILLEGAL_GENERATION,
                () -> groups.commit(inTransaction("g", joined.memberId(), joined.generation() + ahead), step()));

        int epoch = groups.heartbeat(
                        CALLER, GroupHeartbeat.join("new", "m", Duration.ofSeconds(10), Set.of("t")), step())
                .response()
                .memberEpoch();
        assertError(
                ErrorCode.ILLEGAL_GENERATION, () -> groups.commit(inTransaction("new", "m", epoch + ahead), step()));
        assertError(ErrorCode.UNKNOWN_MEMBER_ID, () -> groups.commit(inTransaction("new", "", ahead), step()));
        assertThat(groups.commit(inTransaction("new", "", -1), step()).records())
                .hasSize(1);
    }

    private static TransactionalOffsetCommit inTransaction(String group, String member, int epoch) {
        return new TransactionalOffsetCommit(
                "tx",
                new ProducerIdAndEpoch(1, (short) 0),
                TransactionVersion.V2,
                group,
                member,
                epoch,
                null,
                Map.of(T0, CommittedOffset.of(1)));
    }

    private static ClassicJoin.Protocol protocol(String name, String metadata) {
        return new ClassicJoin.Protocol(name, ByteBuffer.wrap(metadata.getBytes(UTF_8)));
    }

    private static ClassicJoin join(String group, List<ClassicJoin.Protocol> protocols) {
        return new ClassicJoin(
                group,
                "",
                null,
                ConsumerProtocol.TYPE,
                protocols,
                Duration.ofSeconds(30),
                Duration.ofSeconds(60),
                false,
                true,
                null);
    }

    private static List<ClassicJoin.Protocol> consumers(String assignor) {
        return List.of(new ClassicJoin.Protocol(assignor, ConsumerProtocol.subscription(Set.of("t"), Set.of())));
    }

    private static GroupHeartbeat heartbeat(String group, String member, String topic) {
        return GroupHeartbeat.join(group, member, Duration.ofSeconds(10), Set.of(topic));
    }

    private CompletableFuture<ClassicJoinResult> join(ClassicJoin join) {
        return join(CALLER, join);
    }

    private CompletableFuture<ClassicJoinResult> join(Caller caller, ClassicJoin join) {
        CompletableFuture<ClassicJoinResult> answer =
                apply(groups.join(caller, join, step())).response().toFuture();
        give();
        return answer;
    }

    private void stable(String group, List<ClassicJoin.Protocol> protocols) {
        ClassicJoinResult.Joined joined =
                (ClassicJoinResult.Joined) join(join(group, protocols)).join();
        apply(groups.sync(
                new ClassicSync(group, joined.memberId(), null, joined.generation(), null, null, Map.of()), step()));
        assertThat(groups.describe(group).state()).isEqualTo(State.STABLE);
    }

    private void give() {
        groups.takeAnswers().forEach(Answer::give);
    }

    private Step step() {
        return new Step(now, now / 1_000_000);
    }

    private <R> R apply(CoordinatorResult<R> result) {
        written.addAll(result.records());
        for (CoordinatorRecord r : result.records()) {
            byte[] value = r.value();
            groups.replay(ByteBuffer.wrap(r.key()), value == null ? null : ByteBuffer.wrap(value));
        }
        return result.response();
    }

    private static void assertError(ErrorCode code, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(code));
    }
}
