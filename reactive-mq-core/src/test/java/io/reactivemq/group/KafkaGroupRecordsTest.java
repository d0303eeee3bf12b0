package io.reactivemq.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.coordinator.CoordinatorRecord;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Reads the records of all transcripts with the classes of Kafka's own group coordinator, on a class path of their own. */
class KafkaGroupRecordsTest {

    /** Where the build puts Kafka's libraries. */
    private static final Path TOOL = Path.of("target", "kafka-tools");

    private static final String GENERATED = "org.apache.kafka.coordinator.group.generated.";

    private static final Map<Integer, String> NAMES = Map.of(
            1, "OffsetCommit",
            2, "GroupMetadata",
            3, "ConsumerGroupMetadata",
            5, "ConsumerGroupMemberMetadata",
            6, "ConsumerGroupTargetAssignmentMetadata",
            7, "ConsumerGroupTargetAssignmentMember",
            8, "ConsumerGroupCurrentMemberAssignment");

    @Test
    @DisplayName("K25 Kafka's classes read each record of groups, members and offsets, and write the same bytes")
    void kafkaReadsThem() throws Exception {
        List<URL> urls = new ArrayList<>();
        try (Stream<Path> jars = Files.list(TOOL)) {
            for (Path jar : jars.toList()) {
                urls.add(jar.toUri().toURL());
            }
        }
        Set<Integer> seen = new HashSet<>();
        try (URLClassLoader kafka = new URLClassLoader(urls.toArray(new URL[0]), ClassLoader.getPlatformClassLoader());
                Stream<String> scenarios = TranscriptsTest.scenarios()) {
            for (String scenario : scenarios.toList()) {
                Transcript transcript = new Transcript();
                transcript.play(Files.readAllLines(TranscriptsTest.folder().resolve(scenario)));
                for (CoordinatorRecord written : transcript.records()) {
                    ByteBuffer key = ByteBuffer.wrap(written.key());
                    int kind = key.getShort();
                    String name = NAMES.get(kind);
                    assertSame(kafka, name + "Key", (short) 0, key);
                    byte[] value = written.value();
                    if (value != null) {
                        ByteBuffer content = ByteBuffer.wrap(value);
                        assertSame(kafka, name + "Value", content.getShort(), content);
                        seen.add(kind);
                    }
                }
            }
        }
        assertThat(seen).isEqualTo(NAMES.keySet());
    }

    private static void assertSame(ClassLoader kafka, String name, short version, ByteBuffer bytes) throws Exception {
        Class<?> accessor = kafka.loadClass("org.apache.kafka.common.protocol.ByteBufferAccessor");
        Class<?> readable = kafka.loadClass("org.apache.kafka.common.protocol.Readable");
        Class<?> writable = kafka.loadClass("org.apache.kafka.common.protocol.Writable");
        Class<?> cacheType = kafka.loadClass("org.apache.kafka.common.protocol.ObjectSerializationCache");
        Class<?> type = kafka.loadClass(GENERATED + name);
        ByteBuffer expected = bytes.slice();
        Object message = type.getConstructor(readable, short.class)
                .newInstance(accessor.getConstructor(ByteBuffer.class).newInstance(bytes), version);
        assertThat(bytes.remaining()).as("bytes that %s has not read", message).isZero();

        Object cache = cacheType.getConstructor().newInstance();
        int size = (int) type.getMethod("size", cacheType, short.class).invoke(message, cache, version);
        ByteBuffer again = ByteBuffer.allocate(size);
        type.getMethod("write", writable, cacheType, short.class)
                .invoke(message, accessor.getConstructor(ByteBuffer.class).newInstance(again), cache, version);
        assertThat(again.flip()).as("%s", message).isEqualTo(expected);
    }
}
