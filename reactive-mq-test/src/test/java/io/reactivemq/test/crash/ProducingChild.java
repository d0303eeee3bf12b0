package io.reactivemq.test.crash;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.Serdes;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.produce.SenderResult;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The process that is killed: opens a broker on a directory and sends the numbers of a {@link Load} without end. Its standard
 * output is {@code opening}, {@code open}, and then a line for each acknowledged record:
 *
 * <pre>
 * partition offset number
 * </pre>
 */
final class ProducingChild {

    static final String OPENING = "opening";
    static final String OPEN = "open";

    /** Lines are flushed in groups, as acknowledgements come in batches; what was not flushed the parent does not know of. */
    private static final int LINES_PER_FLUSH = 32;

    /** A child whose parent has forgotten it ends by itself. */
    private static final Duration LIFETIME = Duration.ofMinutes(10);

    private ProducingChild() {}

    /** Arguments: directory, durability, seed, first number; a negative one sends nothing and waits. */
    public static void main(String[] args) {
        MqRuntime.system()
                .timers()
                .schedule(() -> Runtime.getRuntime().halt(3), LIFETIME.toSeconds(), TimeUnit.SECONDS);
        try {
            run(
                    Path.of(args[0]),
                    Durability.ofConfigName(args[1]),
                    new Load(Long.parseLong(args[2])),
                    Long.parseLong(args[3]));
        } catch (Throwable e) {
            e.printStackTrace();
            Runtime.getRuntime().halt(2);
        }
    }

    private static void run(Path directory, Durability durability, Load load, long first) {
        PrintStream out = new PrintStream(
                new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16),
                false,
                StandardCharsets.US_ASCII);
        out.println(OPENING);
        out.flush();
        EmbeddedBroker broker = EmbeddedBroker.openNow(directory, Duration.ofMinutes(5), o -> o.durability(durability));
        createTopic(broker);
        out.println(OPEN);
        out.flush();
        if (first < 0) {
            Mono.never().block();
        }
        Sender<String, String> sender = Sender.on(
                broker,
                SenderOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.batchSizeBytes(4096).maxInFlight(1000)));
        Flux<SenderRecord<String, String>> numbers = Flux.generate(() -> first, (number, sink) -> {
            sink.next(SenderRecord.of(Load.TOPIC, load.key(number), load.value(number))
                    .withPartition(load.partition(number)));
            return number + 1;
        });
        long[] lines = {0};
        sender.send(numbers)
                .doOnNext(result -> {
                    print(out, result);
                    if (++lines[0] % LINES_PER_FLUSH == 0) {
                        out.flush();
                    }
                })
                .blockLast();
    }

    private static void createTopic(EmbeddedBroker broker) {
        NewTopic topic = new NewTopic(
                Load.TOPIC, Load.PARTITIONS, Map.of("segment.bytes", Integer.toString(Load.SEGMENT_BYTES)));
        broker.createTopic(Caller.embedded("child"), topic)
                .onErrorResume(
                        MqException.class,
                        e -> e.errorCode() == ErrorCode.TOPIC_ALREADY_EXISTS ? Mono.empty() : Mono.error(e))
                .block();
    }

    private static void print(PrintStream out, SenderResult<String, String> result) {
        String value = String.valueOf(result.record().value());
        out.print(result.partition().partition() + " " + result.offset() + " " + Load.numberOf(value) + "\n");
    }
}
