package dev.impersonation.trino;

import dev.impersonation.engine.Decision;
import dev.impersonation.engine.EngineException;
import dev.impersonation.engine.Reason;
import dev.impersonation.engine.TestingEngineException;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.BasicPrincipal;
import io.trino.spi.security.Identity;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestImpersonationCheck
{
    private static final Decision ALLOW = new Decision(true, new Reason(1, "permission", "may"));
    private static final Decision DENY = new Decision(false, new Reason(21, "no-permission", "the user may not impersonate anybody"));
    private static final Identity SVC = Identity.forUser("svc")
            .withPrincipal(new BasicPrincipal("svc@EXAMPLE"))
            .withGroups(Set.of("services", "bi"))
            .build();

    @Test
    void testEngineIsAskedWhatTrinoAsks()
    {
        List<Object> asked = new ArrayList<>();
        new ImpersonationCheck((chained, impersonator, target) -> {
            asked.addAll(List.of(chained, impersonator, target));
            return ALLOW;
        }).check(SVC, "alice");
        assertThat(asked).containsExactly(false, SVC, "alice");
    }

    @Test
    void testDenialHasExactlyTheTextOfTrino()
    {
        assertThatThrownBy(() -> new ImpersonationCheck((chained, impersonator, target) -> DENY).check(SVC, "bob"))
                .isExactlyInstanceOf(AccessDeniedException.class)
                .hasMessage("Access Denied: User svc cannot impersonate user bob: the user may not impersonate anybody");
    }

    @ParameterizedTest
    @MethodSource
    void testFailureIsADenial(Throwable failure, String code)
    {
        try (CapturedLog log = new CapturedLog(ImpersonationCheck.class)) {
            ImpersonationCheck check = new ImpersonationCheck((chained, impersonator, target) -> {
                throw TestImpersonationCheck.<RuntimeException>asUnchecked(failure);
            });
            assertThatThrownBy(() -> check.check(SVC, "bob"))
                    .isExactlyInstanceOf(AccessDeniedException.class)
                    .hasMessage("Access Denied: User svc cannot impersonate user bob: " +
                            "the impersonation check failed (%s); nobody is let in until it works again, see the server log".formatted(code));
            assertThat(log.records()).hasSize(1);
            LogRecord record = log.records().get(0);
            assertThat(record.getLevel()).isEqualTo(Level.SEVERE);
            assertThat(record.getMessage()).isEqualTo("The impersonation check failed (%s)".formatted(code));
            assertThat(record.getThrown()).isSameAs(failure);
        }
    }

    static Stream<Object[]> testFailureIsADenial()
    {
        List<Object[]> failures = new ArrayList<>();
        for (EngineException.Code code : EngineException.Code.values()) {
            failures.add(new Object[] {TestingEngineException.create(code), code.name()});
        }
        failures.add(new Object[] {new IllegalStateException("broken"), "INTERNAL"});
        failures.add(new Object[] {new NullPointerException(), "INTERNAL"});
        failures.add(new Object[] {new UnsatisfiedLinkError("check"), "INTERNAL"});
        failures.add(new Object[] {new OutOfMemoryError("test"), "INTERNAL"});
        failures.add(new Object[] {new StackOverflowError(), "INTERNAL"});
        failures.add(new Object[] {new Exception("undeclared"), "INTERNAL"});
        return failures.stream();
    }

    @Test
    void testEngineThatAnswersNothingIsADenial()
    {
        assertThatThrownBy(() -> new ImpersonationCheck((chained, impersonator, target) -> null).check(SVC, "bob"))
                .isExactlyInstanceOf(AccessDeniedException.class)
                .hasMessageContaining("(INTERNAL)");
    }

    @Test
    void testNullsAreDenied()
    {
        ImpersonationCheck check = new ImpersonationCheck((chained, impersonator, target) -> ALLOW);
        assertThatThrownBy(() -> check.check(SVC, null))
                .isExactlyInstanceOf(AccessDeniedException.class)
                .hasMessageStartingWith("Access Denied: User svc cannot impersonate user null: the impersonation check failed (INTERNAL)");
        assertThatThrownBy(() -> check.check(null, "bob"))
                .isExactlyInstanceOf(AccessDeniedException.class)
                .hasMessageStartingWith("Access Denied: User null cannot impersonate user bob: the impersonation check failed (INTERNAL)");
        assertThatCode(() -> check.check(SVC, "bob")).doesNotThrowAnyException();
    }

    @Test
    void testThreadsDoNotSeeEachOther()
            throws InterruptedException
    {
        List<Boolean> chained = new ArrayList<>();
        ImpersonationCheck check = new ImpersonationCheck((isChained, impersonator, target) -> {
            chained.add(isChained);
            return ALLOW;
        });
        check.check(SVC, "alice");
        Identity alice = Identity.from(SVC).withUser("alice").build();
        Thread other = new Thread(() -> check.check(alice, "bob"));
        other.start();
        other.join();
        check.check(alice, "bob");
        assertThat(chained).containsExactly(false, false, true);
    }

    @Test
    void testControlsDoNotSeeEachOther()
    {
        List<Boolean> chained = new ArrayList<>();
        ImpersonationCheck.Decider decider = (isChained, impersonator, target) -> {
            chained.add(isChained);
            return ALLOW;
        };
        new ImpersonationCheck(decider).check(SVC, "alice");
        new ImpersonationCheck(decider).check(Identity.from(SVC).withUser("alice").build(), "bob");
        assertThat(chained).containsExactly(false, false);
    }

    @Test
    void testFailureBreaksTheChain()
    {
        List<Boolean> asked = new ArrayList<>();
        ImpersonationCheck check = new ImpersonationCheck((chained, impersonator, target) -> {
            asked.add(chained);
            if (target.equals("broken")) {
                throw new IllegalStateException();
            }
            return target.equals("denied") ? DENY : ALLOW;
        });
        Identity alice = Identity.from(SVC).withUser("alice").build();
        for (String end : List.of("broken", "denied")) {
            asked.clear();
            check.check(SVC, "alice");
            assertThatThrownBy(() -> check.check(alice, end)).isInstanceOf(AccessDeniedException.class);
            check.check(alice, "bob");
            assertThat(asked).containsExactly(false, true, false);
            check.requestEnded();
        }
    }

    /**
     * Throws anything where the compiler expects something unchecked.
     */
    @SuppressWarnings("unchecked")
    private static <T extends Throwable> T asUnchecked(Throwable failure)
            throws T
    {
        throw (T) failure;
    }
}
