package io.reactivemq.netty.security;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.broker.AclBinding;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.AclPermission;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ResourcePattern;
import io.reactivemq.broker.ResourceType;
import io.reactivemq.broker.SecurityImage;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("ACLs decide as Kafka's do:")
class AuthorizerTest {

    private static final Caller ALICE = new Caller("User:alice", "c", "/10.0.0.1", "SSL");
    private static final Caller BOB = new Caller("User:bob", "c", "/10.0.0.2", "SSL");
    private static final ResourcePattern ORDERS = ResourcePattern.literal(ResourceType.TOPIC, "orders");
    private static final ResourcePattern ALL = ResourcePattern.literal(ResourceType.TOPIC, "*");
    private static final ResourcePattern PREFIX = ResourcePattern.prefixed(ResourceType.TOPIC, "ord");

    private static Authorizer with(AclBinding... acls) {
        SecurityImage image = new SecurityImage(Set.copyOf(Arrays.asList(acls)), Map.of(), Map.of());
        return new Authorizer(() -> image, List.of("User:admin"), true);
    }

    private static boolean topic(Authorizer authorizer, Caller caller, AclOperation operation, String name) {
        return authorizer.allows(caller, operation, ResourceType.TOPIC, name);
    }

    @Test
    @DisplayName("before any is set all may do all, where no authentication is asked for; then those that are allowed")
    void off() {
        Authorizer open = new Authorizer(() -> SecurityImage.EMPTY, List.of(), false);
        assertThat(topic(open, ALICE, AclOperation.WRITE, "orders")).isTrue();
        SecurityImage image = new SecurityImage(
                Set.of(AclBinding.allow("User:alice", AclOperation.READ, ORDERS)), Map.of(), Map.of());
        Authorizer closed = new Authorizer(() -> image, List.of(), false);
        assertThat(topic(closed, ALICE, AclOperation.READ, "orders")).isTrue();
        assertThat(topic(closed, BOB, AclOperation.READ, "orders")).isFalse();
        assertThat(topic(with(), ALICE, AclOperation.READ, "orders")).isFalse();
    }

    @Test
    @DisplayName("a super user may do what is denied")
    void superUser() {
        Caller admin = new Caller("User:admin", "c", "/10.0.0.9", "SSL");
        Authorizer authorizer = with(AclBinding.deny("User:*", AclOperation.ALL, ALL));
        assertThat(topic(authorizer, admin, AclOperation.WRITE, "orders")).isTrue();
        assertThat(topic(authorizer, ALICE, AclOperation.WRITE, "orders")).isFalse();
    }

    @Test
    @DisplayName("literal, prefix and wildcard patterns cover what they say, for that type alone")
    void patterns() {
        Authorizer literal = with(AclBinding.allow("User:alice", AclOperation.READ, ORDERS));
        assertThat(topic(literal, ALICE, AclOperation.READ, "orders")).isTrue();
        assertThat(topic(literal, ALICE, AclOperation.READ, "orders2")).isFalse();
        assertThat(literal.allows(ALICE, AclOperation.READ, ResourceType.GROUP, "orders"))
                .isFalse();
        Authorizer prefix = with(AclBinding.allow("User:alice", AclOperation.READ, PREFIX));
        assertThat(topic(prefix, ALICE, AclOperation.READ, "orders")).isTrue();
        assertThat(topic(prefix, ALICE, AclOperation.READ, "or")).isFalse();
        Authorizer all = with(AclBinding.allow("User:*", AclOperation.READ, ALL));
        assertThat(topic(all, BOB, AclOperation.READ, "anything")).isTrue();
    }

    @Test
    @DisplayName("who is denied may not, whatever else allows it")
    void denyWins() {
        for (ResourcePattern denied : List.of(ORDERS, ALL, PREFIX)) {
            Authorizer authorizer = with(
                    AclBinding.allow("User:alice", AclOperation.ALL, ORDERS),
                    AclBinding.deny("User:alice", AclOperation.WRITE, denied));
            assertThat(topic(authorizer, ALICE, AclOperation.WRITE, "orders")).isFalse();
            assertThat(topic(authorizer, ALICE, AclOperation.READ, "orders")).isTrue();
        }
    }

    @ParameterizedTest(name = "{0} allowed implies what it does in Kafka; denied it denies itself alone")
    @EnumSource(
            value = AclOperation.class,
            names = {"READ", "WRITE", "DELETE", "ALTER", "ALTER_CONFIGS", "CREATE"})
    void implied(AclOperation operation) {
        boolean describes = operation != AclOperation.ALTER_CONFIGS && operation != AclOperation.CREATE;
        Authorizer allowed = with(AclBinding.allow("User:alice", operation, ORDERS));
        assertThat(topic(allowed, ALICE, AclOperation.DESCRIBE, "orders")).isEqualTo(describes);
        assertThat(topic(allowed, ALICE, AclOperation.DESCRIBE_CONFIGS, "orders"))
                .isEqualTo(operation == AclOperation.ALTER_CONFIGS);
        Authorizer denied = with(
                AclBinding.allow("User:alice", AclOperation.DESCRIBE, ORDERS),
                AclBinding.deny("User:alice", operation, ORDERS));
        assertThat(topic(denied, ALICE, AclOperation.DESCRIBE, "orders")).isTrue();
    }

    @Test
    @DisplayName("a host is an address, or any")
    void hosts() {
        Authorizer authorizer =
                with(new AclBinding(ORDERS, "User:*", "10.0.0.1", AclOperation.READ, AclPermission.ALLOW));
        assertThat(topic(authorizer, ALICE, AclOperation.READ, "orders")).isTrue();
        assertThat(topic(authorizer, BOB, AclOperation.READ, "orders")).isFalse();
        Caller longer = new Caller("User:alice", "c", "/10.0.0.12", "SSL");
        assertThat(topic(authorizer, longer, AclOperation.READ, "orders")).isFalse();
    }

    @Test
    @DisplayName("there may be a topic to write to, unless all that is allowed is denied")
    void any() {
        assertThat(with().allowsAny(ALICE, AclOperation.WRITE, ResourceType.TOPIC))
                .isFalse();
        AclBinding allow = AclBinding.allow("User:alice", AclOperation.WRITE, PREFIX);
        assertThat(with(allow).allowsAny(ALICE, AclOperation.WRITE, ResourceType.TOPIC))
                .isTrue();
        assertThat(with(allow).allowsAny(BOB, AclOperation.WRITE, ResourceType.TOPIC))
                .isFalse();
        assertThat(with(allow, AclBinding.deny("User:*", AclOperation.WRITE, ORDERS))
                        .allowsAny(ALICE, AclOperation.WRITE, ResourceType.TOPIC))
                .as("another that begins so may be written to")
                .isTrue();
        for (ResourcePattern denied : List.of(ALL, PREFIX, ResourcePattern.prefixed(ResourceType.TOPIC, "o"))) {
            assertThat(with(allow, AclBinding.deny("User:*", AclOperation.ALL, denied))
                            .allowsAny(ALICE, AclOperation.WRITE, ResourceType.TOPIC))
                    .isFalse();
        }
    }
}
