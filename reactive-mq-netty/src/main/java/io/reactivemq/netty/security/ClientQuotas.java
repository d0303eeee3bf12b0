package io.reactivemq.netty.security;

import io.reactivemq.broker.Caller;
import io.reactivemq.broker.QuotaEntity;
import io.reactivemq.broker.QuotaEntity.Part;
import io.reactivemq.broker.SecurityImage;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * How much each may have in a second, by Kafka's precedence: the user's with that client id first, the default of client ids last. What one takes beyond that is
 * owed, however it connects, until the quota has made up for it; who owes more than one second of its quota waits. Safe for many threads.
 */
public final class ClientQuotas {

    public static final String PRODUCED = "producer_byte_rate";
    public static final String FETCHED = "consumer_byte_rate";

    /** No connection is silent for longer, whatever it took. */
    public static final Duration THROTTLE_MAX = Duration.ofSeconds(30);

    /** What may be taken at once by who has taken nothing lately. */
    private static final double BURST_SECONDS = 1;

    /** So many accounts are kept without a look at whether they are needed; beyond, those that owe nothing go, and no others. */
    private static final int ACCOUNTS_UNSEEN = 10_000;

    private static final String USER_TYPE = "User:";

    private final Supplier<SecurityImage> image;
    private final LongSupplier nanoTime;
    private final ConcurrentHashMap<Key, Account> accounts = new ConcurrentHashMap<>();

    /** At how many accounts those that owe nothing are looked for again: at twice what was left, so that looking costs little for each. */
    private volatile int accountsBeforeLook = ACCOUNTS_UNSEEN;

    public ClientQuotas(Supplier<SecurityImage> image, LongSupplier nanoTime) {
        this.image = image;
        this.nanoTime = nanoTime;
    }

    /**
     * Takes bytes from the caller's quota.
     *
     * @param quota {@link #PRODUCED} or {@link #FETCHED}
     * @return how long the caller shall wait, in ms; 0: not at all
     */
    public int take(Caller caller, String quota, long bytes) {
        Limit limit = limitOf(caller, quota);
        if (limit == null) {
            return 0;
        }
        long now = nanoTime.getAsLong();
        forgetSome(now);
        Account account = accounts.compute(
                limit.key, (key, before) -> Account.settled(before, now).taken(bytes, limit.rate));
        return account.waitMs(limit.rate);
    }

    /**
     * How long the caller is to wait before it may take more, in ms, at most {@link #THROTTLE_MAX}; 0: not at all.
     *
     * @param quota {@link #PRODUCED} or {@link #FETCHED}
     */
    public int waitMs(Caller caller, String quota) {
        Limit limit = limitOf(caller, quota);
        return limit == null
                ? 0
                : Account.settled(accounts.get(limit.key), nanoTime.getAsLong()).waitMs(limit.rate);
    }

    /**
     * How many bytes the caller may take now without having to wait, at least 1; {@link Long#MAX_VALUE} where it has no quota.
     *
     * @param quota {@link #PRODUCED} or {@link #FETCHED}
     */
    public long bytesLeft(Caller caller, String quota) {
        Limit limit = limitOf(caller, quota);
        if (limit == null) {
            return Long.MAX_VALUE;
        }
        double owed = Account.settled(accounts.get(limit.key), nanoTime.getAsLong()).owed;
        return Math.max(1, (long) (limit.rate * BURST_SECONDS - owed));
    }

    private @Nullable Limit limitOf(Caller caller, String quota) {
        Map<QuotaEntity, Map<String, Double>> quotas = image.get().quotas();
        if (quotas.isEmpty()) {
            return null;
        }
        String user = caller.principal().startsWith(USER_TYPE)
                ? caller.principal().substring(USER_TYPE.length())
                : caller.principal();
        for (QuotaEntity entity : candidates(user, caller.clientId())) {
            Double rate = quotas.getOrDefault(entity, Map.of()).get(quota);
            if (rate != null) {
                Key key = new Key(
                        quota,
                        entity.user() == null ? null : user,
                        entity.clientId() == null ? null : caller.clientId());
                return new Limit(key, rate);
            }
        }
        return null;
    }

    /** What may have a quota for that user and client id, the most precise first. */
    private static Iterable<QuotaEntity> candidates(String user, String clientId) {
        Part named = Part.of(user);
        Part client = Part.of(clientId);
        return Arrays.asList(
                new QuotaEntity(named, client),
                new QuotaEntity(named, Part.DEFAULT),
                new QuotaEntity(named, null),
                new QuotaEntity(Part.DEFAULT, client),
                new QuotaEntity(Part.DEFAULT, Part.DEFAULT),
                new QuotaEntity(Part.DEFAULT, null),
                new QuotaEntity(null, client),
                new QuotaEntity(null, Part.DEFAULT));
    }

    private void forgetSome(long now) {
        if (accounts.size() >= accountsBeforeLook) {
            for (Key key : accounts.keySet()) {
                accounts.computeIfPresent(
                        key, (one, account) -> Account.settled(account, now).owed <= 0 ? null : account);
            }
            accountsBeforeLook = Math.max(ACCOUNTS_UNSEEN, 2 * accounts.size());
        }
    }

    /** Who shares a quota: a default is each one's own. */
    private record Key(
            String quota, @Nullable String user, @Nullable String clientId) {}

    private record Limit(Key key, double rate) {}

    /**
     * What was taken and is not made up for.
     *
     * @param owed in bytes
     * @param rate at which it gets less, in bytes a second
     * @param since when so much was owed, in ns
     */
    private record Account(double owed, double rate, long since) {

        static Account settled(@Nullable Account before, long now) {
            if (before == null) {
                return new Account(0, 1, now);
            }
            double paid = before.rate * Math.max(0, now - before.since) / TimeUnit.SECONDS.toNanos(1);
            return new Account(Math.max(0, before.owed - paid), before.rate, now);
        }

        Account taken(long bytes, double bytesPerSecond) {
            return new Account(owed + bytes, bytesPerSecond, since);
        }

        int waitMs(double bytesPerSecond) {
            double ms = (owed / bytesPerSecond - BURST_SECONDS) * TimeUnit.SECONDS.toMillis(1);
            return ms <= 0 ? 0 : (int) Math.min((double) THROTTLE_MAX.toMillis(), Math.ceil(ms));
        }
    }
}
