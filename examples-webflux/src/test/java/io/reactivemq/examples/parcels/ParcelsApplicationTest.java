package io.reactivemq.examples.parcels;

import static io.reactivemq.examples.parcels.RunningApplication.LIMIT;
import static io.reactivemq.examples.parcels.RunningApplication.until;
import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.consume.Receiver;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ProblemDetail;
import org.springframework.http.codec.ServerSentEvent;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

class ParcelsApplicationTest {

    private static final int SCANS = 40;

    /** What anybody sees of a scan. */
    private record Seen(int partition, long offset, Scan scan) {

        private static final Comparator<Seen> ORDER =
                Comparator.comparingInt(Seen::partition).thenComparingLong(Seen::offset);
    }

    @ParameterizedTest(
            name = "M03 M08 what is posted is what browsers see over HTTP and a {0} consumer of kafka-clients over TCP")
    @ValueSource(strings = {"classic", "consumer"})
    void httpAndTcp(String groupProtocol) {
        try (RunningApplication application = new RunningApplication();
                KafkaConsumer<String, String> consumer = consumer(application, groupProtocol)) {
            consumer.subscribe(List.of("parcel-scans"));
            Mono<List<ServerSentEvent<ScanFeed.Item>>> early =
                    application.browser().take(SCANS).collectList().cache();
            early.subscribe();

            List<Seen> posted = new ArrayList<>();
            for (int n = 0; n < SCANS; n++) {
                Scan scan = scan(n);
                ScanController.Receipt receipt = application.post(scan);
                posted.add(new Seen(receipt.partition(), receipt.offset(), scan));
            }

            assertThat(seenBy(Objects.requireNonNull(early.block(LIMIT))))
                    .as("a browser that was there before")
                    .isEqualTo(sorted(posted));
            assertThat(seenBy(Objects.requireNonNull(
                            application.browser().take(SCANS).collectList().block(LIMIT))))
                    .as("a browser that came later")
                    .isEqualTo(sorted(posted));
            assertThat(read(consumer)).as("kafka-clients").isEqualTo(sorted(posted));
            assertThat(posted.stream().map(Seen::partition).distinct())
                    .as("partitions")
                    .hasSizeGreaterThan(1);
        }
    }

    @Test
    @DisplayName(
            "M09 what Kafka's clients send comes to browsers too; what is no scan is shown as such, dead-lettered, and stops nothing")
    void fromKafkasClients() throws Exception {
        try (RunningApplication application = new RunningApplication("parcels.partitions=1");
                KafkaProducer<String, String> producer = new KafkaProducer<>(
                        Map.of("bootstrap.servers", application.bootstrapServers()),
                        new StringSerializer(),
                        new StringSerializer());
                KafkaConsumer<String, String> deadLetters = consumer(application, "classic")) {
            String good = JsonMapper.shared().writeValueAsString(scan(1));
            List<String> values = Stream.of("{\"parcel\":", "null", null, "{\"parcel\":\"p\"}", good)
                    .toList();
            for (String value : values) {
                producer.send(new ProducerRecord<>("parcel-scans", "parcel-1", value))
                        .get(LIMIT.toSeconds(), TimeUnit.SECONDS);
            }

            List<ServerSentEvent<ScanFeed.Item>> shown = Objects.requireNonNull(
                    application.browser().take(values.size()).collectList().block(LIMIT));
            assertThat(shown)
                    .extracting(ServerSentEvent::event)
                    .containsExactly("unreadable", "unreadable", "unreadable", "unreadable", "scan");
            assertThat(shown).extracting(ServerSentEvent::id).containsExactly("0@0", "0@1", "0@2", "0@3", "0@4");
            assertThat(Objects.requireNonNull(shown.get(4).data()).scan()).isEqualTo(scan(1));
            until(
                    "the group has passed them",
                    () -> application.bean(DepotBoard.class).depots().containsKey(scan(1).depot()));
            assertThat(application
                            .http()
                            .get()
                            .uri("/depots")
                            .exchange()
                            .expectBody(String.class)
                            .returnResult()
                            .getResponseBody())
                    .contains("\"Basel\":{\"parcel\":\"parcel-1\",\"status\":\"DAMAGED\"");
            deadLetters.subscribe(List.of("parcel-scans.dlq"));
            List<String> dead = new ArrayList<>();
            until("dead letters", () -> {
                for (ConsumerRecord<String, String> letter : deadLetters.poll(Duration.ofMillis(100))) {
                    dead.add(letter.value());
                }
                return dead.size() >= 4;
            });
            assertThat(dead).containsExactlyElementsOf(values.subList(0, 4));
        }
    }

    @Test
    @DisplayName("K24 health shows how far the group is behind, and is down when that is too far")
    void lag() {
        try (RunningApplication application = new RunningApplication("parcels.lag-max=2")) {
            Receiver<?, ?> group = application.bean(Receiver.class);
            until("the member has partitions", () -> lagOf(application).size() == 4);
            assertThat(application.groupHealth()).containsEntry("status", "UP");

            group.pause().block(LIMIT);
            long[] behind = new long[4];
            for (int n = 0; n < 3; n++) {
                behind[application.post(scan(n)).partition()]++;
            }

            assertThat(application.groupHealth()).containsEntry("status", "DOWN");
            assertThat(lagOf(application))
                    .isEqualTo(Map.of(
                            "parcel-scans-0", (int) behind[0],
                            "parcel-scans-1", (int) behind[1],
                            "parcel-scans-2", (int) behind[2],
                            "parcel-scans-3", (int) behind[3]));
            assertThat(details(application)).containsEntry("lag", 3).containsEntry("group", "depot-board");

            group.resume().block(LIMIT);
            until(
                    "the group has caught up",
                    () -> Integer.valueOf(0).equals(details(application).get("lag")));
            assertThat(application.groupHealth()).containsEntry("status", "UP");
        }
    }

    @Test
    @DisplayName("bad input is refused in words, and nothing of it is published")
    void badInput() {
        try (RunningApplication application = new RunningApplication("parcels.partitions=1")) {
            String parcel = "parcel must be 1 to 40 letters, digits and hyphens, was ";
            refused(application, "{}", parcel + "null");
            refused(application, body("a b", "Basel", "LEFT"), parcel + "a b");
            refused(application, body("p".repeat(100), "Basel", "LEFT"), parcel + "p".repeat(60) + "...");
            refused(
                    application,
                    body("p-1", "Zurich", "LEFT"),
                    "depot must be one of [Antwerp, Basel, Cologne, Dijon]");
            refused(
                    application,
                    body("p-1", "Basel", "left"),
                    "status must be one of [ARRIVED, DAMAGED, LEFT, DELIVERED], was left");
            refused(application, "{\"parcel\":\"p-1\",", "the body must be JSON such as {\"parcel\"");
            refused(application, "", "the body must be JSON such as {\"parcel\"");
            application
                    .http()
                    .post()
                    .uri("/scans")
                    .contentType(MediaType.TEXT_PLAIN)
                    .bodyValue("p-1 left Basel")
                    .exchange()
                    .expectStatus()
                    .isEqualTo(HttpStatus.UNSUPPORTED_MEDIA_TYPE)
                    .expectBody(ProblemDetail.class);
            application
                    .http()
                    .get()
                    .uri("/scans?replay=perhaps")
                    .exchange()
                    .expectStatus()
                    .isBadRequest()
                    .expectBody(ProblemDetail.class);

            assertThat(application.post(scan(1)).offset()).isZero();
        }
    }

    private static String body(String parcel, String depot, String status) {
        return JsonMapper.shared().writeValueAsString(Map.of("parcel", parcel, "depot", depot, "status", status));
    }

    private static void refused(RunningApplication application, String body, String why) {
        assertThat(Objects.requireNonNull(application
                                .http()
                                .post()
                                .uri("/scans")
                                .contentType(MediaType.APPLICATION_JSON)
                                .bodyValue(body)
                                .exchange()
                                .expectStatus()
                                .isBadRequest()
                                .expectBody(ProblemDetail.class)
                                .returnResult()
                                .getResponseBody())
                        .getDetail())
                .contains(why);
    }

    @Test
    @DisplayName(
            "K02 M06 the application drains as it closes: streams complete, what was handled is not handled again, and all else is")
    void closes(@TempDir Path directory) {
        String data = "parcels.data=" + directory;
        Mono<List<ServerSentEvent<ScanFeed.Item>>> watched;
        try (RunningApplication application = new RunningApplication(data)) {
            watched = application.browser().collectList().cache();
            watched.subscribe();
            for (int n = 0; n < SCANS; n++) {
                application.post(scan(n));
            }
            until(
                    "all is handled",
                    () -> Integer.valueOf(0).equals(details(application).get("lag"))
                            && lagOf(application).size() == 4);
        }
        assertThat(watched.block(LIMIT)).as("the stream has completed").isNotNull();

        try (RunningApplication application = new RunningApplication(data)) {
            until("the member has partitions", () -> lagOf(application).size() == 4);
            assertThat(details(application)).containsEntry("lag", 0);
            application.post(new Scan("parcel-1", "Dijon", Scan.Status.DELIVERED));
            DepotBoard board = application.bean(DepotBoard.class);
            until("the next one is handled", () -> !board.depots().isEmpty());
            assertThat(board.depots()).as("nothing came again").containsOnlyKeys("Dijon");
            assertThat(application.browser().take(SCANS).collectList().block(LIMIT))
                    .as("the scans are there")
                    .hasSize(SCANS);
        }
    }

    private static Scan scan(int n) {
        List<String> depots = List.of("Antwerp", "Basel", "Cologne", "Dijon");
        return new Scan("parcel-" + n % 9, depots.get(n % 4), n % 2 == 0 ? Scan.Status.ARRIVED : Scan.Status.DAMAGED);
    }

    private static KafkaConsumer<String, String> consumer(RunningApplication application, String groupProtocol) {
        return new KafkaConsumer<>(
                Map.of(
                        "bootstrap.servers",
                        application.bootstrapServers(),
                        "group.id",
                        "over-tcp",
                        "group.protocol",
                        groupProtocol,
                        "auto.offset.reset",
                        "earliest"),
                new StringDeserializer(),
                new StringDeserializer());
    }

    private static List<Seen> read(KafkaConsumer<String, String> consumer) {
        List<Seen> seen = new ArrayList<>();
        until("all is read over TCP", () -> {
            for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
                Scan scan = JsonMapper.shared().readValue(record.value(), Scan.class);
                assertThat(record.key()).isEqualTo(scan.parcel());
                seen.add(new Seen(record.partition(), record.offset(), scan));
            }
            return seen.size() >= SCANS;
        });
        return sorted(seen);
    }

    private static List<Seen> seenBy(List<ServerSentEvent<ScanFeed.Item>> events) {
        return sorted(Flux.fromIterable(events)
                .map(event -> Objects.requireNonNull(event.data()))
                .doOnNext(item -> assertThat(item.dropped()).isZero())
                .map(item -> new Seen(item.partition(), item.offset(), Objects.requireNonNull(item.scan())))
                .collectList()
                .blockOptional()
                .orElseThrow());
    }

    private static List<Seen> sorted(List<Seen> seen) {
        return seen.stream().sorted(Seen.ORDER).toList();
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> details(RunningApplication application) {
        return (Map<String, Object>)
                Objects.requireNonNull(application.groupHealth().get("details"));
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> lagOf(RunningApplication application) {
        return (Map<String, Object>) Objects.requireNonNull(details(application).get("partitions"));
    }
}
