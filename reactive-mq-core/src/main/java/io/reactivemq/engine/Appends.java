package io.reactivemq.engine;

import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Caller;
import io.reactivemq.log.AppendInfo;
import io.reactivemq.log.LogConfig.RecordCheck;
import io.reactivemq.topic.AppendListener;
import io.reactivemq.topic.Partition;
import java.nio.ByteBuffer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;

/** Appends to partitions as Monos. */
final class Appends {

    private static final Logger LOG = LoggerFactory.getLogger(Appends.class);

    private Appends() {}

    /** What comes from outside of this JVM is looked at record by record. */
    static Mono<AppendResult> append(Caller caller, Partition target, ByteBuffer records, Acks acks) {
        RecordCheck check = caller.isEmbedded() ? RecordCheck.BATCH : RecordCheck.RECORDS;
        if (acks == Acks.NONE) {
            return Mono.fromSupplier(() -> {
                target.append(records, acks, check, new Unheard(target.id()));
                return new AppendResult(-1, -1, target.logStartOffset());
            });
        }
        return Mono.create(sink -> target.append(records, acks, check, new AppendListener() {
            @Override
            public void onAppended(AppendInfo info) {
                sink.success(new AppendResult(info.baseOffset(), info.logAppendTimeMs(), target.logStartOffset()));
            }

            @Override
            public void onFailed(MqException error) {
                sink.error(error);
            }
        }));
    }

    /** Hears of an append for which its sender did not want to wait. */
    private record Unheard(TopicPartition partition) implements AppendListener {
        @Override
        public void onAppended(AppendInfo info) {}

        @Override
        public void onFailed(MqException error) {
            LOG.debug("an append to {} with acks=0 failed", partition, error);
        }
    }
}
