package io.reactivemq.netty.foreign;

import static java.util.concurrent.TimeUnit.SECONDS;

import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.errors.ApiException;

/**
 * A server that many tests use, one after the other: topics and groups are deleted before each of them, and behind it.
 *
 * @param bootstrap its address
 * @param deletesLater whether a topic that is deleted may be seen for a moment more
 */
public record SharedTarget(String bootstrap, boolean deletesLater) implements Target {

    /** Empties it for who comes now. */
    public static SharedTarget emptied(String bootstrap) throws Exception {
        return emptied(new SharedTarget(bootstrap, false));
    }

    /** {@link #emptied(String)}, of Apache Kafka. */
    public static SharedTarget emptied(KafkaPeer.Node node) throws Exception {
        return emptied(new SharedTarget(node.bootstrap(), true));
    }

    private static SharedTarget emptied(SharedTarget target) throws Exception {
        target.empty();
        return target;
    }

    @Override
    public void close() {
        try {
            empty();
        } catch (Exception e) {
            throw new IllegalStateException(bootstrap + " cannot be emptied", e);
        }
    }

    private void empty() throws Exception {
        try (Admin admin = admin()) {
            Target.eventually(() -> {
                Set<String> groups = admin.listGroups().all().get(PATIENCE.toSeconds(), SECONDS).stream()
                        .map(GroupListing::groupId)
                        .collect(Collectors.toSet());
                for (String group : groups) {
                    delete(admin, group);
                }
                Set<String> topics = admin.listTopics().names().get(PATIENCE.toSeconds(), SECONDS);
                for (String topic : topics) {
                    tried(admin.deleteTopics(List.of(topic)).all());
                }
                return groups.isEmpty() && topics.isEmpty();
            });
        }
    }

    /** With its members, of which some may have been killed. */
    private static void delete(Admin admin, String group) throws Exception {
        if (!tried(admin.deleteConsumerGroups(List.of(group)).all())) {
            tried(admin.removeMembersFromConsumerGroup(group, new RemoveMembersFromConsumerGroupOptions())
                    .all());
        }
    }

    /** Whether it was done; what was not, since there was nothing to do, or not yet, is found by the next look. */
    private static boolean tried(KafkaFuture<Void> change) throws Exception {
        try {
            change.get(PATIENCE.toSeconds(), SECONDS);
            return true;
        } catch (ExecutionException e) {
            // the second is what removing none of no members is
            if (e.getCause() instanceof ApiException || e.getCause() instanceof IllegalArgumentException) {
                return false;
            }
            throw e;
        }
    }
}
