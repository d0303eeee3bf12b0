package io.reactivemq.netty.server;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.reactivemq.kafka.common.message.ApiMessageType;
import io.reactivemq.kafka.common.protocol.ApiMessage;
import io.reactivemq.netty.protocol.BadRequestException;
import io.reactivemq.netty.protocol.KafkaCodec;
import io.reactivemq.netty.protocol.RequestHeader;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;

/** A client that sends what no well-behaved one would, over a plain socket. */
final class RawClient implements AutoCloseable {

    private final Socket socket;
    private final DataInputStream in;
    private int correlationId;

    RawClient(int port) throws IOException {
        socket = new Socket(InetAddress.getLoopbackAddress(), port);
        socket.setSoTimeout((int) RunningServer.PATIENCE.toMillis());
        in = new DataInputStream(socket.getInputStream());
    }

    /** Its own, as the server's log has it. */
    String address() {
        return String.valueOf(socket.getLocalSocketAddress());
    }

    RequestHeader send(ApiMessageType api, int version, ApiMessage body) throws IOException {
        RequestHeader header = new RequestHeader(api, (short) version, ++correlationId, "raw");
        ByteBuf frame = KafkaCodec.writeRequest(UnpooledByteBufAllocator.DEFAULT, header, body);
        byte[] bytes = new byte[frame.readableBytes()];
        frame.readBytes(bytes).release();
        sendBytes(bytes);
        return header;
    }

    void sendBytes(byte[] bytes) throws IOException {
        socket.getOutputStream().write(bytes);
    }

    ByteBuffer receiveFrame() throws IOException {
        byte[] frame = new byte[in.readInt()];
        in.readFully(frame);
        return ByteBuffer.wrap(frame);
    }

    ApiMessage receive(RequestHeader header) throws IOException, BadRequestException {
        return KafkaCodec.readResponse(receiveFrame(), header);
    }

    /** Whether the server has closed the connection, which is waited for. */
    boolean isClosedByServer() throws IOException {
        try {
            return in.read() < 0;
        } catch (EOFException | SocketException e) {
            return true;
        }
    }

    /** As {@link #isClosedByServer()}, whatever the server says before. */
    boolean isClosedAfterAll() throws IOException {
        try {
            in.readAllBytes();
            return true;
        } catch (SocketException e) {
            return true;
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
