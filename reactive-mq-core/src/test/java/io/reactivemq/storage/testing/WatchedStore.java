package io.reactivemq.storage.testing;

import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StoredFile;
import java.io.IOException;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicLong;

/** A store that counts the calls of another by name, those of its files too, and fails one on request. */
public final class WatchedStore {

    private final FileStore store;
    private final ConcurrentMap<String, Integer> counts = new ConcurrentHashMap<>();
    private final ConcurrentMap<String, Throwable> failures = new ConcurrentHashMap<>();
    private final ConcurrentMap<String, Runnable> actions = new ConcurrentHashMap<>();
    private final AtomicLong bytesRead = new AtomicLong();

    public WatchedStore(FileStore target) {
        this.store = watch(FileStore.class, target);
    }

    /** The store to hand in. */
    public FileStore store() {
        return store;
    }

    /** How often an operation was called so far. */
    public int count(String operation) {
        return counts.getOrDefault(operation, 0);
    }

    /** How many bytes were read so far. */
    public long bytesRead() {
        return bytesRead.get();
    }

    /** The next call of that operation fails as a broken disk would make it fail. */
    public void failNext(String operation, Throwable failure) {
        failures.put(operation, failure);
    }

    /** Runs before the next call of that operation. */
    public void beforeNext(String operation, Runnable action) {
        actions.put(operation, action);
    }

    private <T> T watch(Class<T> type, T target) {
        InvocationHandler handler = (proxy, method, args) -> {
            counts.merge(method.getName(), 1, Integer::sum);
            Runnable action = actions.remove(method.getName());
            if (action != null) {
                action.run();
            }
            Throwable failure = failures.remove(method.getName());
            if (failure != null) {
                throw failure;
            }
            try {
                Object result = method.invoke(target, args);
                if (result instanceof ByteBuffer bytes) {
                    bytesRead.addAndGet(bytes.remaining());
                }
                return result instanceof StoredFile file ? watch(StoredFile.class, file) : result;
            } catch (InvocationTargetException e) {
                throw e.getCause() == null ? new IOException(e) : e.getCause();
            }
        };
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
    }
}
