/**
 * The only door to files. {@link io.reactivemq.storage.FileStore} is the namespace (open, list, rename, delete, force of a
 * directory, lock), {@link io.reactivemq.storage.StoredFile} one open file (write, read, transfer, truncate, force). Two
 * implementations, on disk and in memory, pass one contract test; a test wraps either to record, fail or cut single calls,
 * so every access is one of these calls and no implementation does more behind them.
 *
 * <p>Nothing is memory-mapped: a full disk or a bad sector is then an exception of the call and never a crash of the JVM.
 * Every failure is a {@link io.reactivemq.storage.StorageException}.
 *
 * <p>May import: the vocabulary. Threading: a store serves many threads; a file has one writer and many readers at a time.
 * All calls may block, on the disk's time.
 */
@NullMarked
package io.reactivemq.storage;

import org.jspecify.annotations.NullMarked;
