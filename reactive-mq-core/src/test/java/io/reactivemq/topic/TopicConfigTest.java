package io.reactivemq.topic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import io.reactivemq.log.Compaction;
import io.reactivemq.log.LogConfig;
import io.reactivemq.record.StoredCompression;
import java.io.File;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A topic's settings")
class TopicConfigTest {

    private static final TopicConfig FORCED = new TopicConfig(Durability.FSYNC, LogConfig.defaults());
    private static final TopicConfig BUFFERED = new TopicConfig(Durability.OS_BUFFERED, LogConfig.defaults());
    private static final TopicConfig IN_MEMORY = new TopicConfig(Durability.MEMORY, LogConfig.defaults());

    @Test
    @DisplayName("have Kafka's names and defaults")
    void defaults() {
        assertThat(BUFFERED.asText())
                .containsEntry("cleanup.policy", "delete")
                .containsEntry("compression.type", "producer")
                .containsEntry("compression.gzip.level", "-1")
                .containsEntry("compression.lz4.level", "9")
                .containsEntry("compression.zstd.level", "3")
                .containsEntry("delete.retention.ms", "86400000")
                .containsEntry("durability", "os-buffered")
                .containsEntry("flush.messages", "9223372036854775807")
                .containsEntry("flush.ms", "9223372036854775807")
                .containsEntry("index.interval.bytes", "4096")
                .containsEntry("max.compaction.lag.ms", "9223372036854775807")
                .containsEntry("max.message.bytes", "1048588")
                .containsEntry("message.timestamp.after.max.ms", "3600000")
                .containsEntry("message.timestamp.before.max.ms", "9223372036854775807")
                .containsEntry("message.timestamp.type", "CreateTime")
                .containsEntry("min.insync.replicas", "1")
                .containsEntry("min.cleanable.dirty.ratio", "0.5")
                .containsEntry("min.compaction.lag.ms", "0")
                .containsEntry("retention.bytes", "-1")
                .containsEntry("retention.ms", "604800000")
                .containsEntry("retention.records", "-1")
                .containsEntry("segment.bytes", "1073741824")
                .containsEntry("segment.ms", "604800000")
                .hasSize(23);
    }

    @Test
    @DisplayName("are what their texts say, each of them")
    void texts() {
        Map<String, String> given = new HashMap<>(Map.of(
                "cleanup.policy", "compact,delete",
                "delete.retention.ms", "1",
                "durability", "os-buffered",
                "flush.messages", "2",
                "flush.ms", "3",
                "index.interval.bytes", "4",
                "max.compaction.lag.ms", "5",
                "max.message.bytes", "6",
                "message.timestamp.type", "LogAppendTime"));
        given.putAll(Map.of(
                "min.cleanable.dirty.ratio", "0.75",
                "min.compaction.lag.ms", "5",
                "retention.bytes", "8",
                "retention.ms", "9",
                "retention.records", "10",
                "segment.bytes", "1024",
                "segment.ms", "12"));
        given.putAll(Map.of(
                "message.timestamp.after.max.ms", "13",
                "message.timestamp.before.max.ms", "14",
                "min.insync.replicas", "2"));
        given.putAll(Map.of(
                "compression.type", "zstd",
                "compression.gzip.level", "1",
                "compression.lz4.level", "17",
                "compression.zstd.level", "-131072"));

        TopicConfig config = BUFFERED.with(given);

        assertThat(config.asText()).isEqualTo(given);
        assertThat(config.cleanup()).isEqualTo(Set.of(CleanupPolicy.COMPACT, CleanupPolicy.DELETE));
        assertThat(config.compaction()).isEqualTo(new Compaction(1, 0.75, 5, 5));
        assertThat(config.flush()).isEqualTo(new FlushPolicy(2, 3));
        assertThat(config.retention()).isEqualTo(new Retention(9, 8, 10));
        assertThat(config.log())
                .isEqualTo(LogConfig.defaults()
                        .withIndexIntervalBytes(4)
                        .withMaxMessageBytes(6)
                        .withTimestampType(TimestampType.LOG_APPEND_TIME)
                        .withTimestampBounds(14, 13)
                        .withSegmentBytes(1024)
                        .withSegmentMs(12)
                        .withCompression(new StoredCompression(StoredCompression.Type.ZSTD, 1, 17, -131_072)));
    }

    @ParameterizedTest
    @CsvSource(
            value = {
                "cleanup.policy|''",
                "cleanup.policy|delete,",
                "cleanup.policy|keep",
                "compression.type|none",
                "compression.type|GZIP",
                "compression.gzip.level|0",
                "compression.gzip.level|10",
                "compression.lz4.level|18",
                "compression.lz4.level|-1",
                "compression.zstd.level|23",
                "compression.zstd.level|much",
                "delete.retention.ms|-1",
                "durability|sometimes",
                "flush.messages|0",
                "flush.ms|-1",
                "index.interval.bytes|-1",
                "max.compaction.lag.ms|0",
                "max.message.bytes|0",
                "max.message.bytes|2147483648",
                "message.timestamp.type|createtime",
                "min.cleanable.dirty.ratio|-0.1",
                "min.cleanable.dirty.ratio|NaN",
                "min.compaction.lag.ms|-1",
                "retention.bytes|-2",
                "retention.ms|1.5",
                "retention.records|many",
                "segment.bytes|1023",
                "segment.ms|0",
                "no.such.setting|1"
            },
            delimiter = '|')
    @DisplayName("are refused by name, value and what is valid")
    void refused(String name, String value) {
        assertThatThrownBy(() -> BUFFERED.with(Map.of(name, value)))
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.INVALID_CONFIG))
                .hasMessageContaining(name)
                .hasMessageContaining("expected");
    }

    @Test
    @DisplayName("flush.messages of 1 means fsync, and fsync shows it")
    void flushEachMeansFsync() {
        TopicConfig each = BUFFERED.with(Map.of("flush.messages", "1"));
        assertThat(each.durability()).isEqualTo(Durability.FSYNC);
        assertThat(each.asText()).containsEntry("durability", "fsync");

        TopicConfig forced = BUFFERED.with(Map.of("durability", "fsync", "flush.messages", "100"));
        assertThat(forced.durability()).isEqualTo(Durability.FSYNC);
        assertThat(forced.flush().messages()).isEqualTo(1);
        assertThat(FORCED.asText()).containsEntry("flush.messages", "1");

        TopicConfig buffered = FORCED.with(Map.of("durability", "os-buffered"));
        assertThat(buffered.durability()).isEqualTo(Durability.OS_BUFFERED);
        assertThat(buffered.flush().messages()).isEqualTo(FlushPolicy.NEVER);

        TopicConfig overDefault = each.with(Map.of("durability", "os-buffered"));
        assertThat(overDefault.durability()).isEqualTo(Durability.OS_BUFFERED);
        assertThat(FORCED.with(Map.of("flush.messages", "100")).durability()).isEqualTo(Durability.FSYNC);

        assertThatThrownBy(() -> BUFFERED.with(Map.of("durability", "os-buffered", "flush.messages", "1")))
                .hasMessageContaining("durability fsync");
    }

    @ParameterizedTest
    @ValueSource(strings = {"fsync", "os-buffered"})
    @DisplayName("durability is that of the place")
    void durabilityOfThePlace(String level) {
        assertThatThrownBy(() -> IN_MEMORY.with(Map.of("durability", level))).hasMessageContaining("memory");
        assertThatThrownBy(() -> FORCED.with(Map.of("durability", "memory"))).hasMessageContaining("fsync");
        assertThat(IN_MEMORY.with(Map.of("flush.messages", "1")).durability()).isEqualTo(Durability.MEMORY);
    }

    @Test
    @DisplayName("the least lag of compaction is not above the largest")
    void lags() {
        assertThatThrownBy(() -> BUFFERED.with(Map.of("min.compaction.lag.ms", "6", "max.compaction.lag.ms", "5")))
                .hasMessageContaining("min.compaction.lag.ms")
                .hasMessageContaining("5")
                .hasMessageContaining("6");
    }

    @ParameterizedTest
    @CsvSource({
        "snappy, snappy-java, org.xerial.snappy:snappy-java",
        "lz4, lz4-java, at.yawk.lz4:lz4-java",
        "zstd, zstd-jni, com.github.luben:zstd-jni"
    })
    @DisplayName("K20 compression.type is refused where the library for it is missing, which is named")
    void missingLibrary(String type, String jar, String artifact) throws Exception {
        List<URL> others = new ArrayList<>();
        for (String element : List.of(System.getProperty("java.class.path").split(File.pathSeparator, -1))) {
            if (!element.contains(jar)) {
                others.add(new File(element).toURI().toURL());
            }
        }
        try (URLClassLoader without =
                new URLClassLoader(others.toArray(URL[]::new), ClassLoader.getPlatformClassLoader())) {
            assertThat(loadIn(without, type))
                    .contains("INVALID_CONFIG", "compression.type", "'" + type + "'", "needs the library " + artifact);
            assertThat(loadIn(without, "gzip")).as("no library").isEmpty();
        }
        assertThat(load(type)).as("it is there").isEmpty();
    }

    private static String loadIn(ClassLoader loader, String type) throws Exception {
        Method load = loader.loadClass(TopicConfigTest.class.getName()).getDeclaredMethod("load", String.class);
        load.setAccessible(true);
        return String.valueOf(load.invoke(null, type));
    }

    /** Run in a class loader that lacks a library, too. */
    static String load(String type) {
        try {
            BUFFERED.with(Map.of("compression.type", type)).loadLibraries();
            return "";
        } catch (MqException e) {
            return String.valueOf(e);
        }
    }
}
