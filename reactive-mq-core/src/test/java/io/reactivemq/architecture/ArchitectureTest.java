package io.reactivemq.architecture;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The core keeps the rules of the house:")
class ArchitectureTest {

    private static final String ROOT = "io.reactivemq";

    /** Main classes only; imported once, since that takes most of the time. */
    private static final JavaClasses CORE = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages(ROOT);

    private final HouseRules rules = new HouseRules(ROOT);

    @Test
    @DisplayName("packages do not form cycles")
    void noCycles() {
        rules.noCycles().check(CORE);
    }

    @Test
    @DisplayName("a room imports only rooms below it")
    void layers() {
        rules.roomsImportOnlyWhatLiesBelow().check(CORE);
    }

    @Test
    @DisplayName("types of internal rooms do not appear in public signatures")
    void surface() {
        rules.internalTypesStayInside().check(CORE);
    }

    @Test
    @DisplayName("clocks, threads and chance come from MqRuntime")
    void machine() {
        rules.machineIsReachedThroughTheRuntime().check(CORE);
    }

    @Test
    @DisplayName("files are opened in storage only")
    void files() {
        rules.filesAreReachedThroughStorage().check(CORE);
    }

    @Test
    @DisplayName("nothing waits for a publisher")
    void waiting() {
        rules.nothingWaits().check(CORE);
    }

    @Test
    @DisplayName("nothing prints")
    void printing() {
        rules.nothingIsPrinted().check(CORE);
    }

    @Test
    @DisplayName("each package has a package-info and is null-marked")
    void packageInfo() {
        rules.packagesAreDescribedAndNullMarked().check(CORE);
    }
}
