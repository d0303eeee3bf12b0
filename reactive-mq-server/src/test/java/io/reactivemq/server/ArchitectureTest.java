package io.reactivemq.server;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.scheduler.Schedulers;

/** A program may wait and open files: its main thread has nothing else to do. */
@DisplayName("The program keeps the rules of the house:")
class ArchitectureTest {

    private static final JavaClasses PROGRAM = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("io.reactivemq.server");

    @Test
    @DisplayName("it sees of the other modules what users see")
    void imports() {
        noClasses()
                .should()
                .dependOnClassesThat(resideInAPackage("io.reactivemq..")
                        .and(DescribedPredicate.not(resideInAnyPackage(
                                "io.reactivemq.server",
                                "io.reactivemq",
                                "io.reactivemq.broker",
                                "io.reactivemq.engine",
                                "io.reactivemq.netty.security",
                                "io.reactivemq.netty.server"))))
                .check(PROGRAM);
    }

    @Test
    @DisplayName("it takes no threads, clocks or chance of its own, but for the thread that stops it")
    void machine() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .belongToAnyOf(Schedulers.class, Executors.class, ThreadLocalRandom.class, UUID.class)
                .orShould()
                .callMethod(System.class, "nanoTime")
                .orShould()
                .callMethod(System.class, "currentTimeMillis")
                .check(PROGRAM);
        noClasses()
                .that()
                .doNotBelongToAnyOf(ServeCommand.class)
                .should()
                .dependOnClassesThat()
                .belongToAnyOf(Thread.class)
                .check(PROGRAM);
    }

    @Test
    @DisplayName("it prints through the command line only")
    void printing() {
        noClasses()
                .should()
                .accessField(System.class, "out")
                .orShould()
                .accessField(System.class, "err")
                .check(PROGRAM);
    }

    @Test
    @DisplayName("its package is null-marked")
    void packageInfo() {
        classes().should().resideInAPackage("io.reactivemq.server").check(PROGRAM);
        assertThat(ServeCommand.class.getPackage().isAnnotationPresent(NullMarked.class))
                .isTrue();
    }
}
