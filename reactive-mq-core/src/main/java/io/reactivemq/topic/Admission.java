package io.reactivemq.topic;

/** Decides whether an append may be written now. In memory it holds the broker's byte bound; on files it is always open. */
public interface Admission {

    /** Lets everything in. */
    Admission OPEN = new Admission() {
        @Override
        public boolean tryAdmit(Partition partition, int bytes) {
            return true;
        }

        @Override
        public void onFreed(long bytes) {}
    };

    /**
     * Takes room for that many bytes. On false the partition keeps the append, and all behind it, in order, until {@link
     * Partition#resume()} is called; the implementation remembers to do so.
     */
    boolean tryAdmit(Partition partition, int bytes);

    /** That many bytes, admitted before, have left the log. */
    void onFreed(long bytes);
}
