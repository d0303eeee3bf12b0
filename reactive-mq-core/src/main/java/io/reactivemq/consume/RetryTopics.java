package io.reactivemq.consume;

import io.reactivemq.Headers;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The retry topics of a group: {@code <topic>.<group>.retry-1} and so on, one for each delay. All records of one wait equally long, so
 * that the one in front is due first, and its partition waits for it.
 */
final class RetryTopics {

    private static final String SUFFIX = ".retry-";

    private final Set<String> sources;
    private final String group;
    private final List<Duration> delays;

    RetryTopics(Set<String> sources, String group, List<Duration> delays) {
        this.sources = sources;
        this.group = group;
        this.delays = delays;
    }

    /** All of them. */
    Set<String> names() {
        Set<String> names = new LinkedHashSet<>();
        for (String source : sources) {
            for (int stage = 0; stage < delays.size(); stage++) {
                names.add(name(source, stage));
            }
        }
        return names;
    }

    String name(String source, int stage) {
        return source + "." + group + SUFFIX + (stage + 1);
    }

    Duration delay(int stage) {
        return delays.get(stage);
    }

    /** How long a record waits in one of them. */
    Duration delayOf(String topic) {
        return delay(stageOf(topic));
    }

    /** The stage that a record of that topic goes on to; -1 where there is none. */
    int stageAfter(String topic) {
        int stage = stageOf(topic) + 1;
        return stage < delays.size() ? stage : -1;
    }

    /** The receiver's own topic that a retry topic belongs to; itself where it is no retry topic. */
    String sourceOf(String topic) {
        for (String source : sources) {
            if (stageIn(source, topic) >= 0) {
                return source;
            }
        }
        return topic;
    }

    /**
     * Where a record was first that lies in a topic; null where that is no retry topic, or the record has come there another way: anybody can
     * write such headers. It was first in the receiver's own topic, or, where somebody else wrote it there, in an earlier retry topic of it.
     */
    RetryHeaders.@Nullable Origin originOf(String topic, Headers headers) {
        int stage = stageOf(topic);
        RetryHeaders.Origin origin = stage < 0 ? null : RetryHeaders.origin(headers);
        if (origin == null) {
            return null;
        }
        String source = sourceOf(topic);
        String first = origin.partition().topic();
        int firstStage = stageIn(source, first);
        return first.equals(source) || (firstStage >= 0 && firstStage < stage) ? origin : null;
    }

    /** Whether it is one of them. */
    boolean contains(String topic) {
        return stageOf(topic) >= 0;
    }

    private int stageOf(String topic) {
        for (String source : sources) {
            int stage = stageIn(source, topic);
            if (stage >= 0) {
                return stage;
            }
        }
        return -1;
    }

    /** Which of that source's retry topics it is; -1 where it is none. */
    private int stageIn(String source, String topic) {
        for (int stage = 0; stage < delays.size(); stage++) {
            if (topic.equals(name(source, stage))) {
                return stage;
            }
        }
        return -1;
    }
}
