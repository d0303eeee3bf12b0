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
 * How much each may have in a second, by Kafka's precedence: the user's with that client id first, the default of client ids last. Who has had more than its
 * quota, and one second of it ahead, waits until that is made up for. Safe for many threads.
 */
public final class ClientQuotas {

    public static final String PRODUCED = "producer_byte_rate";
    public static final String FETCHED = "consumer_byte_rate";

    /** No connection is silent for longer, whatever it took. */
    public static final Duration THROTTLE_MAX = Duration.ofSeconds(30);

    /** What may be taken at once by who has taken nothing lately. */
    private static final double BURST_SECONDS = 1;

    /** Beyond, those that owe nothing are forgotten; and if that is not enough, all. */
    private static final int ACCOUNTS_MAX = 10_000;

    private static final String USER_TYPE = "User:";

    private final Supplier<SecurityImage> image;
    private final LongSupplier nanoTime;
    private final Map<Key, Account> accounts = new ConcurrentHashMap<>();

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
        Map<QuotaEntity, Map<String, Double>> quotas = image.get().quotas();
        if (quotas.isEmpty()) {
            return 0;
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
                long now = nanoTime.getAsLong();
                forgetSome(now);
                return accounts.computeIfAbsent(key, one -> new Account(now)).take(bytes, rate, now);
            }
        }
        return 0;
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
        if (accounts.size() >= ACCOUNTS_MAX) {
            accounts.values().removeIf(account -> account.isPaid(now));
            if (accounts.size() >= ACCOUNTS_MAX) {
                accounts.clear();
            }
        }
    }

    /** Who shares a quota: a default is each one's own. */
    private record Key(
            String quota, @Nullable String user, @Nullable String clientId) {}

    /** What was taken and is not made up for yet. */
    private static final class Account {

        private double owed;
        private double rate = 1;
        private long since;

        Account(long now) {
            this.since = now;
        }

        synchronized int take(long bytes, double bytesPerSecond, long now) {
            settle(now);
            rate = bytesPerSecond;
            owed += bytes;
            double ms = (owed / rate - BURST_SECONDS) * TimeUnit.SECONDS.toMillis(1);
            return ms <= 0 ? 0 : (int) Math.min((double) THROTTLE_MAX.toMillis(), Math.ceil(ms));
        }

        synchronized boolean isPaid(long now) {
            settle(now);
            return owed <= 0;
        }

        private void settle(long now) {
            owed = Math.max(0, owed - rate * (now - since) / TimeUnit.SECONDS.toNanos(1));
            since = now;
        }
    }
}
