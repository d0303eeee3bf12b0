package io.reactivemq.guards;

import java.io.FileDescriptor;
import java.lang.invoke.MethodType;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.util.Set;
import java.util.stream.Stream;
import reactor.blockhound.BlockHound;
import reactor.blockhound.integration.BlockHoundIntegration;

/**
 * Tells BlockHound that calls on files block, which it does not know of {@code FileChannel} and {@code Files} by itself.
 * The public methods are marked, not the natives beneath: those have other names in each JDK, and sockets share some.
 */
public final class FileCallsAreBlocking implements BlockHoundIntegration {

    private static final Set<String> CHANNEL_CALLS =
            Set.of("read", "write", "force", "truncate", "transferTo", "transferFrom", "map", "lock", "tryLock");

    @Override
    public void applyTo(BlockHound.Builder builder) {
        // handing a task to the io threads may park while another thread enqueues; an error thrown from that park
        // would leave the queue's lock broken for every later test
        builder.allowBlockingCallsInside("java.util.concurrent.ThreadPoolExecutor", "execute");
        // threads that have leave to use files while they are quick, see QuickFiles
        builder.allowBlockingCallsInside("io.reactivemq.topic.Partition", "writeQuickly");
        builder.allowBlockingCallsInside("io.reactivemq.topic.LongPoll", "drainQuickly");
        mark(builder, implementationOfFileChannel(), CHANNEL_CALLS);
        mark(builder, FileChannel.class, Set.of("open"));
        mark(builder, FileDescriptor.class, Set.of("sync"));
        for (Method method : Files.class.getMethods()) {
            if (Modifier.isStatic(method.getModifiers())) {
                mark(builder, method);
            }
        }
    }

    private static Class<?> implementationOfFileChannel() {
        try {
            return Class.forName("sun.nio.ch.FileChannelImpl");
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException("this JDK implements FileChannel elsewhere; name that class here", e);
        }
    }

    private static void mark(BlockHound.Builder builder, Class<?> type, Set<String> names) {
        Stream.of(type.getDeclaredMethods())
                .filter(method -> Modifier.isPublic(method.getModifiers()) && !method.isBridge())
                .filter(method -> names.contains(method.getName()))
                .forEach(method -> mark(builder, method));
    }

    private static void mark(BlockHound.Builder builder, Method method) {
        String descriptor = MethodType.methodType(method.getReturnType(), method.getParameterTypes())
                .toMethodDescriptorString();
        builder.markAsBlocking(method.getDeclaringClass(), method.getName(), descriptor);
    }
}
