package dev.impersonation.engine;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import static org.assertj.core.api.Assertions.assertThat;

final class TestMountTable
{
    @TempDir
    private Path directory;

    @Test
    void testNearestMountDecides()
            throws IOException
    {
        MountTable mounts = write("""
                /dev/root / ext4 rw,relatime 0 0
                tmpfs /tmp tmpfs rw,nosuid,noexec 0 0
                tmpfs /tmp/exec tmpfs rw 0 0
                tmpfs /with\\040blank tmpfs rw,noexec 0 0
                broken line
                """);
        assertThat(mounts.isNoexec(Path.of("/tmp/a.so"))).isTrue();
        assertThat(mounts.isNoexec(Path.of("/tmp/exec/a.so"))).isFalse();
        assertThat(mounts.isNoexec(Path.of("/tmpfile/a.so"))).isFalse();
        assertThat(mounts.isNoexec(Path.of("/with blank/a.so"))).isTrue();
    }

    @Test
    void testLaterMountHidesEarlier()
            throws IOException
    {
        assertThat(write("a /tmp ext4 rw,noexec 0 0\nb /tmp ext4 rw 0 0\n").isNoexec(Path.of("/tmp/a.so"))).isFalse();
        assertThat(write("a /tmp ext4 rw 0 0\nb /tmp ext4 noexec 0 0\n").isNoexec(Path.of("/tmp/a.so"))).isTrue();
    }

    @Test
    void testMissingTableMeansNo()
    {
        assertThat(new MountTable(directory.resolve("missing")).isNoexec(Path.of("/tmp/a.so"))).isFalse();
    }

    private MountTable write(String table)
            throws IOException
    {
        return new MountTable(Files.writeString(directory.resolve("mounts"), table));
    }
}
