package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.reactivemq.Compression;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatches;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Mono;

/**
 * What the suites share: an engine for each test, opened at first use and closed behind it, and the requests that most
 * tests make.
 */
public abstract class EngineContract {

    static final Caller CALLER = Caller.embedded("contract");

    /** One that came over the wire. */
    static final Caller REMOTE = new Caller("User:contract", "contract", "/192.0.2.1", "contract");

    /** A wait that the tests never see the end of. */
    static final Duration LONG_WAIT = Duration.ofSeconds(60);

    private static final int FETCH_BYTES = 1 << 20;

    /** What a test leaves running, such as members that were cut off. */
    private final Disposable.Composite leftovers = Disposables.composite();

    private @Nullable EngineFixture engine;
    private @Nullable Broker broker;

    /** Makes the engine for one test, not opened yet; the seed is the test's, and chooses the interleaving where that can be chosen. */
    protected abstract EngineFixture newEngine(long seed);

    @AfterEach
    void closeEngine() {
        leftovers.dispose();
        EngineFixture opened = engine;
        engine = null;
        broker = null;
        if (opened != null) {
            opened.close();
        }
    }

    /** Uses that seed for the test's engine; before its first use. */
    final void useSeed(long seed) {
        if (engine != null) {
            throw new IllegalStateException("the engine is made already");
        }
        engine = newEngine(seed);
    }

    final EngineFixture engine() {
        EngineFixture current = engine;
        if (current == null) {
            current = newEngine(1);
            engine = current;
        }
        return current;
    }

    final Broker broker() {
        Broker current = broker;
        if (current == null) {
            current = engine().open();
            broker = current;
        }
        return current;
    }

    /** To be disposed when the test has ended. */
    final void disposeAtEnd(Disposable leftover) {
        leftovers.add(leftover);
    }

    /** Restarts the engine; the test is skipped where it would forget. */
    final void restart() {
        assumeTrue(engine().isDurable(), "this engine forgets everything at a restart");
        broker();
        broker = engine().reopen();
    }

    /** Restarts the engine where it is durable, so that what follows is proved before and after. */
    final void restartIfDurable() {
        broker();
        if (engine().isDurable()) {
            broker = engine().reopen();
        }
    }

    @NullUnmarked
    final <T> T await(Mono<T> mono) {
        return engine().await(mono);
    }

    final void topic(String name, int partitions) {
        topic(name, partitions, Map.of());
    }

    final void topic(String name, int partitions, Map<String, String> configs) {
        await(broker().createTopic(CALLER, new NewTopic(name, partitions, configs)));
    }

    final AppendResult append(TopicPartition partition, ByteBuffer records) {
        return await(broker().append(CALLER, partition, records, Acks.ALL));
    }

    final FetchResult.Partition fetch(TopicPartition partition, long offset) {
        return fetch(partition, offset, FETCH_BYTES);
    }

    /** What is there now, without a wait. */
    final FetchResult.Partition fetch(TopicPartition partition, long offset, int maxBytes) {
        FetchRequest request = new FetchRequest(
                List.of(new FetchRequest.Partition(partition, offset, maxBytes)), 0, maxBytes, Duration.ZERO);
        return await(broker().fetch(CALLER, request)).partitions().get(0);
    }

    /** How the batches of a partition are stored; the broker's own are left out, and those that compaction has emptied. */
    final List<Compression> compressions(TopicPartition partition) {
        List<Compression> stored = new ArrayList<>();
        long end = endOf(partition);
        for (long next = await(broker().listOffset(CALLER, partition, OffsetSpec.earliest())); next < end; ) {
            for (RecordBatch batch : RecordBatches.of(fetch(partition, next).records())) {
                if (!batch.isControl() && batch.count() > 0) {
                    stored.add(batch.compression());
                }
                next = batch.nextOffset();
            }
        }
        return stored;
    }

    /** A fetch that waits for one byte. */
    final Mono<FetchResult> waitingFetch(TopicPartition partition, long offset, Duration maxWait) {
        return broker().fetch(
                        CALLER,
                        new FetchRequest(
                                List.of(new FetchRequest.Partition(partition, offset, FETCH_BYTES)),
                                1,
                                FETCH_BYTES,
                                maxWait));
    }

    /** Everything in the partition, read fetch by fetch. */
    final List<StoredRecord> readAll(TopicPartition partition) {
        List<StoredRecord> all = new ArrayList<>();
        long offset = await(broker().listOffset(CALLER, partition, OffsetSpec.earliest()));
        while (true) {
            FetchResult.Partition part = fetch(partition, offset);
            assertThat(part.error()).isNull();
            if (!part.records().hasRemaining()) {
                assertThat(offset).as("end of %s", partition).isEqualTo(part.highWatermark());
                return all;
            }
            all.addAll(StoredRecord.allIn(part.records(), offset));
            for (RecordBatch batch : RecordBatches.of(part.records())) {
                offset = batch.nextOffset(); // compaction may have left no record in it
            }
        }
    }

    final long endOf(TopicPartition partition) {
        return await(broker().listOffset(CALLER, partition, OffsetSpec.latest()));
    }

    final void assertFails(Mono<?> request, ErrorCode... expected) {
        Throwable error = catchThrowable(() -> await(request));
        assertThat(error).isInstanceOf(MqException.class);
        assertThat(((MqException) error).errorCode()).as(error.getMessage()).isIn((Object[]) expected);
    }
}
