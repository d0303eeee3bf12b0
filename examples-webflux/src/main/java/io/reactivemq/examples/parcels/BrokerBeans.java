package io.reactivemq.examples.parcels;

import io.reactivemq.Serdes;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import reactor.netty.DisposableServer;

/** The broker, its server, who writes scans, and the group that reads them. */
@Configuration(proxyBeanMethods = false)
class BrokerBeans {

    @Bean
    EmbeddedBroker broker(OpenBroker open) {
        return open.broker();
    }

    @Bean
    DisposableServer kafkaServer(KafkaPort port) {
        return port.server();
    }

    @Bean
    Sender<String, Scan> scanSender(EmbeddedBroker broker) {
        return Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.json(Scan.class), o -> o.clientId("http")));
    }

    @Bean
    Receiver<String, Scan> depotReceiver(EmbeddedBroker broker, ParcelsProperties properties) {
        return Receiver.on(
                broker,
                ReceiverOptions.of(
                        Serdes.string(),
                        Serdes.json(Scan.class),
                        o -> o.group(properties.group()).topics(properties.topic())));
    }
}
