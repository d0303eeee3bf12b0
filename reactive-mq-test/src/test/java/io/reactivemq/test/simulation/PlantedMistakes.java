package io.reactivemq.test.simulation;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.EndTransaction;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.ForwardingBroker;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.OffsetFetch;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionResult;
import io.reactivemq.broker.TransactionalAppend;
import io.reactivemq.broker.TransactionalOffsetCommit;
import io.reactivemq.engine.BrokerOptions;
import io.reactivemq.storage.FileStore;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;
import reactor.core.publisher.Mono;

/** The mistakes, by what is wrong: in groups, offsets and transactions, and in what is appended and read. */
final class PlantedMistakes {

    private PlantedMistakes() {}

    static Map<String, Supplier<Mistake>> all() {
        Map<String, Supplier<Mistake>> all = new LinkedHashMap<>();
        all.put("commits an offset one beyond what was acknowledged", () -> commits(offset -> offset + 1));
        all.put("acknowledges a commit and forgets it, one in five", ForgetsCommits::new);
        all.put("takes commits of members that are gone", TakesStaleCommits::new);
        all.put("gives a partition away before its owner has released it", GivesAwayEarly::new);
        all.put("takes the gap before an acknowledged run for acknowledged", ClosesGaps::new);
        all.put("hands out an offset one too far to who asks again", HandsOutTooFar::new);
        all.put("forgets the last commit or member when it restarts", () -> loses("__consumer_offsets-0", false));
        all.put(
                "forgets the last state of a transaction when it restarts",
                () -> loses("__transaction_state-0", false));
        all.put("applies the offsets of a transaction at once", AppliesOffsetsAtOnce::new);
        all.put("loses the marker of a transaction in one partition when it restarts", () -> loses("in-", true));
        all.put("commits where it is asked to abort", () -> ends(TransactionResult.ABORT, TransactionResult.COMMIT));
        all.put("aborts where it is asked to commit", () -> ends(TransactionResult.COMMIT, TransactionResult.ABORT));
        all.put("shows records of open transactions to readers of committed ones", ShowsOpenTransactions::new);
        all.put("forgets the list of aborted transactions in fetches", ForgetsAborted::new);
        all.put("never aborts a transaction that takes too long", NeverTimesOut::new);
        all.put("lets the older producer of a transactional id go on", KeepsEpoch::new);
        all.put("writes for a producer that is fenced", WritesForFenced::new);
        all.put("does not look at sequence numbers", IgnoresSequences::new);
        all.put("appends a batch twice, one in eight", AppendsTwice::new);
        all.put("acknowledges before it is durable", AcknowledgesEarly::new);
        return all;
    }

    /** Around a broker, with nothing wrong. */
    private static class Altered extends ForwardingBroker {
        Altered(Broker broker) {
            super(broker);
        }

        @Override
        protected <T> Mono<T> forward(Mono<T> request) {
            return request;
        }
    }

    private static Map<TopicPartition, CommittedOffset> mapped(
            Map<TopicPartition, CommittedOffset> offsets, Function<CommittedOffset, CommittedOffset> change) {
        Map<TopicPartition, CommittedOffset> changed = new HashMap<>();
        offsets.forEach((partition, offset) -> changed.put(partition, change.apply(offset)));
        return changed;
    }

    private static Mistake commits(Function<Long, Long> change) {
        return new ChangesCommits(
                offset -> new CommittedOffset(change.apply(offset.offset()), offset.leaderEpoch(), offset.metadata()));
    }

    private static class ChangesCommits extends Mistake {
        private final Function<CommittedOffset, CommittedOffset> change;

        ChangesCommits(Function<CommittedOffset, CommittedOffset> change) {
            this.change = change;
        }

        @Override
        Broker around(Broker broker) {
            return new Altered(broker) {
                @Override
                public Mono<Map<TopicPartition, ErrorCode>> commitOffsets(Caller caller, OffsetCommit commit) {
                    return super.commitOffsets(
                            caller,
                            new OffsetCommit(
                                    commit.groupId(),
                                    commit.memberId(),
                                    commit.memberEpoch(),
                                    mapped(commit.offsets(), change)));
                }
            };
        }
    }

    /** The metadata of a commit has the runs: gap, length, gap, length, as varints. */
    private static final class ClosesGaps extends ChangesCommits {
        private static final String PREFIX = "rmq:acked:";

        ClosesGaps() {
            super(ClosesGaps::close);
        }

        private static CommittedOffset close(CommittedOffset offset) {
            if (!offset.metadata().startsWith(PREFIX)) {
                return offset;
            }
            byte[] runs = Base64.getUrlDecoder().decode(offset.metadata().substring(PREFIX.length()));
            long beyond = offset.offset();
            int at = 0;
            for (int i = 0; i < 2; i++) {
                long value = 0;
                for (int shift = 0; ; shift += 7) {
                    byte next = runs[at++];
                    value |= (next & 0x7fL) << shift;
                    if (next >= 0) {
                        break;
                    }
                }
                beyond += value;
            }
            return CommittedOffset.of(beyond);
        }
    }

    private static final class ForgetsCommits extends Mistake {
        private int commits;

        @Override
        Broker around(Broker broker) {
            return new Altered(broker) {
                @Override
                public Mono<Map<TopicPartition, ErrorCode>> commitOffsets(Caller caller, OffsetCommit commit) {
                    Mono<Map<TopicPartition, ErrorCode>> taken = super.commitOffsets(caller, commit);
                    return Mono.defer(() -> commits++ % 5 == 4 ? Mono.just(Map.of()) : taken);
                }
            };
        }
    }

    private static final class TakesStaleCommits extends Mistake {
        private final Map<String, GroupHeartbeatResult> lastMembers = new HashMap<>();

        @Override
        Broker around(Broker broker) {
            return new Altered(broker) {
                @Override
                public Mono<GroupHeartbeatResult> heartbeat(Caller caller, GroupHeartbeat heartbeat) {
                    return super.heartbeat(caller, heartbeat).doOnNext(answer -> {
                        if (answer.memberEpoch() > 0) {
                            lastMembers.put(heartbeat.groupId(), answer);
                        }
                    });
                }

                @Override
                public Mono<Map<TopicPartition, ErrorCode>> commitOffsets(Caller caller, OffsetCommit commit) {
                    return super.commitOffsets(caller, commit)
                            .onErrorResume(
                                    failure -> failure instanceof MqException e
                                            && !e.isRetriable()
                                            && lastMembers.containsKey(commit.groupId()),
                                    failure -> {
                                        GroupHeartbeatResult member =
                                                Objects.requireNonNull(lastMembers.get(commit.groupId()));
                                        return super.commitOffsets(
                                                caller,
                                                new OffsetCommit(
                                                        commit.groupId(),
                                                        member.memberId(),
                                                        member.memberEpoch(),
                                                        commit.offsets()));
                                    });
                }
            };
        }
    }

    private static final class GivesAwayEarly extends Mistake {
        private final Map<String, Set<TopicPartition>> given = new HashMap<>();

        @Override
        Broker around(Broker broker) {
            return new Altered(broker) {
                @Override
                public Mono<GroupHeartbeatResult> heartbeat(Caller caller, GroupHeartbeat heartbeat) {
                    Set<TopicPartition> claimed = given.get(heartbeat.memberId());
                    GroupHeartbeat changed = heartbeat.memberEpoch() <= 0 || claimed == null
                            ? heartbeat
                            : GroupHeartbeat.stay(
                                    heartbeat.groupId(), heartbeat.memberId(), heartbeat.memberEpoch(), claimed);
                    return super.heartbeat(caller, changed).doOnNext(answer -> {
                        if (answer.assignment() != null) {
                            given.put(answer.memberId(), answer.assignment());
                        }
                    });
                }
            };
        }
    }

    private static final class HandsOutTooFar extends Mistake {
        private final Map<String, Integer> asked = new HashMap<>();

        @Override
        Broker around(Broker broker) {
            return new Altered(broker) {
                @Override
                public Mono<Map<TopicPartition, CommittedOffset>> fetchOffsets(Caller caller, OffsetFetch fetch) {
                    boolean again = fetch.requireStable() && asked.merge(fetch.groupId(), 1, Integer::sum) > 3;
                    return super.fetchOffsets(caller, fetch)
                            .map(offsets -> again
                                    ? mapped(offsets, offset -> CommittedOffset.of(offset.offset() + 1))
                                    : offsets);
                }
            };
        }
    }

    private static final class AppliesOffsetsAtOnce extends Mistake {
        @Override
        Broker around(Broker broker) {
            return new Altered(broker) {
                @Override
                public Mono<Void> commitOffsets(Caller caller, TransactionalOffsetCommit commit) {
                    return super.commitOffsets(caller, commit)
                            .then(super.commitOffsets(
                                            caller,
                                            new OffsetCommit(
                                                    commit.groupId(),
                                                    commit.memberId(),
                                                    commit.memberEpoch(),
                                                    commit.offsets()))
                                    .then());
                }
            };
        }
    }

    private static Mistake ends(TransactionResult asked, TransactionResult done) {
        return new Mistake() {
            @Override
            Broker around(Broker broker) {
                return new Altered(broker) {
                    @Override
                    public Mono<ProducerIdAndEpoch> endTransaction(Caller caller, EndTransaction end) {
                        return super.endTransaction(
                                caller,
                                end.result() != asked
                                        ? end
                                        : new EndTransaction(
                                                end.transactionalId(), end.producer(), end.version(), done));
                    }
                };
            }
        };
    }

    private static FetchResult mapped(
            FetchResult result, BiFunction<Integer, FetchResult.Partition, FetchResult.Partition> change) {
        List<FetchResult.Partition> parts = new ArrayList<>();
        for (int i = 0; i < result.partitions().size(); i++) {
            parts.add(change.apply(i, result.partitions().get(i)));
        }
        return new FetchResult(parts);
    }

    private static FetchResult.Partition with(
            FetchResult.Partition part, List<FetchResult.AbortedTransaction> aborted, ByteBuffer records) {
        return new FetchResult.Partition(
                part.partition(),
                part.error(),
                part.logStartOffset(),
                part.highWatermark(),
                part.lastStableOffset(),
                aborted,
                records);
    }

    private static final class ShowsOpenTransactions extends Mistake {
        @Override
        Broker around(Broker broker) {
            return new Altered(broker) {
                @Override
                public Mono<FetchResult> fetch(Caller caller, FetchRequest request) {
                    if (request.isolation() == IsolationLevel.READ_UNCOMMITTED) {
                        return super.fetch(caller, request);
                    }
                    FetchRequest open = new FetchRequest(request.partitions(), 0, request.maxBytes(), Duration.ZERO);
                    return super.fetch(caller, request)
                            .flatMap(stable -> super.fetch(caller, open)
                                    .map(all -> mapped(
                                            stable,
                                            (i, part) -> with(
                                                    part,
                                                    part.abortedTransactions(),
                                                    all.partitions().get(i).records()))));
                }
            };
        }
    }

    private static final class ForgetsAborted extends Mistake {
        @Override
        Broker around(Broker broker) {
            return new Altered(broker) {
                @Override
                public Mono<FetchResult> fetch(Caller caller, FetchRequest request) {
                    return super.fetch(caller, request)
                            .map(result -> mapped(result, (i, part) -> with(part, List.of(), part.records())));
                }
            };
        }
    }

    private static final class NeverTimesOut extends Mistake {
        @Override
        void configure(BrokerOptions options) {
            options.transactionCheckInterval(Duration.ofDays(30));
        }
    }

    private static final class KeepsEpoch extends Mistake {
        private final Map<String, ProducerIdAndEpoch> known = new HashMap<>();

        @Override
        Broker around(Broker broker) {
            return new Altered(broker) {
                @Override
                public Mono<ProducerIdAndEpoch> initProducerId(Caller caller, InitProducerId request) {
                    String id = request.transactionalId();
                    Mono<ProducerIdAndEpoch> answer = super.initProducerId(caller, request);
                    if (id == null || !request.current().equals(ProducerIdAndEpoch.NONE)) {
                        return answer;
                    }
                    return Mono.defer(() -> {
                        ProducerIdAndEpoch before = known.get(id);
                        return before != null ? Mono.just(before) : answer.doOnNext(first -> known.put(id, first));
                    });
                }

                @Override
                public Mono<ProducerIdAndEpoch> endTransaction(Caller caller, EndTransaction end) {
                    return super.endTransaction(caller, end)
                            .doOnNext(next -> known.computeIfPresent(end.transactionalId(), (id, before) -> next));
                }
            };
        }
    }

    private static final class WritesForFenced extends Mistake {
        private static final Set<ErrorCode> FENCED =
                Set.of(ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.PRODUCER_FENCED);

        @Override
        Broker around(Broker broker) {
            return new Altered(broker) {
                @Override
                public Mono<AppendResult> append(Caller caller, TransactionalAppend append) {
                    ByteBuffer plain = Batches.plain(append.records());
                    return super.append(caller, append)
                            .onErrorResume(
                                    failure -> failure instanceof MqException e && FENCED.contains(e.errorCode()),
                                    failure -> super.append(caller, append.partition(), plain, append.acks()));
                }
            };
        }
    }

    private static final class IgnoresSequences extends Mistake {
        @Override
        Broker around(Broker broker) {
            return new Altered(broker) {
                @Override
                public Mono<AppendResult> append(
                        Caller caller, TopicPartition partition, ByteBuffer records, Acks acks) {
                    return super.append(caller, partition, Batches.plain(records), acks);
                }
            };
        }
    }

    private static final class AppendsTwice extends Mistake {
        private int appends;

        @Override
        Broker around(Broker broker) {
            return new Altered(broker) {
                @Override
                public Mono<AppendResult> append(
                        Caller caller, TopicPartition partition, ByteBuffer records, Acks acks) {
                    ByteBuffer copy = Batches.plain(records);
                    Mono<AppendResult> first = super.append(caller, partition, records, acks);
                    return appends++ % 8 < 7
                            ? first
                            : first.flatMap(result ->
                                    super.append(caller, partition, copy, acks).thenReturn(result));
                }
            };
        }
    }

    private static final class AcknowledgesEarly extends Mistake {
        @Override
        FileStore under(FileStore store) {
            return Batches.withoutForce(store);
        }
    }

    /** Its last batch is not there when the broker opens again; where {@code marker}, only if it is the end of a transaction. */
    private static Mistake loses(String partition, boolean marker) {
        return new Mistake() {
            @Override
            DiskImage left(DiskImage disk) {
                Map<Path, byte[]> files = new HashMap<>(disk.files());
                for (Path path : disk.files().keySet().stream().sorted().toList()) {
                    String name = path.toString();
                    byte[] whole = Objects.requireNonNull(disk.files().get(path));
                    if (name.endsWith(".log") && name.contains("/" + partition)) {
                        byte[] cut = Batches.withoutLast(whole, marker);
                        if (cut.length < whole.length) {
                            files.put(path, cut);
                            break;
                        }
                    }
                }
                return new DiskImage(disk.directories(), files);
            }
        };
    }
}
