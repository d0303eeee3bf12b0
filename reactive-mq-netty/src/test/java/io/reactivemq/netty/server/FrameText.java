package io.reactivemq.netty.server;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.CompactArrayOf;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.NullableSchema;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.utils.internals.ByteUtils;
import org.jspecify.annotations.Nullable;

/**
 * A frame of the wire, each of its bytes beside the field it belongs to. The fields come from the schemas in the kafka-clients of the tests, not from the
 * classes that the server reads and writes with.
 *
 * <pre>
 * 00 00 00 13                                       size = 19
 * 00 03                                             request_api_key = 3
 * </pre>
 */
final class FrameText {

    private static final int BYTES_A_LINE = 16;

    private static final HexFormat HEX = HexFormat.ofDelimiter(" ");

    private static final int COMPRESSION = 7;

    private final ByteBuffer in;
    private final StringBuilder out = new StringBuilder();

    private FrameText(byte[] frame) {
        in = ByteBuffer.wrap(frame);
    }

    /** A request with its length. */
    static String request(byte[] frame) {
        FrameText text = new FrameText(frame);
        short key = text.in.getShort(4);
        short version = text.in.getShort(6);
        ApiMessageType api = ApiMessageType.fromApiKey(key);
        text.value("size", Type.INT32, "");
        text.fields(RequestHeaderData.SCHEMAS[api.requestHeaderVersion(version)], "");
        text.fields(api.requestSchemas()[version], "");
        return text.end();
    }

    /** A response with its length. */
    static String response(int key, int version, byte[] frame) {
        FrameText text = new FrameText(frame);
        ApiMessageType api = ApiMessageType.fromApiKey((short) key);
        text.value("size", Type.INT32, "");
        text.fields(ResponseHeaderData.SCHEMAS[api.responseHeaderVersion((short) version)], "");
        text.fields(api.responseSchemas()[version], "");
        return text.end();
    }

    /** Bytes that are no request. */
    static String bytes(byte[] bytes) {
        FrameText text = new FrameText(bytes);
        text.in.position(bytes.length);
        text.line(0, "");
        return text.out.toString();
    }

    private String end() {
        if (in.hasRemaining()) {
            throw new IllegalStateException(in.remaining() + " bytes behind:\n" + out);
        }
        return out.toString();
    }

    private void fields(Schema schema, String indent) {
        for (BoundField field : schema.fields()) {
            value(field.def.name, field.def.type, indent);
        }
    }

    private void value(String name, Type type, String indent) {
        int start = in.position();
        if (type instanceof TaggedFields tagged) {
            tagged(tagged, indent);
        } else if (type.isArray()) {
            int count = type instanceof CompactArrayOf ? ByteUtils.readUnsignedVarint(in) - 1 : in.getInt();
            line(start, indent + name + (count < 0 ? " = null" : " = " + count + " of these:"));
            for (int i = 0; i < count; i++) {
                element(name + "[" + i + "]", type.arrayElementType().orElseThrow(), indent + "  ");
            }
        } else if (type instanceof Schema schema) {
            if (schema instanceof NullableSchema && in.get() < 0) {
                line(start, indent + name + " = null");
                return;
            }
            line(start, indent + name + ":");
            fields(schema, indent + "  ");
        } else if (type.toString().endsWith("RECORDS")) {
            records(name, type.toString().startsWith("COMPACT"), indent);
        } else {
            String value = show(name, type.read(in));
            line(start, indent + name + " = " + value);
        }
    }

    /** On one line, where it fits. */
    private void element(String name, Type type, String indent) {
        if (!(type instanceof Schema schema)) {
            value(name, type, indent);
            return;
        }
        int start = in.position();
        String flat = flat(schema);
        if (flat != null && in.position() - start <= BYTES_A_LINE) {
            line(start, indent + name + ": " + flat);
        } else {
            in.position(start);
            out.append(" ".repeat(2 + 3 * BYTES_A_LINE + 1))
                    .append(indent)
                    .append(name)
                    .append(":\n");
            fields(schema, indent + "  ");
        }
    }

    /** The fields in a row; null where they have parts of their own. */
    private @Nullable String flat(Schema schema) {
        List<String> fields = new ArrayList<>();
        for (BoundField field : schema.fields()) {
            Type type = field.def.type;
            if (type instanceof TaggedFields) {
                if (in.get() != 0) {
                    return null;
                }
            } else if (type.isArray()
                    || type instanceof Schema
                    || type.toString().endsWith("RECORDS")) {
                return null;
            } else {
                fields.add(field.def.name + " = " + show(field.def.name, type.read(in)));
            }
        }
        return String.join(", ", fields);
    }

    private void tagged(TaggedFields type, String indent) {
        int start = in.position();
        int count = ByteUtils.readUnsignedVarint(in);
        line(start, indent + (count == 0 ? "no tagged fields" : count + " tagged fields:"));
        Map<Integer, Field> known = type.fields();
        for (int i = 0; i < count; i++) {
            start = in.position();
            int tag = ByteUtils.readUnsignedVarint(in);
            int size = ByteUtils.readUnsignedVarint(in);
            line(start, indent + "  tag " + tag + ", " + size + " bytes");
            Field field = Objects.requireNonNull(known.get(tag), () -> "tag " + tag);
            value(field.name, field.type, indent + "  ");
        }
    }

    private void records(String name, boolean compact, String indent) {
        int start = in.position();
        int size = compact ? ByteUtils.readUnsignedVarint(in) - 1 : in.getInt();
        line(start, indent + name + (size < 0 ? " = null" : " = " + size + " bytes of batches"));
        int end = in.position() + Math.max(0, size);
        while (in.position() < end) {
            batch(indent + "  ");
        }
    }

    private void batch(String indent) {
        value("base_offset", Type.INT64, indent);
        int start = in.position();
        int length = in.getInt();
        line(start, indent + "  batch_length = " + length);
        int end = in.position() + length;
        String inner = indent + "  ";
        value("partition_leader_epoch", Type.INT32, inner);
        value("magic", Type.INT8, inner);
        value("crc", Type.UNSIGNED_INT32, inner);
        short attributes = in.getShort(in.position());
        value("attributes", Type.INT16, inner);
        value("last_offset_delta", Type.INT32, inner);
        value("base_timestamp", Type.INT64, inner);
        value("max_timestamp", Type.INT64, inner);
        value("producer_id", Type.INT64, inner);
        value("producer_epoch", Type.INT16, inner);
        value("base_sequence", Type.INT32, inner);
        int count = in.getInt(in.position());
        value("record_count", Type.INT32, inner);
        for (int i = 0; i < count && (attributes & COMPRESSION) == 0; i++) {
            start = in.position();
            int recordEnd = ByteUtils.readVarint(in) + in.position();
            in.get();
            String text = "timestamp_delta = " + ByteUtils.readVarlong(in) + ", offset_delta = "
                    + ByteUtils.readVarint(in) + ", key = " + sized() + ", value = " + sized();
            in.position(recordEnd);
            line(start, inner + "record " + i + ": " + text);
        }
        if (in.position() < end) {
            start = in.position();
            in.position(end);
            line(start, inner + "compressed records");
        }
    }

    private String sized() {
        int size = ByteUtils.readVarint(in);
        if (size < 0) {
            return "null";
        }
        byte[] bytes = new byte[size];
        in.get(bytes);
        String text = new String(bytes, StandardCharsets.UTF_8);
        return text.chars().allMatch(c -> c >= ' ' && c < 127) ? '"' + text + '"' : HEX.formatHex(bytes);
    }

    private static String show(String name, @Nullable Object value) {
        if (value instanceof String text) {
            return '"' + text + '"';
        }
        if (value instanceof ByteBuffer bytes) {
            return bytes.remaining() + " bytes";
        }
        if (value instanceof Short code && code != 0 && name.endsWith("error_code")) {
            return code + " " + Errors.forCode(code).name();
        }
        return String.valueOf(value);
    }

    /** The bytes from there on, and what they mean. */
    private void line(int start, String label) {
        int length = in.position() - start;
        for (int at = 0; at < Math.max(1, length); at += BYTES_A_LINE) {
            String hex = HEX.formatHex(in.array(), start + at, start + Math.min(length, at + BYTES_A_LINE));
            String padded = hex + " ".repeat(3 * BYTES_A_LINE + 1 - hex.length());
            out.append(("  " + padded + (at == 0 ? label : "")).stripTrailing()).append('\n');
        }
    }
}
