package dev.impersonation.bench;

import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemAccessControl;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * By how much a JVM grows with our access control, whose heap is resident from its start. Arguments: a policy file, a user in it who may impersonate, one who may be
 * impersonated, and the file for the answer in bytes.
 */
public final class Resident
{
    private Resident() {}

    public static void main(String[] args)
            throws Exception
    {
        long before = resident();
        SystemAccessControl control = Controls.start(Map.of(
                "access-control.name", "immuta",
                "immuta.impersonation.policy-file", args[0],
                "immuta.impersonation.audit.file", ""));
        control.checkCanImpersonateUser(Identity.ofUser(args[1]), args[2]);
        Files.writeString(Path.of(args[3]), Long.toString(resident() - before));
        Controls.shutdown(control);
        System.exit(0);
    }

    private static long resident()
            throws IOException
    {
        String line = Files.readAllLines(Path.of("/proc/self/status")).stream().filter(text -> text.startsWith("VmRSS:")).findFirst().orElseThrow();
        return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
    }
}
