package io.reactivemq.broker;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A change of one quota of an entity.
 *
 * @param key Kafka's name for it, one of {@link SecurityApi#QUOTAS}
 * @param value more than 0; null: there is none any more
 */
public record QuotaChange(String key, @Nullable Double value) {

    public QuotaChange {
        Objects.requireNonNull(key, "key");
    }
}
