package io.reactivemq.examples.parcels;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.netty.protocol.KafkaCodec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** This module's class path is one that Spring Boot's BOM made, so that what is tested here is what an application gets. */
class BootsVersionsTest {

    /** The BOM that this module imports, as the build copies it. */
    private static final Path BOM = Path.of("target/boot/spring-boot-dependencies.pom");

    @ParameterizedTest
    @CsvSource({
        "kafka.version, org.apache.kafka.clients.consumer.KafkaConsumer",
        "micrometer.version, io.micrometer.core.instrument.MeterRegistry",
        "netty.version, io.netty.channel.Channel",
        "jackson-bom.version, tools.jackson.databind.json.JsonMapper",
        "slf4j.version, org.slf4j.Logger",
        "spring-framework.version, org.springframework.context.ApplicationContext",
        "junit-jupiter.version, org.junit.jupiter.api.Test",
    })
    void areThoseOfTheBom(String property, Class<?> oneOfTheLibrary) throws IOException {
        Matcher version =
                Pattern.compile("<" + Pattern.quote(property) + ">(.*?)</").matcher(Files.readString(BOM));
        assertThat(version.find()).as(property).isTrue();
        assertThat(jarOf(oneOfTheLibrary)).endsWith("-" + version.group(1) + ".jar");
    }

    @Test
    void kafkasClassesAndTheCodecsAreDifferentOnes() throws ClassNotFoundException {
        Class<?> kafkas = Class.forName("org.apache.kafka.common.message.FetchRequestData");
        Class<?> codecs = Class.forName("io.reactivemq.kafka.common.message.FetchRequestData");

        assertThat(jarOf(kafkas)).isEqualTo(jarOf(KafkaConsumer.class));
        assertThat(jarOf(codecs)).isNotEqualTo(jarOf(kafkas)).isNotEqualTo(jarOf(KafkaCodec.class));
    }

    private static String jarOf(Class<?> type) {
        return Objects.requireNonNull(type.getProtectionDomain().getCodeSource())
                .getLocation()
                .toString();
    }
}
