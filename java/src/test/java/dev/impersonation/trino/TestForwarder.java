package dev.impersonation.trino;

import io.trino.spi.security.SystemAccessControl;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestForwarder
{
    private final RecordingAccessControl recording = new RecordingAccessControl();
    private final ExtendedSystemAccessControl delegate = RecordingAccessControl.create(ExtendedSystemAccessControl.class, recording);

    @Test
    void testShutdownOfServersThatHaveIt()
    {
        assertThat(Forwarder.hasShutdown(ExtendedSystemAccessControl.class)).isTrue();
        Forwarder.shutdown(ExtendedSystemAccessControl.class, delegate);
        assertThat(recording.methods()).containsExactly("shutdown");
    }

    @Test
    void testShutdownOfServersThatLackIt()
    {
        assertThat(Forwarder.hasShutdown(SystemAccessControl.class)).isFalse();
        Forwarder.shutdown(SystemAccessControl.class, delegate);
        assertThat(recording.calls()).isEmpty();
    }

    @Test
    void testFailureOfShutdownIsPassedThrough()
    {
        IllegalStateException failure = new IllegalStateException("broken");
        recording.failWith(failure);
        assertThatThrownBy(() -> Forwarder.shutdown(ExtendedSystemAccessControl.class, delegate)).isSameAs(failure);
    }
}
