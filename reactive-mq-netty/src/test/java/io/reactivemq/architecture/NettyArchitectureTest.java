package io.reactivemq.architecture;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The server on Netty keeps the rules of the house:")
class NettyArchitectureTest {

    private static final String ROOT = "io.reactivemq.netty";
    private static final String VOCABULARY = "io.reactivemq";
    private static final String BROKER = "io.reactivemq.broker";
    private static final String RECORD = "io.reactivemq.record";
    private static final String KAFKAS_MESSAGES = "io.reactivemq.kafka..";
    private static final String PROTOCOL = ROOT + ".protocol";
    private static final String SECURITY = ROOT + ".security";

    private static final JavaClasses NETTY = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages(ROOT);

    private final HouseRules rules = new HouseRules(ROOT);

    @Test
    @DisplayName("packages do not form cycles")
    void noCycles() {
        rules.noCycles().check(NETTY);
    }

    @Test
    @DisplayName("a room imports only rooms below it")
    void layers() {
        rules.packagesImportOnly(Map.of(
                        PROTOCOL,
                        Set.of(VOCABULARY, BROKER, KAFKAS_MESSAGES),
                        SECURITY,
                        Set.of(VOCABULARY, BROKER),
                        ROOT + ".server",
                        Set.of(VOCABULARY, BROKER, RECORD, PROTOCOL, SECURITY, KAFKAS_MESSAGES)))
                .check(NETTY);
    }

    @Test
    @DisplayName("clocks, threads and chance come from MqRuntime; what attackers must not foresee from Secrets")
    void machine() {
        rules.machineIsReachedOnlyBy(Set.of(SECURITY + ".Secrets")).check(NETTY);
    }

    @Test
    @DisplayName("nothing waits for a publisher")
    void waiting() {
        rules.nothingWaits().check(NETTY);
    }

    @Test
    @DisplayName("nothing prints")
    void printing() {
        rules.nothingIsPrinted().check(NETTY);
    }

    @Test
    @DisplayName("each package has a package-info and is null-marked")
    void packageInfo() {
        rules.packagesAreDescribedAndNullMarked().check(NETTY);
    }
}
