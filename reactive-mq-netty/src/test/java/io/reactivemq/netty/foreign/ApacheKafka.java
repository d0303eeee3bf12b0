package io.reactivemq.netty.foreign;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/** Hands tests a node of Apache Kafka, one for all of them: started for the first, ended behind the last. They share it as {@link SharedTarget} says, or use names of their own. */
public final class ApacheKafka implements ParameterResolver {

    private static final Namespace NAMESPACE = Namespace.create(ApacheKafka.class);

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        return parameter.getParameter().getType() == KafkaPeer.Node.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        return context.getRoot()
                .getStore(NAMESPACE)
                .computeIfAbsent(Started.class, key -> Started.now(), Started.class)
                .node();
    }

    /** Closed by JUnit behind the last test. */
    private record Started(KafkaPeer.Node node, Path directory) implements AutoCloseable {

        static Started now() {
            try {
                Path directory = Files.createTempDirectory("apache-kafka");
                return new Started(KafkaPeer.Node.start(directory), directory);
            } catch (Exception e) {
                throw new IllegalStateException("Apache Kafka does not start", e);
            }
        }

        @Override
        public void close() throws IOException {
            node.close();
            List<Path> files;
            try (Stream<Path> all = Files.walk(directory)) {
                files = all.sorted(Comparator.reverseOrder()).toList();
            } catch (UncheckedIOException e) {
                throw e.getCause();
            }
            for (Path file : files) {
                Files.deleteIfExists(file);
            }
        }
    }
}
