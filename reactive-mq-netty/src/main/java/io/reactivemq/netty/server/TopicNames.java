package io.reactivemq.netty.server;

import io.reactivemq.MqException;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.TopicDescription;
import io.reactivemq.kafka.common.Uuid;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The names of topics by their ids, for the requests that name topics by id alone. What was found once is remembered, since an id never means another
 * topic.
 */
final class TopicNames {

    /** Ids of topics that are gone stay; beyond this many all are forgotten and found again. */
    private static final int REMEMBERED_MAX = 100_000;

    private final Broker broker;
    private final Map<UUID, String> remembered = new ConcurrentHashMap<>();

    TopicNames(Broker broker) {
        this.broker = broker;
    }

    static UUID javaId(Uuid id) {
        return new UUID(id.getMostSignificantBits(), id.getLeastSignificantBits());
    }

    static Uuid kafkaId(UUID id) {
        return new Uuid(id.getMostSignificantBits(), id.getLeastSignificantBits());
    }

    /**
     * The names of the topics that have these ids now; an id without a topic is not in the map, and neither is the zero id. Costs a look at each topic:
     * where the broker itself compares ids, {@link #rememberedNamesOf} is enough.
     */
    Mono<Map<Uuid, String>> namesOf(Caller caller, Collection<Uuid> ids) {
        return rememberedNamesOf(caller, ids)
                .flatMap(names -> names.isEmpty()
                        ? Mono.just(names)
                        : Flux.fromIterable(names.entrySet())
                                .concatMap(topic -> broker.describeTopic(caller, topic.getValue())
                                        .filter(now -> now.topicId().equals(javaId(topic.getKey())))
                                        .map(now -> topic)
                                        .onErrorResume(MqException.class, gone -> Mono.empty()))
                                .collectMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    /** The names that topics with these ids have or had: one may be gone, and its name another topic's. */
    Mono<Map<Uuid, String>> rememberedNamesOf(Caller caller, Collection<Uuid> ids) {
        Set<Uuid> wanted = new HashSet<>(ids);
        wanted.remove(Uuid.ZERO_UUID);
        if (wanted.isEmpty()) {
            return Mono.just(Map.of());
        }
        Map<Uuid, String> names = new HashMap<>();
        for (Uuid id : wanted) {
            String name = remembered.get(javaId(id));
            if (name != null) {
                names.put(id, name);
            }
        }
        if (names.size() == wanted.size()) {
            return Mono.just(names);
        }
        return broker.listTopics(caller).map(topics -> {
            if (remembered.size() > REMEMBERED_MAX) {
                remembered.clear();
            }
            for (TopicDescription topic : topics) {
                remembered.put(topic.topicId(), topic.name());
                Uuid id = kafkaId(topic.topicId());
                if (wanted.contains(id)) {
                    names.put(id, topic.name());
                }
            }
            return names;
        });
    }
}
