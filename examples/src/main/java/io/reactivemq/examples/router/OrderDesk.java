package io.reactivemq.examples.router;

import io.reactivemq.operator.Overflow;
import io.reactivemq.operator.Routed;
import io.reactivemq.operator.Router;
import io.reactivemq.operator.RouterQueue;
import java.util.List;
import java.util.function.Consumer;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;

/**
 * Orders of a shop go to those who asked for them: billing to each that is paid, a team to each of its region, and a dashboard to the
 * latest. In the middle of the day another region opens. What no one asked for is caught by the back office if it is an order; the rest
 * comes back.
 */
final class OrderDesk {

    /** An order, or what was sent by mistake. */
    record Order(String routingKey, int amount) {

        @Override
        public String toString() {
            return routingKey + " " + amount;
        }
    }

    /** Called with who, and what that one got or did. */
    interface Log {
        void say(String who, String what);
    }

    private static final List<Order> MORNING = List.of(
            new Order("orders.eu.de.new", 120),
            new Order("orders.eu.de.paid", 120),
            new Order("orders.us.ny.paid", 75),
            new Order("orders.asia.jp.new", 310),
            new Order("invoices.eu", 40));

    private static final List<Order> AFTERNOON = List.of(
            new Order("orders.asia.jp.paid", 310), new Order("orders.eu.fr.new", 15), new Order("orders.moon.new", 1));

    private final Log log;

    OrderDesk(Log log) {
        this.log = log;
    }

    /** Runs the day; returns what came back, unroutable. */
    List<Order> run() {
        Router<Order, String> backOffice = Router.topic(Order::routingKey, o -> o.name("back office"));
        Router<Order, String> orders =
                Router.topic(Order::routingKey, o -> o.name("orders").alternate(backOffice));

        // bound as long as they are subscribed
        orders.bind("orders.*.*.paid").subscribe(tellOf("billing"));
        orders.bind("orders.eu.#").subscribe(tellOf("team eu"));
        backOffice.bind("orders.#").subscribe(tellOf("back office"));

        // a queue of its own, with several bindings, and only the latest two until somebody looks
        RouterQueue<Order> dashboard = orders.queue("dashboard", Overflow.dropOldest(2));
        orders.bind(dashboard, "orders.eu.#");
        Disposable paid = orders.bind(dashboard, "#.paid");

        Flux<Order> returned = Flux.concat(publish(orders, "morning", MORNING), Flux.defer(() -> {
            log.say("desk", "asia opens, and the dashboard no longer wants what is paid");
            orders.bind("orders.asia.#").subscribe(tellOf("team asia"));
            paid.dispose();
            return publish(orders, "afternoon", AFTERNOON);
        }));
        List<Order> unroutable = returned.collectList().blockOptional().orElse(List.of());

        dashboard.asFlux().subscribe(tellOf("dashboard"));
        orders.close();
        backOffice.close();
        return unroutable;
    }

    private Flux<Order> publish(Router<Order, String> router, String when, List<Order> orders) {
        return Flux.fromIterable(orders)
                .doOnSubscribe(subscription -> log.say("desk", "the orders of the " + when))
                .transform(router::route)
                .filter(Routed::isUnroutable)
                .map(Routed::element)
                .doOnNext(order -> log.say("returned", order.toString()));
    }

    private Consumer<Order> tellOf(String who) {
        return order -> log.say(who, order.toString());
    }
}
