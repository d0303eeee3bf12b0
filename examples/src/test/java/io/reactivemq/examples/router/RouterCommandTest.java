package io.reactivemq.examples.router;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.examples.RmqAccess;
import io.reactivemq.examples.router.OrderDesk.Order;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

@DisplayName("The example of a router:")
class RouterCommandTest {

    @Test
    @DisplayName("R01, R02 each order goes to those who asked for it, then to the alternate, else back")
    void deliveries() {
        Map<String, List<String>> got = new TreeMap<>();
        List<Order> returned = new OrderDesk((who, what) ->
                        got.computeIfAbsent(who, w -> new ArrayList<>()).add(what))
                .run();
        assertThat(got.get("billing"))
                .containsExactly("orders.eu.de.paid 120", "orders.us.ny.paid 75", "orders.asia.jp.paid 310");
        assertThat(got.get("team eu"))
                .containsExactly("orders.eu.de.new 120", "orders.eu.de.paid 120", "orders.eu.fr.new 15");
        assertThat(got.get("team asia")).containsExactly("orders.asia.jp.paid 310");
        // before asia opened, and where nobody ever does
        assertThat(got.get("back office")).containsExactly("orders.asia.jp.new 310", "orders.moon.new 1");
        // the latest two that it was bound for
        assertThat(got.get("dashboard")).containsExactly("orders.us.ny.paid 75", "orders.eu.fr.new 15");
        assertThat(returned).extracting(Order::routingKey).containsExactly("invoices.eu");
        assertThat(got.get("returned")).containsExactly("invoices.eu 40");
    }

    @Test
    @DisplayName("rmq router prints who got what")
    void command() {
        StringWriter out = new StringWriter();
        CommandLine commandLine = RmqAccess.configured(new CommandLine(new RouterCommand()));
        assertThat(commandLine.setOut(new PrintWriter(out)).execute()).isZero();
        assertThat(out.toString())
                .contains("team asia    orders.asia.jp.paid 310", "returned     invoices.eu 40")
                .endsWith("1 orders had nobody to go to" + System.lineSeparator());
    }
}
