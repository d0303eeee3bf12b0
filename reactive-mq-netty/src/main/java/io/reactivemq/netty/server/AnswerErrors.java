package io.reactivemq.netty.server;

import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.kafka.common.protocol.Message;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Finds the errors that an answer tells: the {@code errorCode} of itself, and of its topics, partitions, groups, wherever they are. Where to look is found
 * out once for each class of messages, by its fields; so no API can be forgotten.
 */
final class AnswerErrors {

    private static final MethodHandles.Lookup LOOKUP = MethodHandles.publicLookup();

    /** What such fields are called; the second in AddPartitionsToTxn. */
    private static final Set<String> CODES = Set.of("errorCode", "partitionErrorCode");

    private static final ClassValue<Place> PLACES = new ClassValue<>() {
        @Override
        protected Place computeValue(Class<?> type) {
            return placeOf(type);
        }
    };

    private AnswerErrors() {}

    /** Hands over each number of an error in an answer; an answer of several parts may have the same several times. */
    static void of(ApiMessage answer, IntConsumer errors) {
        try {
            PLACES.get(answer.getClass()).visit(answer, errors);
        } catch (Throwable e) {
            // getters of generated classes: they have no reason to
            throw new IllegalStateException("the errors of " + answer.getClass().getSimpleName(), e);
        }
    }

    /**
     * What a class of messages has to tell of errors.
     *
     * @param code its own; null: it has none
     * @param parts getters of those that may have more: a message or a collection of them
     */
    private record Place(@Nullable MethodHandle code, List<MethodHandle> parts) {

        void visit(Object message, IntConsumer errors) throws Throwable {
            if (code != null) {
                int number = (int) code.invokeExact(message);
                if (number != 0) {
                    errors.accept(number);
                }
            }
            for (MethodHandle getter : parts) {
                Object part = getter.invokeExact(message);
                if (part instanceof Collection<?> several) {
                    for (Object one : several) {
                        PLACES.get(one.getClass()).visit(one, errors);
                    }
                } else if (part != null) {
                    PLACES.get(part.getClass()).visit(part, errors);
                }
            }
        }

        boolean isEmpty() {
            return code == null && parts.isEmpty();
        }
    }

    private static Place placeOf(Class<?> type) {
        MethodHandle code = null;
        List<MethodHandle> parts = new ArrayList<>();
        for (Field field : type.getDeclaredFields()) {
            if (Modifier.isStatic(field.getModifiers())) {
                continue;
            }
            Class<?> part = partOf(field);
            if (CODES.contains(field.getName())) {
                code = getter(type, field, int.class);
            } else if (part != null && !PLACES.get(part).isEmpty()) {
                parts.add(getter(type, field, Object.class));
            }
        }
        return new Place(code, List.copyOf(parts));
    }

    /** Which messages a field has; null: none. */
    private static @Nullable Class<?> partOf(Field field) {
        Class<?> type = field.getType();
        Type generic = Collection.class.isAssignableFrom(type)
                ? type.isInterface() ? field.getGenericType() : type.getGenericSuperclass()
                : type;
        Type part = generic instanceof ParameterizedType parameterized
                ? parameterized.getActualTypeArguments()[0]
                : generic;
        return part instanceof Class<?> found && Message.class.isAssignableFrom(found) ? found : null;
    }

    private static MethodHandle getter(Class<?> type, Field field, Class<?> as) {
        try {
            return LOOKUP.findVirtual(type, field.getName(), MethodType.methodType(field.getType()))
                    .asType(MethodType.methodType(as, Object.class));
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(
                    "the field " + field.getName() + " of " + type.getName() + " has no getter", e);
        }
    }
}
