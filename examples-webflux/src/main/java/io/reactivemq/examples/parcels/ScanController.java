package io.reactivemq.examples.parcels;

import io.reactivemq.MqException;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderRecord;
import java.util.Map;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.codec.ServerSentEvent;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;
import org.springframework.web.server.ServerWebInputException;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Scans in, scans out. */
@RestController
class ScanController {

    private final Sender<String, Scan> sender;
    private final ScanFeed feed;
    private final DepotBoard board;
    private final ParcelsProperties properties;

    ScanController(Sender<String, Scan> sender, ScanFeed feed, DepotBoard board, ParcelsProperties properties) {
        this.sender = sender;
        this.feed = feed;
        this.board = board;
        this.properties = properties;
    }

    /** Where a scan is in the topic. */
    record Receipt(String topic, int partition, long offset) {}

    /** Answers when the scan is as durable as the topic makes it. */
    @PostMapping("/scans")
    @ResponseStatus(HttpStatus.CREATED)
    Mono<Receipt> publish(@RequestBody Mono<ScanRequest> request) {
        return request.onErrorMap(ServerWebInputException.class, ScanRequest::unreadable)
                .map(posted -> posted.checked(properties.depots()))
                .flatMap(this::send);
    }

    private Mono<Receipt> send(Scan scan) {
        return sender.send(SenderRecord.of(properties.topic(), scan.parcel(), scan))
                .map(result ->
                        new Receipt(properties.topic(), result.partition().partition(), result.offset()))
                .onErrorMap(
                        MqException.class,
                        error -> new ResponseStatusException(
                                HttpStatus.SERVICE_UNAVAILABLE,
                                "the scan was not stored: " + error.errorCode(),
                                error));
    }

    /**
     * The scans as they come.
     *
     * @param replay from the first record that is there, else what comes from now on
     */
    @GetMapping(path = "/scans", produces = MediaType.TEXT_EVENT_STREAM_VALUE)
    Flux<ServerSentEvent<ScanFeed.Item>> watch(@RequestParam(defaultValue = "false") boolean replay) {
        return feed.from(replay ? OffsetSpec.earliest() : OffsetSpec.latest())
                .map(item -> ServerSentEvent.builder(item)
                        .id(item.partition() + "@" + item.offset())
                        .event(item.scan() == null ? "unreadable" : "scan")
                        .build());
    }

    /** The last scan of each depot, as far as the group has come. */
    @GetMapping("/depots")
    Map<String, DepotBoard.LastScan> depots() {
        return board.depots();
    }
}
