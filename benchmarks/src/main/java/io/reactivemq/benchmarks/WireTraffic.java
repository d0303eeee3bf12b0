package io.reactivemq.benchmarks;

import io.reactivemq.benchmarks.WireRig.Usage;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** What brokers cost that run on: records in and out, one record's way, and nothing at all. */
final class WireTraffic {

    /** A run of consume has fewer requests than one of produce: more runs until they are compiled. */
    private static final int CONSUME_WARMUPS = 2;

    private final WireRig rig;
    private final int warmups;
    private final int runs;
    private final int settlingSeconds;

    WireTraffic(WireRig rig, int warmups, int runs, int settlingSeconds) {
        this.rig = rig;
        this.warmups = warmups;
        this.runs = runs;
        this.settlingSeconds = settlingSeconds;
    }

    private interface Trial {
        void of(WireBroker broker, boolean ours, boolean measured) throws Exception;
    }

    /** Each broker by turns. */
    private void trials(int warmups, Trial trial) throws Exception {
        for (int i = 0; i < warmups + runs; i++) {
            for (Map.Entry<WireBroker.Kind, WireBroker> each : rig.lasting().entrySet()) {
                trial.of(each.getValue(), rig.isOurs(each.getKey()), i >= warmups);
            }
        }
    }

    List<Versus> produce(int messages, int bytes) throws Exception {
        Throughput figures = new Throughput("produce", bytes);
        trials(warmups, (broker, ours, measured) -> {
            String topic = rig.name("bench");
            rig.ask("create", broker.bootstrap(), topic, 1);
            // a fifth more than the records take, for their batches and indexes
            rig.warmPages(messages * (bytes + bytes / 5L));
            Usage usage = rig.new Usage(broker.jvm);
            double seconds = rig.askFigures("produce", broker, topic, messages, bytes)[0];
            figures.add(ours, measured, usage.stop(), messages / 1e6, seconds);
            rig.ask("delete", broker.bootstrap(), topic);
        });
        return figures.all();
    }

    List<Versus> consume(int messages, int bytes) throws Exception {
        Throughput figures = new Throughput("consume", bytes);
        String topic = rig.name("bench");
        for (WireBroker broker : rig.lasting().values()) {
            rig.ask("create", broker.bootstrap(), topic, 1);
            rig.ask("produce", broker.bootstrap(), topic, messages, bytes);
        }
        trials(CONSUME_WARMUPS * warmups, (broker, ours, measured) -> {
            Usage usage = rig.new Usage(broker.jvm);
            double seconds = rig.askFigures("consume", broker, topic, messages)[0];
            figures.add(ours, measured, usage.stop(), messages / 1e6, seconds);
        });
        for (WireBroker broker : rig.lasting().values()) {
            rig.ask("delete", broker.bootstrap(), topic);
        }
        return figures.all();
    }

    /**
     * reactor-kafka at its best, against each broker; and the CPU time of its own process, which is what a client costs.
     */
    List<Versus> reactorKafka(int messages, int bytes) throws Exception {
        Jvm client = rig.reactorKafka();
        double millions = messages / 1e6;
        Versus sent = new Versus("reactor-kafka sends, " + bytes + " B", "M msg/s");
        Versus sentCpu = new Versus("reactor-kafka sends, " + bytes + " B: its CPU", "s a M");
        Versus received = new Versus("reactor-kafka receives, " + bytes + " B", "M msg/s");
        Versus receivedCpu = new Versus("reactor-kafka receives, " + bytes + " B: its CPU", "s a M");
        trials(warmups, (broker, ours, measured) -> {
            String topic = rig.name("bench");
            rig.ask("create", broker.bootstrap(), topic, 1);
            String rest = " " + broker.bootstrap() + " " + topic + " " + messages + " " + bytes;
            Usage sending = rig.new Usage(client);
            client.say("send" + rest);
            double sendSeconds = Double.parseDouble(client.hear());
            sending.stop();
            Usage receiving = rig.new Usage(client);
            client.say("receive" + rest);
            double receiveSeconds = Double.parseDouble(client.hear());
            receiving.stop();
            if (measured) {
                sent.add(ours, millions / sendSeconds, sending.others());
                sentCpu.add(ours, sending.used().processSeconds() / millions, sending.others());
                received.add(ours, millions / receiveSeconds, receiving.others());
                receivedCpu.add(ours, receiving.used().processSeconds() / millions, receiving.others());
            }
            rig.ask("delete", broker.bootstrap(), topic);
        });
        rig.stop(client);
        return List.of(sent, sentCpu, received, receivedCpu);
    }

    /** CPU time first: it is the fairest on a machine that client and server share. */
    private static final class Throughput {

        private final Versus cpu;
        private final Versus user;
        private final Versus rate;

        Throughput(String what, int bytes) {
            String size = what + ", " + (bytes == 1024 ? "1 KiB" : bytes + " B");
            cpu = new Versus(size + ": broker CPU", "s a M");
            user = new Versus(size + ": broker CPU, user", "s a M");
            rate = new Versus(size, "M msg/s");
        }

        void add(boolean ours, boolean measured, Usage usage, double millions, double seconds) {
            if (measured) {
                cpu.add(ours, usage.used().processSeconds() / millions, usage.others());
                user.add(ours, usage.used().processUserSeconds() / millions, usage.others());
                rate.add(ours, millions / seconds, usage.others());
            }
        }

        List<Versus> all() {
            return List.of(cpu, user, rate);
        }
    }

    /**
     * A record at a time, which the consumer has before the next is sent. The floor stands in the column of ours.
     *
     * @param between so many messages are produced and consumed before each run, as when the peers' figures were taken; 0: none
     */
    List<Versus> latency(int records, int bytes, int between) throws Exception {
        String when = between == 0 ? "" : " between " + between / 1e6 + " M";
        List<Versus> figures = List.of(
                new Versus("produce to acknowledged" + when + ", p50", "us"),
                new Versus("produce to acknowledged" + when + ", p99", "us"),
                new Versus("produce to consume" + when + ", p50", "us"),
                new Versus("produce to consume" + when + ", p99", "us"));
        String topic = rig.name("bench");
        for (WireBroker broker : rig.lasting().values()) {
            rig.ask("create", broker.bootstrap(), topic, 1);
        }
        Versus cpu = new Versus("a record's way" + when + ": broker CPU", "us");
        trials(warmups, (broker, ours, measured) -> {
            if (between > 0) {
                rig.ask("produce", broker.bootstrap(), topic, between, bytes);
                rig.ask("consume", broker.bootstrap(), topic, between);
            }
            Usage usage = rig.new Usage(broker.jvm);
            double[] times = rig.askFigures("latency", broker, topic, records, bytes);
            usage.stop();
            if (measured) {
                for (int i = 0; i < times.length; i++) {
                    figures.get(i).add(ours, times[i], usage.others());
                }
                cpu.add(ours, usage.used().processSeconds() / records * 1e6, usage.others());
            }
        });
        Versus half = new Versus("bare reactor-netty echo, p50", "us");
        Versus most = new Versus("bare reactor-netty echo, p99", "us");
        Jvm echo = rig.echo();
        for (int i = 0; i < runs; i++) {
            Usage usage = rig.new Usage(echo);
            echo.say(records + " " + bytes);
            double[] times = WireRig.figures(echo.hear());
            usage.stop();
            half.add(true, times[0], usage.others());
            most.add(true, times[1], usage.others());
        }
        rig.stop(echo);
        List<Versus> all = new ArrayList<>(figures);
        all.addAll(List.of(cpu, half, most));
        return all;
    }

    /** A group from the subscription of its first consumer to that one's first record; a group of one is as small as they come. */
    List<Versus> group() throws Exception {
        List<Versus> all = new ArrayList<>();
        String topic = rig.name("bench");
        for (WireBroker broker : rig.lasting().values()) {
            rig.ask("create", broker.bootstrap(), topic, 1);
            rig.ask("fill", broker.bootstrap(), topic, 1);
        }
        for (String protocol : List.of("consumer", "classic")) {
            Versus start = new Versus("group start to first record, " + protocol + " protocol", "ms");
            trials(warmups, (broker, ours, measured) -> {
                Usage usage = rig.new Usage(broker.jvm);
                double millis = rig.askFigures("group", broker, topic, protocol)[0];
                usage.stop();
                if (measured) {
                    start.add(ours, millis, usage.others());
                }
            });
            all.add(start);
        }
        return all;
    }

    /** With nothing connected, and with a consumer that waits for a record. Both brokers at once: they do not disturb each other. */
    List<Versus> idle(int seconds) throws Exception {
        Versus alone = new Versus("idle: broker CPU", "% of a core");
        Versus followed = new Versus("idle, with a consumer: broker CPU", "% of a core");
        String topic = rig.name("bench");
        for (WireBroker broker : rig.lasting().values()) {
            rig.ask("create", broker.bootstrap(), topic, 1);
        }
        pause(settlingSeconds);
        for (int i = 0; i < runs; i++) {
            idle(alone, seconds);
        }
        for (WireBroker broker : rig.lasting().values()) {
            rig.ask("follow", broker.bootstrap(), topic);
        }
        pause(settlingSeconds);
        for (int i = 0; i < runs; i++) {
            idle(followed, seconds);
        }
        for (WireBroker broker : rig.lasting().values()) {
            rig.ask("unfollow", broker.bootstrap());
        }
        return List.of(alone, followed);
    }

    private void idle(Versus figures, int seconds) throws Exception {
        List<Usage> usages = new ArrayList<>();
        List<Boolean> ours = new ArrayList<>();
        for (Map.Entry<WireBroker.Kind, WireBroker> each : rig.lasting().entrySet()) {
            usages.add(rig.new Usage(each.getValue().jvm));
            ours.add(rig.isOurs(each.getKey()));
        }
        pause(seconds);
        for (int i = 0; i < usages.size(); i++) {
            Usage usage = usages.get(i).stop();
            figures.add(ours.get(i), 100 * usage.used().processSeconds() / usage.seconds(), usage.others());
        }
    }

    private static void pause(int seconds) throws InterruptedException {
        TimeUnit.SECONDS.sleep(seconds);
    }
}
