package io.reactivemq.examples.parcels;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;
import org.springframework.boot.SpringApplication;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.ParameterizedTypeReference;
import org.springframework.http.MediaType;
import org.springframework.http.codec.ServerSentEvent;
import org.springframework.test.web.reactive.server.WebTestClient;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.netty.DisposableServer;

/** The application on free ports, until it is closed. */
final class RunningApplication implements AutoCloseable {

    /** Only so that nothing hangs. */
    static final Duration LIMIT = Duration.ofMinutes(5);

    private static final Duration POLL = Duration.ofMillis(20);
    private static final ParameterizedTypeReference<ServerSentEvent<ScanFeed.Item>> ITEM =
            new ParameterizedTypeReference<>() {};

    private final ConfigurableApplicationContext context;
    private final String address;

    /** @param settings such as {@code parcels.browser-buffer=4} */
    RunningApplication(String... settings) {
        this(List.of(), settings);
    }

    /** With further beans. */
    RunningApplication(List<Class<?>> beans, String... settings) {
        List<Class<?>> sources = new ArrayList<>(beans);
        sources.add(ParcelsApplication.class);
        List<String> arguments = new ArrayList<>(List.of(
                "--server.port=0",
                "--parcels.kafka-port=0",
                "--spring.main.banner-mode=off",
                // what is seconds to users may take a busy machine minutes
                "--parcels.drain=2m",
                "--parcels.health-timeout=2m",
                "--spring.lifecycle.timeout-per-shutdown-phase=5m"));
        for (String setting : settings) {
            arguments.add("--" + setting);
        }
        context = new SpringApplication(sources.toArray(Class<?>[]::new)).run(arguments.toArray(String[]::new));
        address = "http://127.0.0.1:" + context.getEnvironment().getRequiredProperty("local.server.port");
    }

    <T> T bean(Class<T> type) {
        return context.getBean(type);
    }

    String bootstrapServers() {
        return "127.0.0.1:" + bean(DisposableServer.class).port();
    }

    WebTestClient http() {
        return WebTestClient.bindToServer()
                .baseUrl(address)
                .responseTimeout(LIMIT)
                .build();
    }

    /** What a browser sees, from the first record on. */
    Flux<ServerSentEvent<ScanFeed.Item>> browser() {
        return browser(WebClient.builder());
    }

    Flux<ServerSentEvent<ScanFeed.Item>> browser(WebClient.Builder client) {
        return client.baseUrl(address)
                .build()
                .get()
                .uri("/scans?replay=true")
                .accept(MediaType.TEXT_EVENT_STREAM)
                .retrieve()
                .bodyToFlux(ITEM);
    }

    ScanController.Receipt post(Scan scan) {
        return Objects.requireNonNull(http().post()
                .uri("/scans")
                .contentType(MediaType.APPLICATION_JSON)
                .bodyValue(scan)
                .exchange()
                .expectStatus()
                .isCreated()
                .expectBody(ScanController.Receipt.class)
                .returnResult()
                .getResponseBody());
    }

    /** The health of the group; the status of the answer is not looked at. */
    @SuppressWarnings("unchecked")
    Map<String, Object> groupHealth() {
        Map<String, Object> health = Objects.requireNonNull(http().get()
                .uri("/actuator/health")
                .exchange()
                .expectBody(new ParameterizedTypeReference<Map<String, Object>>() {})
                .returnResult()
                .getResponseBody());
        Map<String, Object> components = (Map<String, Object>) Objects.requireNonNull(health.get("components"));
        return (Map<String, Object>) Objects.requireNonNull(components.get("groupLag"));
    }

    /** How many records browsers have lost. */
    double dropped() {
        Counter counter = bean(MeterRegistry.class)
                .find("reactivemq.buffer.dropped")
                .tag("name", "browsers")
                .counter();
        return counter == null ? 0 : counter.count();
    }

    /** Waits until that is so. */
    static void until(String what, Supplier<Boolean> condition) {
        Boolean so = Mono.fromSupplier(condition)
                .subscribeOn(Schedulers.boundedElastic()) // conditions block
                .repeatWhen(again -> again.delayElements(POLL))
                .takeUntil(Boolean::booleanValue)
                .blockLast(LIMIT);
        assertThat(so).as(what).isTrue();
    }

    @Override
    public void close() {
        context.close();
    }
}
