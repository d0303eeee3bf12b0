package io.reactivemq.examples.parcels;

import static io.reactivemq.examples.parcels.RunningApplication.until;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.ChannelOption;
import io.netty.channel.WriteBufferWaterMark;
import io.reactivemq.broker.OffsetSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.LongStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Subscription;
import org.springframework.boot.reactor.netty.NettyServerCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.http.client.reactive.ReactorClientHttpConnector;
import org.springframework.http.codec.ServerSentEvent;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.core.publisher.BaseSubscriber;
import reactor.netty.http.client.HttpClient;

/** One browser takes nothing for a while; the other takes all at once. */
class SlowBrowserTest {

    private static final int BUFFER = 4;

    /** Many times what buffers of this machine and of the client hold. */
    private static final int POSTED_MAX = 20_000;

    /** Takes what it is told to. */
    private static final class Browser<T> extends BaseSubscriber<T> {

        private final long first;
        private final Queue<T> taken = new ConcurrentLinkedQueue<>();

        Browser(long first) {
            this.first = first;
        }

        @Override
        protected void hookOnSubscribe(Subscription subscription) {
            subscription.request(first);
        }

        @Override
        protected void hookOnNext(T value) {
            taken.add(value);
        }
    }

    @Test
    @DisplayName("M11 a slow browser loses the oldest only, and is told how many; others lose nothing")
    void oldestOnly() {
        int scans = 50;
        try (RunningApplication application =
                new RunningApplication("parcels.partitions=1", "parcels.browser-buffer=" + BUFFER)) {
            Browser<ScanFeed.Item> slow = new Browser<>(1);
            Browser<ScanFeed.Item> fast = new Browser<>(Long.MAX_VALUE);
            ScanFeed feed = application.bean(ScanFeed.class);
            feed.from(OffsetSpec.earliest()).subscribe(slow);
            feed.from(OffsetSpec.earliest()).subscribe(fast);

            for (int n = 1; n <= scans; n++) {
                application.post(new Scan("parcel-" + n, "Basel", Scan.Status.ARRIVED));
                int posted = n;
                until("the fast one has it", () -> fast.taken.size() == posted);
            }
            // it has taken one, and four wait
            until("the slow one has lost the rest", () -> application.dropped() == scans - 1 - BUFFER);
            slow.requestUnbounded();
            until("the slow one has what waited", () -> slow.taken.size() == 1 + BUFFER);

            assertThat(slow.taken).extracting(ScanFeed.Item::offset).containsExactly(0L, 46L, 47L, 48L, 49L);
            assertThat(slow.taken).extracting(ScanFeed.Item::dropped).containsExactly(0L, 45L, 0L, 0L, 0L);
            assertThat(fast.taken)
                    .extracting(ScanFeed.Item::offset)
                    .containsExactlyElementsOf(
                            LongStream.range(0, scans).boxed().toList());
            assertThat(fast.taken).extracting(ScanFeed.Item::dropped).containsOnly(0L);
            slow.cancel();
            fast.cancel();
        }
    }

    /** So little fits into the sockets that a browser that does not read is felt soon. */
    static class SmallSockets {

        static final int BYTES = 4_096;

        @Bean
        NettyServerCustomizer smallSendBuffers() {
            return server -> server.childOption(ChannelOption.SO_SNDBUF, BYTES)
                    .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, new WriteBufferWaterMark(BYTES / 2, BYTES));
        }
    }

    @Test
    @DisplayName(
            "M11 over HTTP: a browser that stops reading sees gaps that add up, and the newest in the end; another one sees all")
    void overHttp() {
        try (RunningApplication application = new RunningApplication(
                List.of(SmallSockets.class), "parcels.partitions=1", "parcels.browser-buffer=" + BUFFER)) {
            Browser<ServerSentEvent<ScanFeed.Item>> slow = new Browser<>(1);
            Browser<ServerSentEvent<ScanFeed.Item>> fast = new Browser<>(Long.MAX_VALUE);
            application
                    .browser(WebClient.builder()
                            .clientConnector(new ReactorClientHttpConnector(
                                    HttpClient.create().option(ChannelOption.SO_RCVBUF, SmallSockets.BYTES))))
                    .subscribe(slow);
            application.browser().subscribe(fast);

            int posted = 0;
            while (application.dropped() < 20) {
                assertThat(posted).as("posted while nothing is read").isLessThan(POSTED_MAX);
                application.post(new Scan("parcel-" + posted, "Basel", Scan.Status.ARRIVED));
                int all = ++posted;
                until("the fast one has it", () -> fast.taken.size() == all);
            }
            slow.requestUnbounded();
            int all = posted;
            until(
                    "the slow one has or has lost all",
                    () -> slow.taken.stream()
                                    .mapToLong(event -> 1 + item(event).dropped())
                                    .sum()
                            == all);

            long next = 0;
            for (ServerSentEvent<ScanFeed.Item> event : slow.taken) {
                assertThat(item(event).offset()).isGreaterThanOrEqualTo(next);
                next = item(event).offset() + 1;
            }
            assertThat(next).as("it has the newest").isEqualTo(all);
            List<Long> seen = new ArrayList<>();
            fast.taken.forEach(event -> seen.add(item(event).offset()));
            assertThat(seen)
                    .containsExactlyElementsOf(LongStream.range(0, all).boxed().toList());
            slow.cancel();
            fast.cancel();
        }
    }

    private static ScanFeed.Item item(ServerSentEvent<ScanFeed.Item> event) {
        return Objects.requireNonNull(event.data());
    }
}
