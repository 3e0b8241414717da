package dev.impersonation.trino;

import com.sun.management.HotSpotDiagnosticMXBean;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemAccessControl;

import java.io.Reader;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;

import static java.util.stream.Collectors.toUnmodifiableMap;

/**
 * A program of its own: it makes a control by the properties of a file, lets it ask Immuta, and writes what is then in the heap into a file, garbage included.
 */
final class ServerThatDumpsItsHeap
{
    private ServerThatDumpsItsHeap() {}

    public static void main(String[] arguments)
            throws Exception
    {
        Properties read = new Properties();
        try (Reader reader = Files.newBufferedReader(Path.of(arguments[0]))) {
            read.load(reader);
        }
        Map<String, String> properties = read.stringPropertyNames().stream().collect(toUnmodifiableMap(name -> name, read::getProperty));
        SystemAccessControl control = new ImpersonationAccessControlFactory().create(properties, new TestingContext());
        control.checkCanImpersonateUser(Identity.ofUser("svc"), "alice");
        ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class).dumpHeap(arguments[1], false);
    }
}
