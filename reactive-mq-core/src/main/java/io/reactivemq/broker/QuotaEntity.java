package io.reactivemq.broker;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Whose quota it is: a user's, a client id's, or that of a client id of a user. Each may be the default, for those without one of their own.
 *
 * @param user the user; null: whichever
 * @param clientId the name that a client gives itself; null: whichever
 */
public record QuotaEntity(@Nullable Part user, @Nullable Part clientId) {

    /**
     * One side of an entity.
     *
     * @param name the name; null: the default
     */
    public record Part(@Nullable String name) {
        /** For those without one of their own. */
        public static final Part DEFAULT = new Part(null);

        public static Part of(String name) {
            return new Part(Objects.requireNonNull(name, "name"));
        }
    }

    public QuotaEntity {
        if (user == null && clientId == null) {
            throw new IllegalArgumentException("an entity has a user, a client id, or both; this has neither");
        }
    }

    /** All connections of a user together. */
    public static QuotaEntity ofUser(String user) {
        return new QuotaEntity(Part.of(user), null);
    }

    /** All connections with that client id together. */
    public static QuotaEntity ofClientId(String clientId) {
        return new QuotaEntity(null, Part.of(clientId));
    }
}
