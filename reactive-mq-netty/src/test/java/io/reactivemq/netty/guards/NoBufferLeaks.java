package io.reactivemq.netty.guards;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.util.ResourceLeakDetector;
import io.netty.util.ResourceLeakDetectorFactory;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** A Netty buffer that is garbage before it was released fails the class after whose tests it is found. Each buffer is tracked (paranoid). */
public final class NoBufferLeaks implements BeforeAllCallback, AfterAllCallback {

    private static final List<String> LEAKS = new CopyOnWriteArrayList<>();

    /** Leaks are reported as buffers are allocated, once the collector has found them. */
    private static final int ALLOCATIONS = 32;

    static {
        // before Netty's buffers make their detectors
        ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.PARANOID);
        ResourceLeakDetectorFactory.setResourceLeakDetectorFactory(new ResourceLeakDetectorFactory() {
            @Override
            @SuppressWarnings("deprecation") // abstract there, so it has to be here
            public <T> ResourceLeakDetector<T> newResourceLeakDetector(
                    Class<T> resource, int samplingInterval, long maxActive) {
                return new Recording<>(resource, samplingInterval);
            }
        });
    }

    @Override
    public void beforeAll(ExtensionContext context) {
        // loading this class was what was to be done
    }

    @Override
    public void afterAll(ExtensionContext context) {
        List<String> found = findLeaks();
        if (!found.isEmpty()) {
            throw new AssertionError(found.size() + " buffers were not released, the first: " + found.get(0));
        }
    }

    /** The leaks that can be found now, which are then forgotten. */
    static List<String> findLeaks() {
        System.gc();
        for (int i = 0; i < ALLOCATIONS; i++) {
            ByteBuf buffer = PooledByteBufAllocator.DEFAULT.buffer(16);
            buffer.release();
        }
        List<String> found = List.copyOf(LEAKS);
        LEAKS.clear();
        return found;
    }

    private static final class Recording<T> extends ResourceLeakDetector<T> {

        Recording(Class<?> resource, int samplingInterval) {
            super(resource, samplingInterval);
        }

        @Override
        protected boolean needReport() {
            return true;
        }

        @Override
        protected void reportTracedLeak(String resourceType, String records) {
            LEAKS.add(resourceType + records);
        }

        @Override
        protected void reportUntracedLeak(String resourceType) {
            LEAKS.add(resourceType);
        }
    }
}
