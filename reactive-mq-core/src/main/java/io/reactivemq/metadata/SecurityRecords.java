package io.reactivemq.metadata;

import io.reactivemq.broker.AclBinding;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.AclPermission;
import io.reactivemq.broker.QuotaEntity;
import io.reactivemq.broker.ResourcePattern;
import io.reactivemq.broker.ResourceType;
import io.reactivemq.broker.ScramCredential;
import io.reactivemq.broker.ScramMechanism;
import io.reactivemq.coordinator.CoordinatorRecord;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * ACLs, credentials and quotas as records of {@code __cluster_metadata-0}. Big-endian; a string is its length in four bytes and UTF-8, bytes are their
 * length in four bytes and themselves, numbers of types are Kafka's.
 *
 * <table>
 * <caption>Layout</caption>
 * <tr><td>ACL, key</td><td>kind: int16 = 3, resource type: int8, pattern type: int8, name: string, principal: string, host: string, operation: int8,
 *     permission: int8</td></tr>
 * <tr><td>value</td><td>version: int16 = 0</td></tr>
 * <tr><td>credential, key</td><td>kind: int16 = 4, mechanism: int8, user: string</td></tr>
 * <tr><td>value</td><td>version: int16 = 0, iterations: int32, salt: bytes, stored key: bytes, server key: bytes</td></tr>
 * <tr><td>quota, key</td><td>kind: int16 = 5, user, then client id: int8 (0 none, 1 the default, 2 named), with 2 name: string</td></tr>
 * <tr><td>value</td><td>version: int16 = 0, quotas: int32, then name: string and value: float64 of each</td></tr>
 * <tr><td>secret, key</td><td>kind: int16 = 7</td></tr>
 * <tr><td>value</td><td>version: int16 = 0, secret: bytes</td></tr>
 * </table>
 *
 * A tombstone ends each, but for the secret, of which there is one.
 */
final class SecurityRecords {

    static final short ACL = 3;
    static final short CREDENTIAL = 4;
    static final short QUOTA = 5;
    static final short SECRET = 7;

    private static final short VERSION = 0;

    private static final int NONE = 0;
    private static final int DEFAULT = 1;
    private static final int NAMED = 2;

    private SecurityRecords() {}

    static CoordinatorRecord of(AclBinding acl) {
        return new CoordinatorRecord(key(acl), bytes(out -> out.writeShort(VERSION)));
    }

    static CoordinatorRecord end(AclBinding acl) {
        return new CoordinatorRecord(key(acl), null);
    }

    private static byte[] key(AclBinding acl) {
        return bytes(out -> {
            out.writeShort(ACL);
            out.writeByte(acl.pattern().type().code());
            out.writeByte(acl.pattern().match().code());
            write(out, acl.pattern().name());
            write(out, acl.principal());
            write(out, acl.host());
            out.writeByte(acl.operation().code());
            out.writeByte(acl.permission().code());
        });
    }

    /** The ACL of a key behind its kind. */
    static AclBinding readAcl(ByteBuffer key) {
        ResourceType type = ofCode(ResourceType.values(), ResourceType::code, key.get(), "resource type");
        ResourcePattern.Match match =
                ofCode(ResourcePattern.Match.values(), ResourcePattern.Match::code, key.get(), "pattern type");
        String name = readString(key);
        String principal = readString(key);
        String host = readString(key);
        AclOperation operation = ofCode(AclOperation.values(), AclOperation::code, key.get(), "operation");
        AclPermission permission = ofCode(AclPermission.values(), AclPermission::code, key.get(), "permission");
        return new AclBinding(new ResourcePattern(type, name, match), principal, host, operation, permission);
    }

    static CoordinatorRecord of(String user, ScramCredential credential) {
        return new CoordinatorRecord(credentialKey(user, credential.mechanism()), bytes(out -> {
            out.writeShort(VERSION);
            out.writeInt(credential.iterations());
            write(out, credential.salt());
            write(out, credential.storedKey());
            write(out, credential.serverKey());
        }));
    }

    static CoordinatorRecord end(String user, ScramMechanism mechanism) {
        return new CoordinatorRecord(credentialKey(user, mechanism), null);
    }

    private static byte[] credentialKey(String user, ScramMechanism mechanism) {
        return bytes(out -> {
            out.writeShort(CREDENTIAL);
            out.writeByte(mechanism.code());
            write(out, user);
        });
    }

    /** The mechanism of a credential's key behind its kind. */
    static ScramMechanism readMechanism(ByteBuffer key) {
        return ofCode(ScramMechanism.values(), ScramMechanism::code, key.get(), "mechanism");
    }

    static ScramCredential readCredential(ScramMechanism mechanism, ByteBuffer value) {
        expectVersion("a credential", value.getShort());
        return new ScramCredential(mechanism, value.getInt(), readBytes(value), readBytes(value), readBytes(value));
    }

    static CoordinatorRecord ofSecret(byte[] secret) {
        return new CoordinatorRecord(bytes(out -> out.writeShort(SECRET)), bytes(out -> {
            out.writeShort(VERSION);
            write(out, secret);
        }));
    }

    static byte[] readSecret(ByteBuffer value) {
        expectVersion("the secret", value.getShort());
        return readBytes(value);
    }

    /** No quotas end the entity. */
    static CoordinatorRecord of(QuotaEntity entity, Map<String, Double> quotas) {
        byte[] key = bytes(out -> {
            out.writeShort(QUOTA);
            write(out, entity.user());
            write(out, entity.clientId());
        });
        if (quotas.isEmpty()) {
            return new CoordinatorRecord(key, null);
        }
        return new CoordinatorRecord(key, bytes(out -> {
            out.writeShort(VERSION);
            out.writeInt(quotas.size());
            for (Map.Entry<String, Double> quota : new TreeMap<>(quotas).entrySet()) {
                write(out, quota.getKey());
                out.writeDouble(quota.getValue());
            }
        }));
    }

    /** The entity of a key behind its kind. */
    static QuotaEntity readEntity(ByteBuffer key) {
        return new QuotaEntity(readPart(key), readPart(key));
    }

    static Map<String, Double> readQuotas(ByteBuffer value) {
        expectVersion("a quota", value.getShort());
        Map<String, Double> quotas = new HashMap<>();
        for (int left = value.getInt(); left > 0; left--) {
            quotas.put(readString(value), value.getDouble());
        }
        return quotas;
    }

    static String readString(ByteBuffer from) {
        return new String(readBytes(from), StandardCharsets.UTF_8);
    }

    private static byte[] readBytes(ByteBuffer from) {
        byte[] bytes = new byte[from.getInt()];
        from.get(bytes);
        return bytes;
    }

    private static QuotaEntity.@Nullable Part readPart(ByteBuffer from) {
        byte kind = from.get();
        return switch (kind) {
            case NONE -> null;
            case DEFAULT -> QuotaEntity.Part.DEFAULT;
            case NAMED -> QuotaEntity.Part.of(readString(from));
            default -> throw unknown("kind of quota entity", kind);
        };
    }

    private static void write(DataOutputStream out, QuotaEntity.@Nullable Part part) throws IOException {
        String name = part == null ? null : part.name();
        out.writeByte(part == null ? NONE : name == null ? DEFAULT : NAMED);
        if (name != null) {
            write(out, name);
        }
    }

    private static void write(DataOutputStream out, String text) throws IOException {
        write(out, text.getBytes(StandardCharsets.UTF_8));
    }

    private static void write(DataOutputStream out, byte[] bytes) throws IOException {
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    private static byte[] bytes(Content content) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            content.write(new DataOutputStream(bytes));
        } catch (IOException e) {
            throw new UncheckedIOException("memory cannot be written", e);
        }
        return bytes.toByteArray();
    }

    private static <T> T ofCode(T[] values, ToIntFunction<T> code, byte wanted, String what) {
        for (T value : values) {
            if (code.applyAsInt(value) == wanted) {
                return value;
            }
        }
        throw unknown(what, wanted);
    }

    private static void expectVersion(String what, short actual) {
        if (actual != VERSION) {
            throw unknown("version of " + what, actual);
        }
    }

    private static IllegalStateException unknown(String what, int actual) {
        return new IllegalStateException("cluster metadata: " + what + " is " + actual
                + ", which this version does not know; was the directory written by a newer one?");
    }

    private interface Content {
        void write(DataOutputStream out) throws IOException;
    }
}
