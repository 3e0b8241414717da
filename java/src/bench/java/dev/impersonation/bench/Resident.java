package dev.impersonation.bench;

import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemAccessControl;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.logging.Logger;

/**
 * By how much a JVM grows with an access control, whose heap is resident from its start. Arguments: the name of the control's properties file, a user in it who may
 * impersonate, one who may be impersonated, and the file for the answer in bytes.
 */
public final class Resident
{
    private Resident() {}

    public static void main(String[] args)
            throws Exception
    {
        // Every server has these, so that they are not for the control to bear.
        ManagementFactory.getPlatformMBeanServer();
        Logger.getLogger(Resident.class.getName()).info("The JVM is ready");
        long before = resident();
        SystemAccessControl control = Controls.start(Controls.properties(args[0]));
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
