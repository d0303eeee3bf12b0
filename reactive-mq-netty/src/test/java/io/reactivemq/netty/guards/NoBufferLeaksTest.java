package io.reactivemq.netty.guards;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The guard over buffers")
class NoBufferLeaksTest {

    @Test
    @DisplayName("finds one that was not released")
    void finds() {
        leak();
        List<String> found = new ArrayList<>();
        for (int i = 0; i < 50 && found.isEmpty(); i++) {
            found.addAll(NoBufferLeaks.findLeaks());
        }
        assertThat(found).isNotEmpty();
    }

    private static void leak() {
        ByteBuf forgotten = PooledByteBufAllocator.DEFAULT.buffer(64);
        assertThat(forgotten.refCnt()).isEqualTo(1);
    }
}
