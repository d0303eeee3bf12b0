package io.reactivemq.examples.parcels;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.properties.ConfigurationPropertiesScan;

/** Parcels on their way through depots, over HTTP and over Kafka's protocol. */
@SpringBootApplication
@ConfigurationPropertiesScan
public class ParcelsApplication {

    public static void main(String[] args) {
        SpringApplication.run(ParcelsApplication.class, args);
    }
}
