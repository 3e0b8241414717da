package dev.impersonation.engine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

import static java.util.Objects.requireNonNull;

/**
 * The file systems that Linux has mounted, as {@code /proc/mounts} lists them.
 */
record MountTable(Path file)
{
    static final MountTable SYSTEM = new MountTable(Path.of("/proc/mounts"));

    private static final int MOUNT_POINT = 1;
    private static final int OPTIONS = 3;

    MountTable
    {
        requireNonNull(file, "file is null");
    }

    /**
     * Only for the wording of an error, so a table that cannot be read means no.
     */
    boolean isNoexec(Path path)
    {
        try {
            Path nearest = null;
            boolean noexec = false;
            for (String line : Files.readAllLines(file)) {
                String[] fields = line.split(" ");
                if (fields.length <= OPTIONS) {
                    continue;
                }
                // The table writes a blank in a name as \040.
                Path mountPoint = Path.of(fields[MOUNT_POINT].replace("\\040", " "));
                // Of two mounts on one point the later hides the earlier.
                if (path.startsWith(mountPoint) && (nearest == null || mountPoint.getNameCount() >= nearest.getNameCount())) {
                    nearest = mountPoint;
                    noexec = Arrays.asList(fields[OPTIONS].split(",")).contains("noexec");
                }
            }
            return noexec;
        }
        catch (IOException e) {
            return false;
        }
    }
}
