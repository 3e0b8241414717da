package dev.impersonation.trino;

import dev.impersonation.testing.TestingConfiguration;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.BasicPrincipal;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemAccessControl;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.security.Principal;
import java.util.Optional;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * Which principal may be which user is for the delegate to say, as where it is the server's only access control.
 */
@SuppressWarnings("deprecation")
final class TestPrincipalsOfTheFileControl
{
    private static final String RULES = """
            {"principals": [
               {"principal": "svc_legacy", "user": ".*", "allow": false},
               {"principal": "svc", "user": ".*", "allow": true},
               {"principal": "(.+)", "principal_to_user": "$1", "allow": true}],
             "catalogs": [{"allow": "all"}]}
            """;
    private static final Optional<Principal> SVC = Optional.of(new BasicPrincipal("svc"));
    private static final Optional<Principal> LEGACY = Optional.of(new BasicPrincipal("svc_legacy"));
    private static final Optional<Principal> ALICE = Optional.of(new BasicPrincipal("alice"));

    @TempDir
    private Path directory;

    @Test
    void testRulesOfPrincipalsHold()
            throws IOException
    {
        try (RunningControl running = start(configuration())) {
            SystemAccessControl control = running.control();
            assertThatThrownBy(() -> control.checkCanSetUser(LEGACY, "svc_legacy"))
                    .isExactlyInstanceOf(AccessDeniedException.class)
                    .hasMessage("Access Denied: Principal svc_legacy cannot become user svc_legacy");
            assertThatThrownBy(() -> control.checkCanSetUser(ALICE, "svc")).isExactlyInstanceOf(AccessDeniedException.class);
            assertThatThrownBy(() -> control.checkCanSetUser(Optional.empty(), "alice")).isExactlyInstanceOf(AccessDeniedException.class);
            assertThatCode(() -> control.checkCanSetUser(ALICE, "alice")).doesNotThrowAnyException();
        }
    }

    /**
     * Trino asks with the impersonator's principal and the target's name first. That this principal may be any user leaves it to the engine which.
     */
    @Test
    void testPrincipalThatMayBeAnybodyIsTheEnginesToDecideOn()
            throws IOException
    {
        try (RunningControl running = start(configuration())) {
            SystemAccessControl control = running.control();
            Identity svc = Identity.forUser("svc").withPrincipal(new BasicPrincipal("svc")).build();
            control.checkCanSetUser(SVC, "bob");
            assertThatCode(() -> control.checkCanImpersonateUser(svc, "bob")).doesNotThrowAnyException();
            control.checkCanSetUser(SVC, "nobody");
            assertThatThrownBy(() -> control.checkCanImpersonateUser(svc, "nobody")).hasMessageContaining("the target is not known");
        }
    }

    /**
     * A request that the delegate ended says nothing of the next one on its thread.
     */
    @Test
    void testRefusedPrincipalIsNoChain()
            throws IOException
    {
        try (RunningControl running = start(configuration())) {
            SystemAccessControl control = running.control();
            Identity alice = Identity.forUser("alice").withPrincipal(new BasicPrincipal("alice")).build();
            control.checkCanSetUser(SVC, "alice");
            control.checkCanImpersonateUser(Identity.forUser("svc").withPrincipal(new BasicPrincipal("svc")).build(), "alice");
            assertThatThrownBy(() -> control.checkCanSetUser(LEGACY, "svc_legacy")).isExactlyInstanceOf(AccessDeniedException.class);
            assertThatCode(() -> control.checkCanImpersonateUser(alice, "bob")).doesNotThrowAnyException();
        }
    }

    @Test
    void testRulesOfPrincipalsCanBeLeftOut()
            throws IOException
    {
        try (RunningControl running = start(configuration().with("immuta.delegate.check-principals", " FALSE "))) {
            assertThatCode(() -> running.control().checkCanSetUser(LEGACY, "svc_legacy")).doesNotThrowAnyException();
        }
        assertThatThrownBy(() -> start(configuration().with("immuta.delegate.check-principals", "no")))
                .hasMessageContaining("immuta.delegate.check-principals: is \"no\"; write true or false");
    }

    private TestingConfiguration configuration()
            throws IOException
    {
        TestingConfiguration configuration = new TestingConfiguration(directory);
        configuration.withDelegate("access-control.name=file\nsecurity.config-file=%s\n".formatted(configuration.write("rules.json", RULES)));
        return configuration;
    }

    private static RunningControl start(TestingConfiguration configuration)
    {
        return new RunningControl(new ImpersonationAccessControlFactory().create(configuration.properties(), new TestingContext()));
    }
}
