package io.reactivemq.storage;

/** How a file is opened. */
public enum OpenMode {
    /** For reading; the file must exist. Holds no resource of the operating system until the first read. */
    READ(false),
    /** For writing and reading; the file must exist. Holds no resource of the operating system until it is used. */
    WRITE(true),
    /** For writing and reading; made, empty, if it does not exist. */
    CREATE(true),
    /** For writing and reading; the file must not exist. */
    CREATE_NEW(true);

    private final boolean writable;

    OpenMode(boolean writable) {
        this.writable = writable;
    }

    boolean isWritable() {
        return writable;
    }
}
