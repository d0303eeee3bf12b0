package io.reactivemq;

import java.util.Locale;

/**
 * How the records of a batch are compressed, as a whole ({@code compression.type}). A broker keeps a batch as its producer compressed it, unless the topic's
 * {@code compression.type} names another; whoever reads its records needs the library:
 *
 * <table>
 * <caption>Libraries; none is a dependency of this one</caption>
 * <tr><td>{@link #GZIP}</td><td>part of Java</td></tr>
 * <tr><td>{@link #SNAPPY}</td><td>{@code org.xerial.snappy:snappy-java}</td></tr>
 * <tr><td>{@link #LZ4}</td><td>{@code at.yawk.lz4:lz4-java}</td></tr>
 * <tr><td>{@link #ZSTD}</td><td>{@code com.github.luben:zstd-jni}</td></tr>
 * </table>
 */
public enum Compression {
    NONE(0),
    GZIP(1),
    SNAPPY(2),
    LZ4(3),
    ZSTD(4);

    private final int code;

    Compression(int code) {
        this.code = code;
    }

    /** Kafka's code, as in the attributes of a batch. */
    public int code() {
        return code;
    }

    /** The name in configurations, as Kafka's: {@code none}, {@code gzip}, {@code snappy}, {@code lz4}, {@code zstd}. */
    public String configName() {
        return name().toLowerCase(Locale.ROOT);
    }
}
