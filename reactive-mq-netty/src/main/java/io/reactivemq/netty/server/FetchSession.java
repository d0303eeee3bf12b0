package io.reactivemq.netty.server;

import io.reactivemq.broker.FetchResult;
import io.reactivemq.kafka.common.Uuid;
import io.reactivemq.netty.protocol.ProtocolError;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a client has asked for and was told in its fetches (KIP-227), so that a fetch names only the partitions that it wants otherwise than before, and its
 * answer only those with something new.
 *
 * <p>Fetches are counted by the epoch: a fetch brings the one that the fetch before has left, so a fetch that is repeated or comes too early is refused,
 * and of two that come at once one. Who has several threads' requests come in asks {@link #next}, has the partitions read, and ends with {@link #answer}.
 *
 * <p>Safe for many threads. Never calls anybody but its {@link News}.
 */
final class FetchSession {

    static final int EPOCH_FINAL = -1;
    static final int EPOCH_NEW = 0;
    private static final int EPOCH_FIRST = 1;

    private final int id;
    private final String principal;
    private final boolean byTopicId;

    /** In the order in which they are read: who has had records is behind who has not. Guarded by this, as what follows. */
    private final Map<FetchPosition.Key, Told> partitions = new LinkedHashMap<>();

    private int epoch = EPOCH_FIRST;
    private boolean hasNameless;

    /**
     * A session from its first fetch on.
     *
     * @param principal whose it is
     * @param byTopicId whether its fetches call topics by their ids
     * @param asked the partitions; of those that are there twice, the last holds
     * @param found what the broker has found for those that it was asked
     */
    FetchSession(
            int id, String principal, boolean byTopicId, List<FetchPosition> asked, List<FetchResult.Partition> found) {
        this.id = id;
        this.principal = principal;
        this.byTopicId = byTopicId;
        int next = 0;
        for (FetchPosition position : asked) {
            Told told = new Told(position);
            told.isNews(position.read() == null ? null : found.get(next++));
            partitions.put(position.key(), told);
            hasNameless |= position.isNameless();
        }
    }

    static boolean isFull(int epoch) {
        return epoch == EPOCH_NEW || epoch == EPOCH_FINAL;
    }

    /** Back to the first one at the end of the numbers, since 0 is for new sessions. */
    static int after(int epoch) {
        return epoch == Integer.MAX_VALUE ? EPOCH_FIRST : epoch + 1;
    }

    int id() {
        return id;
    }

    String principal() {
        return principal;
    }

    synchronized int size() {
        return partitions.size();
    }

    /** The ids that no topic had when they were last looked for. */
    synchronized Set<Uuid> nameless() {
        if (!hasNameless) {
            return Set.of();
        }
        Set<Uuid> ids = new HashSet<>();
        for (Told told : partitions.values()) {
            if (told.position.isNameless()) {
                ids.add(told.position.key().topicId());
            }
        }
        return ids;
    }

    /**
     * Begins the next fetch.
     *
     * @param epoch as the fetch says
     * @param byTopicId whether the fetch calls topics by their ids
     * @param asked partitions to add, or to read elsewhere than before
     * @param forgotten partitions to read no more
     * @param names of topics whose id had no name before
     * @return the number of an error, with which nothing has changed; else 0
     */
    synchronized short next(
            int epoch,
            boolean byTopicId,
            List<FetchPosition> asked,
            Collection<FetchPosition.Key> forgotten,
            Map<Uuid, String> names) {
        if (epoch != this.epoch) {
            return ProtocolError.INVALID_FETCH_SESSION_EPOCH;
        }
        if (byTopicId != this.byTopicId) {
            return ProtocolError.FETCH_SESSION_TOPIC_ID_ERROR;
        }
        for (FetchPosition position : asked) {
            Told told = partitions.get(position.key());
            if (told == null) {
                partitions.put(position.key(), new Told(position));
            } else {
                told.position = position;
            }
            hasNameless |= position.isNameless();
        }
        forgotten.forEach(partitions::remove);
        if (hasNameless) {
            hasNameless = !name(names);
        }
        this.epoch = after(epoch);
        return ProtocolError.NONE;
    }

    /** Gives positions their names; whether all have one then. */
    private boolean name(Map<Uuid, String> names) {
        boolean all = true;
        for (Told told : partitions.values()) {
            if (told.position.isNameless()) {
                String name = names.get(told.position.key().topicId());
                if (name == null) {
                    all = false;
                } else {
                    told.position = told.position.named(name);
                }
            }
        }
        return all;
    }

    /** All its partitions in their order, as they are to be read after {@link #next}. */
    synchronized List<FetchPosition> positions() {
        List<FetchPosition> positions = new ArrayList<>(partitions.size());
        for (Told told : partitions.values()) {
            positions.add(told.position);
        }
        return positions;
    }

    /**
     * Ends the fetch: hands over the partitions that have records, an error, or another begin or end than the client was told, and puts those with records
     * behind the others.
     *
     * @param epoch as the fetch has said
     * @param found what the broker has found of the {@link #positions} that it was asked, in their order
     * @return false: another fetch has begun since, and nothing was handed over
     */
    synchronized boolean answer(int epoch, List<FetchResult.Partition> found, News news) {
        if (this.epoch != after(epoch)) {
            return false;
        }
        int next = 0;
        List<Told> served = new ArrayList<>();
        for (Told told : partitions.values()) {
            FetchResult.Partition part = told.position.read() == null ? null : found.get(next++);
            if (told.isNews(part)) {
                news.add(told.position, part);
                if (part != null && part.sizeInBytes() > 0) {
                    served.add(told);
                }
            }
        }
        if (served.size() < partitions.size()) {
            for (Told told : served) {
                partitions.remove(told.position.key());
                partitions.put(told.position.key(), told);
            }
        }
        return true;
    }

    /** Takes what a client is to be told. */
    interface News {

        /** @param found null where the position is refused */
        void add(FetchPosition position, FetchResult.@Nullable Partition found);
    }

    /** A partition, and what the client knows of it. */
    private static final class Told {

        private FetchPosition position;
        private long highWatermark = -1;
        private long logStartOffset = -1;

        Told(FetchPosition position) {
            this.position = position;
        }

        /** Whether the client has to be told of it; from then on it knows. When an error has gone the partition is told of again. */
        boolean isNews(FetchResult.@Nullable Partition found) {
            if (found == null || found.error() != null) {
                highWatermark = -1;
                return true;
            }
            boolean moved = found.highWatermark() != highWatermark || found.logStartOffset() != logStartOffset;
            highWatermark = found.highWatermark();
            logStartOffset = found.logStartOffset();
            return moved || found.sizeInBytes() > 0;
        }
    }
}
