package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ScramCredential;
import io.reactivemq.broker.ScramMechanism;
import io.reactivemq.kafka.common.message.AlterUserScramCredentialsRequestData;
import io.reactivemq.kafka.common.message.AlterUserScramCredentialsRequestData.ScramCredentialDeletion;
import io.reactivemq.kafka.common.message.AlterUserScramCredentialsRequestData.ScramCredentialUpsertion;
import io.reactivemq.kafka.common.message.AlterUserScramCredentialsResponseData;
import io.reactivemq.kafka.common.message.AlterUserScramCredentialsResponseData.AlterUserScramCredentialsResult;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.message.DescribeUserScramCredentialsRequestData;
import io.reactivemq.kafka.common.message.DescribeUserScramCredentialsRequestData.UserName;
import io.reactivemq.kafka.common.message.DescribeUserScramCredentialsResponseData;
import io.reactivemq.kafka.common.message.DescribeUserScramCredentialsResponseData.CredentialInfo;
import io.reactivemq.kafka.common.message.DescribeUserScramCredentialsResponseData.DescribeUserScramCredentialsResult;
import io.reactivemq.netty.protocol.ProtocolError;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Users' credentials (KIP-554): DescribeUserScramCredentials, AlterUserScramCredentials. Nothing secret is ever shown. */
final class ScramApis {

    private final Broker broker;

    ScramApis(Broker broker) {
        this.broker = broker;
    }

    void register(ApiTable apis) {
        apis.serve(
                ApiMessageType.DESCRIBE_USER_SCRAM_CREDENTIALS,
                0,
                0,
                DescribeUserScramCredentialsRequestData.class,
                this::describe);
        apis.serve(
                ApiMessageType.ALTER_USER_SCRAM_CREDENTIALS,
                0,
                0,
                AlterUserScramCredentialsRequestData.class,
                this::alter);
    }

    private Mono<DescribeUserScramCredentialsResponseData> describe(
            ApiRequest request, DescribeUserScramCredentialsRequestData body) {
        List<UserName> users = body.users();
        return broker.security()
                .describeCredentials(request.caller())
                .map(all -> new DescribeUserScramCredentialsResponseData()
                        .setResults(
                                users == null || users.isEmpty()
                                        ? new TreeMap<>(all)
                                                .entrySet().stream()
                                                        .map(user -> described(user.getKey(), user.getValue()))
                                                        .toList()
                                        : described(users, all)))
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(new DescribeUserScramCredentialsResponseData()
                                .setErrorCode(failure.errorCode().code())
                                .setErrorMessage(failure.getMessage())));
    }

    private static List<DescribeUserScramCredentialsResult> described(
            List<UserName> asked, Map<String, Map<ScramMechanism, ScramCredential>> all) {
        Map<String, Integer> counts = new LinkedHashMap<>();
        asked.forEach(user -> counts.merge(user.name(), 1, Integer::sum));
        List<DescribeUserScramCredentialsResult> results = new ArrayList<>();
        counts.forEach((name, count) -> {
            Map<ScramMechanism, ScramCredential> own = all.get(name);
            if (count > 1) {
                results.add(new DescribeUserScramCredentialsResult()
                        .setUser(name)
                        .setErrorCode(ProtocolError.DUPLICATE_RESOURCE)
                        .setErrorMessage("this user is named " + count + " times"));
            } else if (own == null) {
                results.add(new DescribeUserScramCredentialsResult()
                        .setUser(name)
                        .setErrorCode(ErrorCode.RESOURCE_NOT_FOUND.code())
                        .setErrorMessage("this user has no credential"));
            } else {
                results.add(described(name, own));
            }
        });
        return results;
    }

    private static DescribeUserScramCredentialsResult described(
            String name, Map<ScramMechanism, ScramCredential> credentials) {
        return new DescribeUserScramCredentialsResult()
                .setUser(name)
                .setCredentialInfos(new TreeMap<>(credentials)
                        .values().stream()
                                .map(credential -> new CredentialInfo()
                                        .setMechanism(credential.mechanism().code())
                                        .setIterations(credential.iterations()))
                                .toList());
    }

    /** One result a user; what is wrong with one of a user's changes is told, and those behind it are not made. */
    private Mono<AlterUserScramCredentialsResponseData> alter(
            ApiRequest request, AlterUserScramCredentialsRequestData body) {
        Map<String, List<Mono<Void>>> changes = new LinkedHashMap<>();
        Set<Named> seen = new HashSet<>();
        Set<String> twice = new HashSet<>();
        for (ScramCredentialDeletion deletion : body.deletions()) {
            note(deletion.name(), deletion.mechanism(), seen, twice);
            changes.computeIfAbsent(deletion.name(), name -> new ArrayList<>()).add(delete(request.caller(), deletion));
        }
        for (ScramCredentialUpsertion upsertion : body.upsertions()) {
            note(upsertion.name(), upsertion.mechanism(), seen, twice);
            changes.computeIfAbsent(upsertion.name(), name -> new ArrayList<>())
                    .add(upsert(request.caller(), upsertion));
        }
        return Flux.fromIterable(changes.entrySet())
                .concatMap(user -> result(user.getKey(), user.getValue(), twice.contains(user.getKey())))
                .collectList()
                .map(results -> new AlterUserScramCredentialsResponseData().setResults(results));
    }

    private record Named(String user, byte mechanism) {}

    private static void note(String user, byte mechanism, Set<Named> seen, Set<String> twice) {
        if (!seen.add(new Named(user, mechanism))) {
            twice.add(user);
        }
    }

    private static Mono<AlterUserScramCredentialsResult> result(String user, List<Mono<Void>> changes, boolean twice) {
        AlterUserScramCredentialsResult result = new AlterUserScramCredentialsResult().setUser(user);
        if (twice) {
            return Mono.just(result.setErrorCode(ProtocolError.DUPLICATE_RESOURCE)
                    .setErrorMessage("a credential of this user is changed twice in one request"));
        }
        return Flux.concat(changes)
                .then(Mono.just(result))
                .onErrorResume(
                        MqException.class,
                        failure -> Mono.just(
                                result.setErrorCode(failure.errorCode().code()).setErrorMessage(failure.getMessage())));
    }

    private Mono<Void> delete(Caller caller, ScramCredentialDeletion deletion) {
        ScramMechanism mechanism = ScramMechanism.of(deletion.mechanism());
        return mechanism == null
                ? unknown(deletion.mechanism())
                : broker.security().deleteCredential(caller, deletion.name(), mechanism);
    }

    private Mono<Void> upsert(Caller caller, ScramCredentialUpsertion upsertion) {
        ScramMechanism mechanism = ScramMechanism.of(upsertion.mechanism());
        if (mechanism == null) {
            return unknown(upsertion.mechanism());
        }
        ScramCredential credential;
        try {
            credential = ScramCredential.ofSaltedPassword(
                    mechanism, upsertion.saltedPassword(), upsertion.salt(), upsertion.iterations());
        } catch (IllegalArgumentException e) {
            return Refusal.of(ErrorCode.UNACCEPTABLE_CREDENTIAL, messageOf(e));
        }
        return broker.security().upsertCredential(caller, upsertion.name(), credential);
    }

    private static String messageOf(IllegalArgumentException e) {
        @Nullable String message = e.getMessage();
        return message == null ? "that is no credential" : message;
    }

    private static Mono<Void> unknown(byte mechanism) {
        return Refusal.of(ErrorCode.UNACCEPTABLE_CREDENTIAL, "there is no SCRAM mechanism " + mechanism);
    }
}
