package io.reactivemq.examples.members;

/**
 * An order, of which nothing matters but whose it is and the how manieth of all.
 *
 * @param customer the customer's name
 * @param number counts all orders from 0, so those of a customer rise
 */
record Order(String customer, int number) {

    private static final int CUSTOMERS = 500;

    /** Some customers order much more than others: of two numbers drawn the smaller counts. */
    static Order ofNumber(int number) {
        int first = Integer.remainderUnsigned(number * 0x9E3779B9, CUSTOMERS);
        int second = Integer.remainderUnsigned(number * 0x85EBCA6B + 1, CUSTOMERS);
        return new Order("customer-" + Math.min(first, second), number);
    }
}
