package io.reactivemq.netty.protocol;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.util.ReferenceCounted;
import io.reactivemq.kafka.common.errors.UnsupportedVersionException;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.FetchResponseData;
import io.reactivemq.kafka.common.message.FetchResponseData.FetchableTopicResponse;
import io.reactivemq.kafka.common.message.FetchResponseData.PartitionData;
import io.reactivemq.kafka.common.message.RequestHeaderData;
import io.reactivemq.kafka.common.message.ResponseHeaderData;
import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.kafka.common.protocol.ByteBufferAccessor;
import io.reactivemq.kafka.common.protocol.ObjectSerializationCache;
import java.nio.ByteBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Turns frames into requests and responses into frames. The only place that knows how Kafka's message classes are read and written.
 *
 * <pre>
 * frame     := length:int32 (of what follows)  header  body
 * header of a request  v1 := api:int16 version:int16 correlation:int32 clientId:nullable string;  v2 := v1 tags
 * header of a response v0 := correlation:int32;  v1 := v0 tags
 * </pre>
 *
 * <p>Which header a version has, and what a body is made of, is in the JSON specifications that come with Kafka.
 */
public final class KafkaCodec {

    /** Bytes of a frame's length. */
    public static final int LENGTH_BYTES = 4;

    /** API, version, correlation id. */
    private static final int HEADER_BYTES_MIN = 8;

    private KafkaCodec() {}

    /**
     * Reads the header of a request.
     *
     * @param frame a frame without its length; its position is moved behind the header
     * @param served the versions of an API that are served
     * @throws BadRequestException for what is no request, an API that is not known, or a version that is not served. ApiVersions is the exception: its
     *     header is returned at every version, with the position anywhere
     */
    public static RequestHeader readHeader(ByteBuffer frame, Versions served) throws BadRequestException {
        if (frame.remaining() < HEADER_BYTES_MIN) {
            throw new BadRequestException(
                    "a request has at least " + HEADER_BYTES_MIN + " bytes, this frame has " + frame.remaining());
        }
        int start = frame.position();
        short key = frame.getShort(start);
        short version = frame.getShort(start + 2);
        int correlationId = frame.getInt(start + 4);
        ApiMessageType api = apiOf(key);
        VersionRange range = api == null ? null : served.of(api);
        if (api == null || range == null) {
            throw new BadRequestException("API " + key + (api == null ? "" : " (" + api.name + ")") + " is not served");
        }
        if (!range.contains(version)) {
            if (api == ApiMessageType.API_VERSIONS) {
                return new RequestHeader(api, version, correlationId, "");
            }
            throw new BadRequestException(
                    "version " + version + " of " + api.name + " is not served, versions " + range + " are");
        }
        RequestHeaderData header = new RequestHeaderData();
        try {
            header.read(new BoundedReader(frame), api.requestHeaderVersion(version));
        } catch (RuntimeException e) {
            throw new BadRequestException("the header of a request " + api.name + " v" + version + " is not whole", e);
        }
        String clientId = header.clientId();
        return new RequestHeader(api, version, correlationId, clientId == null ? "" : clientId);
    }

    /**
     * Reads the body of a request. Records and byte fields are views of the frame, not copies.
     *
     * @param frame a frame whose header has been read
     * @throws BadRequestException where the bytes are not such a request, or go on behind it
     */
    public static ApiMessage readBody(ByteBuffer frame, RequestHeader header) throws BadRequestException {
        ApiMessage body = header.api().newRequest();
        try {
            body.read(new BoundedReader(frame), header.version());
        } catch (RuntimeException e) {
            String why = e.getMessage();
            throw new BadRequestException(
                    "request " + header + " cannot be read: " + (why == null ? "it is not whole" : why), e);
        }
        if (frame.hasRemaining()) {
            throw new BadRequestException(
                    "request " + header + " is followed by " + frame.remaining() + " bytes that do not belong to it");
        }
        return body;
    }

    /**
     * Writes a response as a frame. {@link LentKafkaRecords} are not copied but sent from their file: each is a part of its own, a {@link
     * io.netty.channel.FileRegion}, and what is before, between and behind them is buffers.
     *
     * @param header of the request that it answers
     * @param version the body's version; another than the request's only where that one is not served
     * @return the parts of the frame with its length, in order, owned by the caller; one buffer where nothing is lent
     * @throws UnsupportedVersionException where the body has something that the version has no field for: a mistake of the one who made it
     */
    public static List<ReferenceCounted> writeResponse(
            ByteBufAllocator alloc, RequestHeader header, short version, ApiMessage body) {
        // the client does not know yet what the server speaks: the header of this one response stays as it was at first
        short headerVersion = header.api().responseHeaderVersion(version);
        ResponseHeaderData head = new ResponseHeaderData().setCorrelationId(header.correlationId());
        return write(alloc, head, headerVersion, body, version).parts();
    }

    /** Writes a request as a frame: what a client sends. */
    public static ByteBuf writeRequest(ByteBufAllocator alloc, RequestHeader header, ApiMessage body) {
        RequestHeaderData head = new RequestHeaderData()
                .setRequestApiKey(header.api().apiKey())
                .setRequestApiVersion(header.version())
                .setCorrelationId(header.correlationId())
                .setClientId(header.clientId());
        return write(alloc, head, header.api().requestHeaderVersion(header.version()), body, header.version())
                .whole();
    }

    /** Reads the body of a response to that request: what a client does. */
    public static ApiMessage readResponse(ByteBuffer frame, RequestHeader header) throws BadRequestException {
        ApiMessage body = header.api().newResponse();
        ByteBufferAccessor in = new ByteBufferAccessor(frame);
        try {
            ResponseHeaderData head = new ResponseHeaderData(in, header.api().responseHeaderVersion(header.version()));
            if (head.correlationId() != header.correlationId()) {
                throw new BadRequestException(
                        "expected the response to " + header + ", was the one to #" + head.correlationId());
            }
            body.read(in, header.version());
        } catch (RuntimeException e) {
            throw new BadRequestException("the response to " + header + " cannot be read: " + e.getMessage(), e);
        }
        return body;
    }

    private static ByteBufWritable write(
            ByteBufAllocator alloc, ApiMessage head, short headVersion, ApiMessage body, short version) {
        ObjectSerializationCache sizes = new ObjectSerializationCache();
        int size = head.size(sizes, headVersion) + body.size(sizes, version);
        ByteBuf out = alloc.ioBuffer(LENGTH_BYTES + size - lentBytes(body));
        try {
            out.writeInt(size);
            ByteBufWritable writable = new ByteBufWritable(out);
            head.write(writable, sizes, headVersion);
            body.write(writable, sizes, version);
            if (writable.size() != LENGTH_BYTES + size) {
                throw new IllegalStateException("a message of API " + body.apiKey() + " v" + version + " was to have "
                        + size + " bytes, has " + (writable.size() - LENGTH_BYTES));
            }
            return writable;
        } catch (RuntimeException e) {
            out.release();
            throw e;
        }
    }

    private static int lentBytes(ApiMessage body) {
        int bytes = 0;
        if (body instanceof FetchResponseData fetched) {
            for (FetchableTopicResponse topic : fetched.responses()) {
                for (PartitionData partition : topic.partitions()) {
                    bytes += partition.records() instanceof LentKafkaRecords lent ? lent.sizeInBytes() : 0;
                }
            }
        }
        return bytes;
    }

    private static @Nullable ApiMessageType apiOf(short key) {
        return key >= 0 && key < APIS.length ? APIS[key] : null;
    }

    /** By key; null where there is none. */
    private static final @Nullable ApiMessageType[] APIS = byKey();

    private static @Nullable ApiMessageType[] byKey() {
        int max = 0;
        for (ApiMessageType api : ApiMessageType.values()) {
            max = Math.max(max, api.apiKey());
        }
        @Nullable ApiMessageType[] apis = new ApiMessageType[max + 1];
        for (ApiMessageType api : ApiMessageType.values()) {
            apis[api.apiKey()] = api;
        }
        return apis;
    }

    /** Which versions of an API are served. */
    @FunctionalInterface
    public interface Versions {
        /** Null where the API is not served. */
        @Nullable VersionRange of(ApiMessageType api);
    }
}
