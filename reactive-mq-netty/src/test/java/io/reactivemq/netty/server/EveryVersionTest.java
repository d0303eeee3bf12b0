package io.reactivemq.netty.server;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.kafka.common.message.*;
import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.netty.protocol.KafkaCodec;
import io.reactivemq.netty.protocol.RequestHeader;
import io.reactivemq.netty.protocol.VersionRange;
import io.reactivemq.netty.security.Secrets;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A response that has something its version has no field for cannot be written, and the connection drops. So every API is asked, at every version that is
 * advertised, what brings a full answer, an answer of errors, and an empty one.
 */
@DisplayName("Every answer can be written at every version that is advertised:")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EveryVersionTest {

    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private EmbeddedBroker broker;
    private ApiTable apis;
    private SampleRequests samples;

    @BeforeAll
    void open() {
        broker = EmbeddedBroker.inMemory(16 << 20);
        samples = SampleRequests.fill(broker);
        // ACLs come and go here, and the caller may do all whatever they say
        apis = KafkaServer.apis(
                new ServerSettings(broker, 1, null, 0, 1, 1 << 20, 1 << 20, 10, 10),
                ServerSecurity.of(
                        broker,
                        null,
                        List.of(),
                        Set.of(SampleRequests.CALLER.principal()),
                        PATIENCE,
                        Secrets.ofSystem()));
    }

    @AfterAll
    void close() {
        broker.closeGracefully(PATIENCE).block(PATIENCE);
    }

    static Stream<ApiMessageType> served() {
        EmbeddedBroker some = EmbeddedBroker.inMemory(1 << 20);
        return KafkaServer.apis(new ServerSettings(some, 1, null, 0, 1, 1 << 20, 1 << 20, 10, 10))
                .versions()
                .keySet()
                .stream();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("served")
    void everyVersion(ApiMessageType api) throws Exception {
        VersionRange versions = requireNonNull(apis.of(api));
        for (short version = versions.min(); version <= versions.max(); version++) {
            List<ApiMessage> asked = new ArrayList<>();
            asked.add(
                    api == ApiMessageType.PRODUCE
                            ? new ProduceRequestData().setAcks((short) 1) // 0 has no answer
                            : api.newRequest());
            asked.addAll(samples.requests(api, version));
            assertThat(asked).as("requests of %s", api).hasSizeGreaterThan(1);
            for (ApiMessage body : asked) {
                RequestHeader header = new RequestHeader(api, version, 9, "test");
                ByteBuf frame = Unpooled.buffer();
                ApiMessage answer = apis.answer(
                                new ApiRequest(
                                        header,
                                        SampleRequests.CALLER,
                                        InetSocketAddress.createUnresolved("127.0.0.1", 9092),
                                        frame),
                                body)
                        .block(PATIENCE);
                assertThat(frame.release()).as("the frame was let go").isTrue();
                assertThat(answer).as("%s v%d to %s", api, version, body).isNotNull();
                List<Integer> errors = new ArrayList<>();
                AnswerErrors.of(requireNonNull(answer), errors::add);
                assertThat(errors).containsExactlyInAnyOrderElementsOf(errorsIn(answer.toString()));
                ByteBuf written =
                        (ByteBuf) KafkaCodec.writeResponse(UnpooledByteBufAllocator.DEFAULT, header, version, answer)
                                .get(0);
                assertThat(written.readInt()).isEqualTo(written.readableBytes());
                KafkaCodec.readResponse(written.nioBuffer(), header);
                written.release();
            }
        }
    }

    /** As the meters are to count them. */
    private static List<Integer> errorsIn(String answer) {
        return Pattern.compile("\\b(?:errorCode|partitionErrorCode)=(-?\\d+)")
                .matcher(answer)
                .results()
                .map(found -> Integer.valueOf(found.group(1)))
                .filter(number -> number != 0)
                .toList();
    }

    @Test
    @DisplayName("ApiVersions at a version that is not served is answered with the list, at version 0")
    void unsupported() throws Exception {
        RequestHeader header = new RequestHeader(ApiMessageType.API_VERSIONS, (short) 0, 9, "");
        ByteBuf written = (ByteBuf) KafkaCodec.writeResponse(
                        UnpooledByteBufAllocator.DEFAULT, header, (short) 0, MetadataApis.unsupportedVersion(apis))
                .get(0);
        written.readInt();
        ApiVersionsResponseData read = (ApiVersionsResponseData) KafkaCodec.readResponse(written.nioBuffer(), header);
        assertThat(read.errorCode()).isEqualTo((short) 35);
        assertThat(read.apiKeys()).hasSameSizeAs(apis.versions().keySet());
        written.release();
    }
}
