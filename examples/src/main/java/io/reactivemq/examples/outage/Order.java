package io.reactivemq.examples.outage;

import io.reactivemq.Serde;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * An order.
 *
 * @param number counts from 0
 * @param customer who ordered
 * @param cents what it costs
 */
record Order(long number, String customer, long cents) {

    /** Two numbers, and a text that takes the rest. */
    static final Serde<Order> SERDE = new Serde<>() {
        @Override
        public byte[] serialize(Order order) {
            byte[] customer = order.customer().getBytes(StandardCharsets.UTF_8);
            return ByteBuffer.allocate(2 * Long.BYTES + customer.length)
                    .putLong(order.number())
                    .putLong(order.cents())
                    .put(customer)
                    .array();
        }

        @Override
        public Order deserialize(ByteBuffer data) {
            long number = data.getLong();
            long cents = data.getLong();
            return new Order(number, StandardCharsets.UTF_8.decode(data).toString(), cents);
        }
    };

    static Order of(long number) {
        return new Order(number, "customer " + number % 1_000, 100 + number * 7 % 9_900);
    }
}
