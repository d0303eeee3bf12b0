package io.reactivemq.netty.server;

import io.reactivemq.MqException;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.InitProducerIdRequestData;
import io.reactivemq.kafka.common.message.InitProducerIdResponseData;
import java.time.Duration;
import reactor.core.publisher.Mono;

/** Producers: InitProducerId. */
final class ProducerApis {

    private final Broker broker;

    ProducerApis(Broker broker) {
        this.broker = broker;
    }

    void register(ApiTable apis) {
        apis.serve(ApiMessageType.INIT_PRODUCER_ID, 0, 5, InitProducerIdRequestData.class, this::initProducerId);
    }

    private Mono<InitProducerIdResponseData> initProducerId(ApiRequest request, InitProducerIdRequestData body) {
        InitProducerId wanted = new InitProducerId(
                body.transactionalId(),
                Duration.ofMillis(Math.max(0, body.transactionTimeoutMs())),
                new ProducerIdAndEpoch(body.producerId(), body.producerEpoch()));
        return broker.initProducerId(request.caller(), wanted)
                .map(producer -> new InitProducerIdResponseData()
                        .setProducerId(producer.producerId())
                        .setProducerEpoch(producer.epoch()))
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(new InitProducerIdResponseData()
                                .setErrorCode(failure.errorCode().code())
                                .setProducerId(-1)
                                .setProducerEpoch((short) -1)));
    }
}
