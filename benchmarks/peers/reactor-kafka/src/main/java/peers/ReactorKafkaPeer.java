package peers;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import reactor.core.publisher.Flux;
import reactor.kafka.receiver.KafkaReceiver;
import reactor.kafka.receiver.ReceiverOptions;
import reactor.kafka.sender.KafkaSender;
import reactor.kafka.sender.SenderOptions;
import reactor.kafka.sender.SenderRecord;

/**
 * reactor-kafka at its best: 65,536 in flight, batches of 64 KiB. A command a line on standard input, "send" or "receive", with broker, topic, how
 * many messages and of how many bytes; answered by the seconds it took.
 */
public final class ReactorKafkaPeer {

    private static final int IN_FLIGHT = 65_536;
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    private static int groups;

    private ReactorKafkaPeer() {}

    public static void main(String[] arguments) throws Exception {
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String[] words = line.split(" ", -1);
            int messages = Integer.parseInt(words[3]);
            long nanos = words[0].equals("send")
                    ? send(words[1], words[2], messages, Integer.parseInt(words[4]))
                    : receive(words[1], words[2], messages);
            System.out.printf(Locale.ROOT, "%.6f%n", nanos / 1e9);
        }
        System.exit(0);
    }

    private static long send(String broker, String topic, int messages, int bytes) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", broker);
        settings.put("key.serializer", ByteArraySerializer.class);
        settings.put("value.serializer", ByteArraySerializer.class);
        settings.put("acks", "all");
        settings.put("batch.size", 65_536);
        settings.put("linger.ms", 5);
        byte[] value = new byte[bytes];
        KafkaSender<byte[], byte[]> sender = KafkaSender.create(
                SenderOptions.<byte[], byte[]>create(settings).maxInFlight(IN_FLIGHT));
        try {
            sender.doOnProducer(producer -> producer.partitionsFor(topic)).block(PATIENCE);
            long start = System.nanoTime();
            Long acknowledged = sender.send(Flux.range(0, messages)
                            .map(i -> SenderRecord.create(new ProducerRecord<byte[], byte[]>(topic, value), i)))
                    .count()
                    .block(PATIENCE);
            require(messages, acknowledged);
            return System.nanoTime() - start;
        } finally {
            sender.close();
        }
    }

    /** From the first record on, so that joining the group is left out. */
    private static long receive(String broker, String topic, int messages) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", broker);
        settings.put("key.deserializer", ByteArrayDeserializer.class);
        settings.put("value.deserializer", ByteArrayDeserializer.class);
        settings.put("group.id", "reactor-" + groups++);
        settings.put("auto.offset.reset", "earliest");
        long[] start = new long[1];
        Long received = KafkaReceiver.create(ReceiverOptions.<byte[], byte[]>create(settings)
                        .subscription(Collections.singleton(topic)))
                .receiveAutoAck()
                .concatMap(batch -> batch)
                .doOnNext(record -> {
                    if (start[0] == 0) {
                        start[0] = System.nanoTime();
                    }
                })
                .take(messages)
                .count()
                .block(PATIENCE);
        require(messages, received);
        return System.nanoTime() - start[0];
    }

    private static void require(int expected, Long actual) {
        if (actual == null || actual != expected) {
            throw new IllegalStateException("expected " + expected + " messages, were " + actual);
        }
    }
}
