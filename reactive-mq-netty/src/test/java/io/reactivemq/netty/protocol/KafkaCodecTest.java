package io.reactivemq.netty.protocol;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.reactivemq.kafka.common.errors.UnsupportedVersionException;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.FindCoordinatorResponseData;
import io.reactivemq.kafka.common.message.MetadataRequestData;
import java.nio.ByteBuffer;
import java.util.List;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("The codec")
class KafkaCodecTest {

    private static final KafkaCodec.Versions ALL =
            api -> VersionRange.of(api.lowestSupportedVersion(), api.highestSupportedVersion(true));

    @ParameterizedTest(name = "writes and reads {0} at every version, with the bytes of kafka-clients itself")
    @EnumSource(ApiMessageType.class)
    void everyApi(ApiMessageType api) throws BadRequestException {
        org.apache.kafka.common.message.ApiMessageType kafkas =
                org.apache.kafka.common.message.ApiMessageType.fromApiKey(api.apiKey());
        for (short v = api.lowestSupportedVersion(); v <= api.highestSupportedVersion(true) && v >= 0; v++) {
            RequestHeader header = new RequestHeader(api, v, 7_000 + v, "me");
            ByteBuf request = KafkaCodec.writeRequest(UnpooledByteBufAllocator.DEFAULT, header, api.newRequest());
            assertThat(request.readInt()).isEqualTo(request.readableBytes());
            assertThat(bodyOf(request, size(kafkas.newRequest(), v)))
                    .as("request v%d", v)
                    .isEqualTo(bytes(kafkas.newRequest(), v));
            ByteBuffer frame = request.nioBuffer();
            assertThat(KafkaCodec.readHeader(frame, ALL)).isEqualTo(header);
            assertThat(KafkaCodec.readBody(frame, header)).isEqualTo(api.newRequest());
            request.release();

            ByteBuf response =
                    (ByteBuf) KafkaCodec.writeResponse(UnpooledByteBufAllocator.DEFAULT, header, v, api.newResponse())
                            .get(0);
            assertThat(response.readInt()).isEqualTo(response.readableBytes());
            assertThat(bodyOf(response, size(kafkas.newResponse(), v)))
                    .as("response v%d", v)
                    .isEqualTo(bytes(kafkas.newResponse(), v));
            assertThat(KafkaCodec.readResponse(response.nioBuffer(), header)).isEqualTo(api.newResponse());
            response.release();
        }
    }

    @ParameterizedTest(name = "has {0} in its table as kafka-clients itself has it")
    @EnumSource(ApiMessageType.class)
    void tableOfApis(ApiMessageType api) {
        org.apache.kafka.common.message.ApiMessageType kafkas =
                org.apache.kafka.common.message.ApiMessageType.fromApiKey(api.apiKey());
        assertThat(ApiMessageType.values()).hasSameSizeAs(org.apache.kafka.common.message.ApiMessageType.values());
        assertThat(api.name()).isEqualTo(kafkas.name());
        assertThat(api.name).isEqualTo(kafkas.name);
        assertThat(api.apiKey()).isEqualTo(kafkas.apiKey());
        assertThat(ApiMessageType.fromApiKey(api.apiKey())).isSameAs(api);
        assertThat(api.lowestSupportedVersion()).isEqualTo(kafkas.lowestSupportedVersion());
        assertThat(api.highestSupportedVersion(false)).isEqualTo(kafkas.highestSupportedVersion(false));
        assertThat(api.highestSupportedVersion(true)).isEqualTo(kafkas.highestSupportedVersion(true));
        if (kafkas.highestSupportedVersion(true) < 0) {
            assertThatThrownBy(() -> api.requestHeaderVersion((short) 0))
                    .isInstanceOf(UnsupportedVersionException.class);
            assertThatThrownBy(() -> api.responseHeaderVersion((short) 0))
                    .isInstanceOf(UnsupportedVersionException.class);
            assertThatThrownBy(api::newRequest).isInstanceOf(UnsupportedVersionException.class);
            assertThatThrownBy(api::newResponse).isInstanceOf(UnsupportedVersionException.class);
            return;
        }
        assertThat(api.newRequest().getClass().getSimpleName())
                .isEqualTo(kafkas.newRequest().getClass().getSimpleName());
        assertThat(api.newResponse().getClass().getSimpleName())
                .isEqualTo(kafkas.newResponse().getClass().getSimpleName());
        for (short v = 0; v <= kafkas.highestSupportedVersion(true) + 1; v++) {
            assertThat(api.requestHeaderVersion(v)).as("request v%d", v).isEqualTo(kafkas.requestHeaderVersion(v));
            assertThat(api.responseHeaderVersion(v)).as("response v%d", v).isEqualTo(kafkas.responseHeaderVersion(v));
        }
    }

    @Test
    @DisplayName(
            "refuses a frame that is too short, an API that is unknown or not served, a version that is not served, and bytes that go on")
    void badFrames() {
        KafkaCodec.Versions metadata = api -> api == ApiMessageType.METADATA ? VersionRange.of(4, 13) : null;
        assertThatThrownBy(() -> KafkaCodec.readHeader(ByteBuffer.allocate(7), metadata))
                .hasMessageContaining("at least 8 bytes, this frame has 7");
        assertThatThrownBy(() -> KafkaCodec.readHeader(header(-3, 0), metadata)).hasMessage("API -3 is not served");
        assertThatThrownBy(() -> KafkaCodec.readHeader(header(0, 9), metadata))
                .hasMessage("API 0 (Produce) is not served");
        assertThatThrownBy(() -> KafkaCodec.readHeader(header(3, 14), metadata))
                .hasMessage("version 14 of Metadata is not served, versions 4 to 13 are");
        assertThatThrownBy(() -> KafkaCodec.readHeader(header(3, 4), metadata))
                .hasMessageContaining("the header of a request Metadata v4 is not whole");

        RequestHeader header = new RequestHeader(ApiMessageType.METADATA, (short) 4, 1, "");
        ByteBuf whole = KafkaCodec.writeRequest(UnpooledByteBufAllocator.DEFAULT, header, new MetadataRequestData());
        ByteBuf longer = Unpooled.copiedBuffer(whole.skipBytes(4), Unpooled.copyInt(5));
        ByteBuffer frame = longer.nioBuffer();
        assertThatThrownBy(() -> {
                    KafkaCodec.readHeader(frame, metadata);
                    KafkaCodec.readBody(frame, header);
                })
                .isInstanceOf(BadRequestException.class)
                .hasMessageContaining("followed by 4 bytes");
        whole.release();
        longer.release();
    }

    @Test
    @DisplayName("returns the header of ApiVersions at a version that is not served, so that it can be answered")
    void unknownApiVersions() throws BadRequestException {
        RequestHeader header =
                KafkaCodec.readHeader(header(ApiMessageType.API_VERSIONS.apiKey(), 99), api -> VersionRange.of(0, 5));
        assertThat(header).isEqualTo(new RequestHeader(ApiMessageType.API_VERSIONS, (short) 99, 11, ""));
    }

    @Test
    @DisplayName("refuses a count that is larger than the bytes that are left, before it allocates")
    void countBomb() {
        RequestHeader header = new RequestHeader(ApiMessageType.METADATA, (short) 4, 1, "");
        ByteBuffer body = ByteBuffer.allocate(5).putInt(Integer.MAX_VALUE).put((byte) 0);
        body.flip();
        assertThatThrownBy(() -> KafkaCodec.readBody(body, header))
                .isInstanceOf(BadRequestException.class)
                .hasMessageContaining("remaining");
    }

    @Test
    @DisplayName("releases its buffer where a response has something that its version has no field for")
    void wrongVersion() {
        FindCoordinatorResponseData body = new FindCoordinatorResponseData()
                .setCoordinators(List.of(new FindCoordinatorResponseData.Coordinator()));
        RequestHeader header = new RequestHeader(ApiMessageType.FIND_COORDINATOR, (short) 3, 1, "");
        assertThatThrownBy(() -> KafkaCodec.writeResponse(UnpooledByteBufAllocator.DEFAULT, header, (short) 3, body))
                .hasMessageContaining("non-default coordinators at version 3");
    }

    private static ByteBuffer header(int api, int version) {
        ByteBuffer frame = ByteBuffer.allocate(8);
        frame.putShort((short) api).putShort((short) version).putInt(11).flip();
        return frame;
    }

    /** The last bytes, behind whatever header there is. */
    private static byte[] bodyOf(ByteBuf frame, int size) {
        byte[] body = new byte[size];
        frame.getBytes(frame.writerIndex() - size, body);
        return body;
    }

    private static int size(org.apache.kafka.common.protocol.ApiMessage message, short version) {
        return message.size(new ObjectSerializationCache(), version);
    }

    private static byte[] bytes(org.apache.kafka.common.protocol.ApiMessage message, short version) {
        ObjectSerializationCache sizes = new ObjectSerializationCache();
        ByteBuffer out = ByteBuffer.allocate(message.size(sizes, version));
        message.write(new ByteBufferAccessor(out), sizes, version);
        return out.array();
    }
}
