package io.reactivemq.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchRule;
import io.reactivemq.architecture.fixture.log.ReachesForTheMachine;
import java.lang.reflect.Method;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each rule, tried on a small house that breaks it. A rule that cannot fail guards nothing. */
@DisplayName("Each rule of the house notices the house that breaks it:")
class ArchitectureRulesCanFailTest {

    private static final String ROOT = ArchitectureRulesCanFailTest.class.getPackageName() + ".fixture";
    private static final JavaClasses HOUSE = new ClassFileImporter().importPackages(ROOT);

    private final HouseRules rules = new HouseRules(ROOT);

    @Test
    @DisplayName("two packages that import each other")
    void noCycles() {
        assertThat(violations(rules.noCycles())).anyMatch(line -> line.contains("storage") && line.contains("log"));
    }

    @Test
    @DisplayName("an import upwards, an import across the towers, a package nobody placed; nothing else")
    void layers() {
        assertThat(violations(rules.roomsImportOnlyWhatLiesBelow()))
                .anyMatch(line -> line.startsWith("STORAGE may not import " + ROOT + ".log"))
                .anyMatch(line -> line.startsWith("CONSUME may not import " + ROOT + ".log"))
                .anyMatch(line -> line.equals(ROOT + ".attic.Nobody lives in a package that has no row in Room"))
                .allMatch(line -> line.startsWith("STORAGE may not")
                        || line.startsWith("CONSUME may not")
                        || line.contains(".attic."));
    }

    @Test
    @DisplayName("an import that is not named for a package, a package for which none is named; nothing else")
    void imports() {
        ArchRule rule = rules.packagesImportOnly(Map.of(
                ROOT,
                Set.of(),
                ROOT + ".storage",
                Set.of("io.reactivemq"),
                ROOT + ".log",
                Set.of("io.reactivemq.."),
                ROOT + ".consume",
                Set.of(ROOT + ".log"),
                ROOT + ".produce",
                Set.of(ROOT + ".record"),
                ROOT + ".record",
                Set.of()));
        assertThat(violations(rule))
                .anyMatch(line -> line.startsWith(ROOT + ".storage may not import " + ROOT + ".log"))
                .anyMatch(line -> line.equals(ROOT + ".attic.Nobody lives in a package for which nothing is named"))
                .allMatch(line -> line.startsWith(ROOT + ".storage may not") || line.contains(".attic."));
    }

    @Test
    @DisplayName("an internal type as parameter, result, type argument, field, array, exception, supertype")
    void surface() {
        List<String> lines = violations(rules.internalTypesStayInside());
        for (String member : List.of(
                "parameter", "result", "typeArgument", "field", "array", "bound", "exception", "forSubclasses")) {
            assertThat(lines).anyMatch(line -> line.contains(".ShowsInternals." + member) && line.contains(".record."));
        }
        assertThat(lines).anyMatch(line -> line.contains("ShowsInternals$Child shows"));
        assertThat(lines).noneMatch(line -> line.contains("hidden"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("waysToTheMachine")
    @DisplayName("a way around MqRuntime:")
    void machine(String way) {
        assertThat(violations(rules.machineIsReachedThroughTheRuntime()))
                .anyMatch(line -> line.contains(ReachesForTheMachine.class.getSimpleName() + "." + way + "("));
    }

    static Stream<String> waysToTheMachine() {
        return Stream.of(ReachesForTheMachine.class.getDeclaredMethods())
                .filter(method -> !method.isSynthetic())
                .map(Method::getName)
                .sorted();
    }

    @Test
    @DisplayName("but not the runtime itself, and not what is given a scheduler")
    void machineOfTheRuntime() {
        assertThat(violations(rules.machineIsReachedThroughTheRuntime()))
                .noneMatch(line -> line.contains("SystemRuntime") || line.contains("IsGivenAScheduler"));
    }

    @Test
    @DisplayName("files opened outside storage, and only there")
    void files() {
        List<String> lines = violations(rules.filesAreReachedThroughStorage());
        for (String type : List.of("FileChannel", "Files", "FileInputStream", "RandomAccessFile")) {
            assertThat(lines).anyMatch(line -> line.contains("OpensFiles") && line.contains("." + type));
        }
        assertThat(lines).noneMatch(line -> line.contains(ROOT + ".storage"));
    }

    @Test
    @DisplayName("a wait for a publisher outside a method named ...Now")
    void waiting() {
        assertThat(violations(rules.nothingWaits()))
                .anyMatch(line -> line.contains("Waits.forValue("))
                .anyMatch(line -> line.contains("Waits.forEach("))
                .noneMatch(line -> line.contains("Waits.openNow("));
    }

    @Test
    @DisplayName("a line printed")
    void printing() {
        assertThat(violations(rules.nothingIsPrinted())).anyMatch(line -> line.contains("Nobody.prints("));
    }

    @Test
    @DisplayName("a package without package-info, and one that is not null-marked")
    void packageInfo() {
        assertThat(violations(rules.packagesAreDescribedAndNullMarked()))
                .anyMatch(line -> line.contains(".attic."))
                .anyMatch(line -> line.contains(".consume."))
                .noneMatch(line -> line.contains(".storage."));
    }

    private static List<String> violations(ArchRule rule) {
        return rule.evaluate(HOUSE).getFailureReport().getDetails();
    }
}
