package dev.impersonation.trino;

import dev.impersonation.testing.TestingConfiguration;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemAccessControl;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A program of its own: it asks a thousand times and ends without a shutdown of the control, as servers before 440 do.
 */
final class ServerThatJustEnds
{
    static final int CHECKS = 1_000;

    private ServerThatJustEnds() {}

    public static void main(String[] arguments)
            throws IOException
    {
        TestingConfiguration configuration = new TestingConfiguration(Path.of(arguments[0]));
        SystemAccessControl control = new ImpersonationAccessControlFactory().create(configuration.properties(), new TestingContext());
        for (int check = 0; check < CHECKS; check++) {
            control.checkCanImpersonateUser(Identity.ofUser("svc"), "bob");
        }
    }
}
