package io.reactivemq.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.netty.protocol.BadRequestException;
import io.reactivemq.netty.protocol.KafkaCodec;
import io.reactivemq.netty.protocol.RequestHeader;
import io.reactivemq.netty.protocol.VersionRange;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;

@DisplayName("A request of any bytes")
class RequestFuzz {

    @FuzzTest(maxDuration = "2m")
    @DisplayName("is read or refused, and nothing else")
    void read(byte[] frame) {
        ByteBuffer content = ByteBuffer.wrap(frame);
        try {
            RequestHeader header = KafkaCodec.readHeader(content, RequestFuzz::versions);
            if (header.version() <= header.api().highestSupportedVersion(true)) {
                KafkaCodec.readBody(content, header);
            }
        } catch (BadRequestException refused) {
            // as it should be
        }
    }

    private static @Nullable VersionRange versions(ApiMessageType api) {
        short lowest = api.lowestSupportedVersion();
        short highest = api.highestSupportedVersion(true);
        return lowest > highest ? null : VersionRange.of(lowest, highest);
    }
}
