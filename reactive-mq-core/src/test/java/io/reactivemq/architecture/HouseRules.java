package io.reactivemq.architecture;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.AccessTarget.CodeUnitAccessTarget;
import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaCodeUnitAccess;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaMember;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaType;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;

/**
 * The rules of the house, for the packages under a root. The root is a parameter so that the rules can be tried on a small
 * house built to break every one of them.
 */
final class HouseRules {

    /**
     * Public members that show an internal type on purpose, as {@code Class.member}, each with the reason beside it. There
     * are none.
     */
    private static final Set<String> EXPOSED_ON_PURPOSE = Set.of();

    private final String root;

    HouseRules(String root) {
        this.root = root;
    }

    ArchRule noCycles() {
        return slices().matching(root + ".(**)").should().beFreeOfCycles();
    }

    ArchRule roomsImportOnlyWhatLiesBelow() {
        return classes().should(condition("import only rooms below their own", (type, problems) -> {
            Optional<Room> room = Room.of(type, root);
            if (room.isEmpty()) {
                problems.add(type.getName() + " lives in a package that has no row in Room");
                return;
            }
            for (Dependency dependency : type.getDirectDependenciesFromSelf()) {
                JavaClass target = dependency.getTargetClass().getBaseComponentType();
                if (!isInside(target)) {
                    continue;
                }
                boolean allowed =
                        Room.of(target, root).map(room.get()::mayImport).orElse(false);
                if (!allowed) {
                    problems.add(room.get() + " may not import " + target.getPackageName() + ": "
                            + dependency.getDescription());
                }
            }
        }));
    }

    /**
     * For a module whose packages are few: each may import of the project what is named for it.
     *
     * @param allowed packages by package, whole names; {@code ..} at the end means those below it, too
     */
    ArchRule packagesImportOnly(Map<String, Set<String>> allowed) {
        return classes().should(condition("import only what is named for their package", (type, problems) -> {
            String own = type.getPackageName();
            Set<String> rooms = allowed.get(own);
            if (rooms == null) {
                problems.add(type.getName() + " lives in a package for which nothing is named");
                return;
            }
            for (Dependency dependency : type.getDirectDependenciesFromSelf()) {
                String target =
                        dependency.getTargetClass().getBaseComponentType().getPackageName();
                if ((target + ".").startsWith("io.reactivemq.")
                        && !target.equals(own)
                        && rooms.stream().noneMatch(room -> isNamed(target, room))) {
                    problems.add(own + " may not import " + target + ": " + dependency.getDescription());
                }
            }
        }));
    }

    private static boolean isNamed(String target, String room) {
        return room.endsWith("..")
                ? (target + ".").startsWith(room.substring(0, room.length() - 1))
                : target.equals(room);
    }

    ArchRule internalTypesStayInside() {
        return classes()
                .that(DescribedPredicate.describe("are API", type -> isVisible(type) && isIn(type, Room::isPublic)))
                .should(condition("not show types of internal rooms", (type, problems) -> {
                    Stream.concat(type.getSuperclass().stream(), type.getInterfaces().stream())
                            .forEach(parent -> reportInternal(type.getName(), parent, problems));
                    for (JavaMember member : type.getMembers()) {
                        String name = type.getSimpleName() + "." + member.getName();
                        if (!isShown(member) || EXPOSED_ON_PURPOSE.contains(name)) {
                            continue;
                        }
                        signature(member).forEach(part -> reportInternal(member.getFullName(), part, problems));
                    }
                }));
    }

    ArchRule machineIsReachedThroughTheRuntime() {
        return machineIsReachedOnlyBy(Set.of(root + ".SystemRuntime"));
    }

    /** @param runtimes names of outermost classes */
    ArchRule machineIsReachedOnlyBy(Set<String> runtimes) {
        return classes()
                .that(DescribedPredicate.describe("are not the runtime", type -> !runtimes.contains(outermost(type))))
                .should(condition("take clocks, threads and chance from MqRuntime", (type, problems) -> {
                    for (JavaAccess<?> access : type.getAccessesFromSelf()) {
                        if (Machine.isReachedBy(access)) {
                            problems.add(access.getDescription());
                        }
                    }
                }));
    }

    ArchRule filesAreReachedThroughStorage() {
        return noClasses()
                .that()
                .resideOutsideOfPackage(root + ".storage..")
                .should()
                .dependOnClassesThat(DescribedPredicate.describe("open files", HouseRules::opensFiles))
                .orShould()
                .accessClassesThat(DescribedPredicate.describe("are channels of files", HouseRules::isChannelOfFiles));
    }

    /** One that storage has opened may be handed on, to be sent from by the operating system; nobody else uses it. */
    private static boolean isChannelOfFiles(JavaClass type) {
        return type.getPackageName().equals("java.nio.channels")
                && type.getSimpleName().contains("FileChannel");
    }

    private static boolean opensFiles(JavaClass type) {
        if (type.getPackageName().equals("java.io")) {
            return type.getSimpleName().matches("File.*|RandomAccessFile") && !type.isAssignableTo(Throwable.class);
        }
        return Set.of("java.nio.file.Files", "java.nio.file.FileSystem", "java.nio.file.FileSystems")
                .contains(type.getName());
    }

    ArchRule nothingWaits() {
        return classes().should(condition("not wait for a publisher", (type, problems) -> {
            for (JavaCodeUnitAccess<?> access : codeUnitAccesses(type)) {
                boolean waits = access.getTargetOwner().getPackageName().equals("reactor.core.publisher")
                        && access.getName().matches("block|blockOptional|blockFirst|blockLast|toIterable|toStream");
                // a method for main methods says in its name that it waits
                if (waits && !access.getOrigin().getName().endsWith("Now")) {
                    problems.add(access.getDescription());
                }
            }
        }));
    }

    ArchRule nothingIsPrinted() {
        return noClasses().should().accessField(System.class, "out").orShould().accessField(System.class, "err");
    }

    ArchRule packagesAreDescribedAndNullMarked() {
        return classes().should(condition("live in a package with a @NullMarked package-info", (type, problems) -> {
            if (!type.getPackage().isAnnotatedWith(NullMarked.class)) {
                problems.add(type.getName() + ": its package has no package-info with @NullMarked");
            }
        }));
    }

    private void reportInternal(String where, JavaType shown, Problems problems) {
        for (JavaClass part : shown.getAllInvolvedRawTypes()) {
            JavaClass type = part.getBaseComponentType();
            if (isInside(type) && isIn(type, room -> !room.isPublic())) {
                problems.add(where + " shows " + type.getName());
            }
        }
    }

    private static Stream<JavaType> signature(JavaMember member) {
        if (member instanceof JavaField field) {
            return Stream.of(field.getType());
        }
        JavaCodeUnit unit = (JavaCodeUnit) member;
        return Stream.of(
                        unit.getParameterTypes().stream(),
                        Stream.of(unit.getReturnType()),
                        unit.getTypeParameters().stream(),
                        unit.getExceptionTypes().stream())
                .flatMap(types -> types);
    }

    private static boolean isShown(JavaMember member) {
        return member.getModifiers().contains(JavaModifier.PUBLIC)
                || member.getModifiers().contains(JavaModifier.PROTECTED);
    }

    private static boolean isVisible(JavaClass type) {
        boolean shown = type.getModifiers().contains(JavaModifier.PUBLIC)
                || type.getModifiers().contains(JavaModifier.PROTECTED);
        return shown && type.getEnclosingClass().map(HouseRules::isVisible).orElse(true);
    }

    private boolean isIn(JavaClass type, Predicate<Room> rooms) {
        return Room.of(type, root).filter(rooms).isPresent();
    }

    private boolean isInside(JavaClass type) {
        return type.getPackageName().equals(root) || type.getPackageName().startsWith(root + ".");
    }

    private static String outermost(JavaClass type) {
        return type.getEnclosingClass().map(HouseRules::outermost).orElse(type.getName());
    }

    static List<JavaCodeUnitAccess<?>> codeUnitAccesses(JavaClass type) {
        return type.getAccessesFromSelf().stream()
                .filter(JavaCodeUnitAccess.class::isInstance)
                .<JavaCodeUnitAccess<?>>map(access -> (JavaCodeUnitAccess<?>) access)
                .collect(Collectors.toList());
    }

    static boolean takes(CodeUnitAccessTarget target, Class<?> type) {
        return target.getRawParameterTypes().stream().anyMatch(parameter -> parameter.isEquivalentTo(type));
    }

    private static ArchCondition<JavaClass> condition(String description, BiConsumer<JavaClass, Problems> check) {
        return new ArchCondition<>(description) {
            @Override
            public void check(JavaClass type, ConditionEvents events) {
                check.accept(type, problem -> events.add(SimpleConditionEvent.violated(type, problem)));
            }
        };
    }

    private interface Problems {
        void add(String problem);
    }
}
