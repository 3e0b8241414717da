package dev.impersonation.trino;

import dev.impersonation.engine.Decision;
import dev.impersonation.engine.Engine;
import dev.impersonation.engine.Reason;
import dev.impersonation.testing.TestingConfiguration;
import io.trino.spi.QueryId;
import io.trino.spi.eventlistener.EventListener;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.BasicPrincipal;
import io.trino.spi.security.ConnectorIdentity;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemAccessControl;
import io.trino.spi.security.SystemSecurityContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

import static dev.impersonation.engine.Request.Path.NATIVE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

final class TestImpersonationAccessControl
{
    private static final Set<String> OWNED = Set.of("checkCanImpersonateUser", "getEventListeners", "shutdown");
    /**
     * By name, and what their last parameter is.
     */
    private static final Map<String, Class<?>> UNKNOWN_FORMS = Map.of(
            "checkCanActAs", ConnectorIdentity.class,
            "checkCanDelegate", Optional.class,
            "checkCanExecuteQuery", String.class,
            "checkCanPause", QueryId.class,
            "checkCanSetEffectiveIdentity", String.class,
            "filterIdentities", Identity.class);
    private static final Identity SVC = Identity.ofUser("svc");
    private static final SystemSecurityContext CONTEXT = new SystemSecurityContext(SVC, QueryId.valueOf("query"), Instant.EPOCH);
    @TempDir
    private Path directory;

    private final RecordingAccessControl delegate = new RecordingAccessControl();
    private final LiveParts liveParts = new LiveParts();
    private final PropertyPath path = new PropertyPath(
            request -> {
                throw new AssertionError("Nobody sets the property here");
            },
            refused -> {},
            user -> Optional.empty(),
            true,
            new Bindings(Bindings.Limits.DEFAULT, () -> Instant.EPOCH));
    private final CheckedForTarget.Environment environment = new CheckedForTarget.Environment(
            path,
            liveParts,
            new SecurityContexts(),
            new FilterExpressions((expression, binding) -> expression));
    private CapturedLog log;
    private EngineLifecycle engine;
    private ExtendedSystemAccessControl control;

    @BeforeEach
    void start()
            throws IOException
    {
        log = new CapturedLog(ImpersonationCheck.class);
        engine = EngineLifecycle.start(Engine.open(new TestingConfiguration(directory).properties()), false);
        control = create(new ImpersonationCheck((chained, impersonator, target) ->
                engine.getEngine().check(NATIVE, chained, impersonator.getUser(), target, impersonator.getPrincipal())));
    }

    @AfterEach
    void stop()
    {
        engine.close();
        log.close();
    }

    @ParameterizedTest
    @MethodSource("forwardedMethods")
    void testMethodIsForwarded(Method method)
            throws Exception
    {
        Object[] arguments = TestingArguments.of(method, CONTEXT);
        Object answer = method.invoke(control, arguments);
        assertThat(delegate.calls()).hasSize(1);
        RecordingAccessControl.Call call = delegate.calls().get(0);
        assertThat(call.method()).isEqualTo(method);
        assertThat(call.arguments()).hasSameSizeAs(arguments);
        for (int index = 0; index < arguments.length; index++) {
            assertThat(call.arguments().get(index)).isSameAs(arguments[index]);
        }
        assertThat(answer).isEqualTo(delegate.lastAnswer());
        if (!method.getReturnType().isPrimitive()) {
            assertThat(answer).isNotNull().isSameAs(delegate.lastAnswer());
        }
    }

    @ParameterizedTest
    @MethodSource("forwardedMethods")
    void testDenialOfTheDelegateIsPassedThrough(Method method)
    {
        for (Throwable failure : List.of(new AccessDeniedException("no"), new IllegalStateException("broken"), new StackOverflowError())) {
            delegate.failWith(failure);
            Throwable seen = catchThrowable(() -> method.invoke(control, TestingArguments.of(method, CONTEXT)));
            assertThat(seen).isInstanceOf(InvocationTargetException.class);
            assertThat(seen.getCause()).isSameAs(failure);
        }
    }

    static Stream<Method> forwardedMethods()
    {
        return Arrays.stream(ExtendedSystemAccessControl.class.getMethods())
                .filter(method -> !OWNED.contains(method.getName()))
                .filter(method -> !isUnknownForm(method));
    }

    static Stream<Method> unknownForms()
    {
        return Arrays.stream(ExtendedSystemAccessControl.class.getMethods()).filter(TestImpersonationAccessControl::isUnknownForm);
    }

    private static boolean isUnknownForm(Method method)
    {
        Class<?>[] parameters = method.getParameterTypes();
        return parameters.length > 1 && parameters[parameters.length - 1] == UNKNOWN_FORMS.get(method.getName())
                || method.getName().equals("checkCanSetUser") && parameters[0] == String.class;
    }

    /**
     * The delegate here allows everything, as those do that are made for an older server.
     */
    @ParameterizedTest
    @MethodSource("unknownForms")
    void testQuestionThatNamesSomebodyInAnUnknownWayIsDenied(Method method)
    {
        Throwable seen = catchThrowable(() -> method.invoke(control, TestingArguments.of(method, CONTEXT)));
        assertThat(seen).isInstanceOf(InvocationTargetException.class);
        assertThat(seen.getCause())
                .isExactlyInstanceOf(AccessDeniedException.class)
                .hasMessageStartingWith("Access Denied: Cannot answer %s: this server asks it in a way that is newer than the plugin".formatted(method.getName()));
        assertThat(delegate.calls()).isEmpty();
    }

    @Test
    void testEveryUnknownFormIsTested()
    {
        assertThat(unknownForms().map(Method::getName)).containsExactlyInAnyOrder(
                "checkCanActAs",
                "checkCanDelegate",
                "checkCanExecuteQuery",
                "checkCanPause",
                "checkCanSetEffectiveIdentity",
                "checkCanSetUser",
                "filterIdentities");
    }

    @Test
    void testEveryMethodOfTheServerIsCovered()
    {
        long ofServer = Arrays.stream(SystemAccessControl.class.getMethods()).filter(method -> !OWNED.contains(method.getName())).count();
        assertThat(forwardedMethods().filter(method -> method.getDeclaringClass() == SystemAccessControl.class)).hasSize((int) ofServer);
        assertThat(ofServer).isGreaterThan(70);
        assertThat(forwardedMethods().map(Method::getName))
                .contains("checkCanSetUser", "checkCanTravelInTime", "filterTimes", "countTimes", "checkCanSelectFromColumns", "getRowFilters");
    }

    @SuppressWarnings("deprecation")
    @Test
    void testDelegateIsNotAskedAboutPrincipalsWhereTheOperatorSaysSo()
            throws IOException
    {
        ExtendedSystemAccessControl without = create(new ImpersonationCheck((chained, impersonator, target) -> new Decision(true, new Reason(4, "self", ""))), false);
        delegate.failWith(new AccessDeniedException("no"));
        without.checkCanSetUser(Optional.of(new BasicPrincipal("svc")), "svc");
        assertThat(delegate.calls()).isEmpty();
    }

    @Test
    void testOwnedMethodsDoNotReachTheDelegate()
    {
        control.checkCanImpersonateUser(SVC, "bob");
        control.checkCanImpersonateUser(CONTEXT, "bob");
        control.checkCanImpersonateUser(SVC, "bob", "a form that nobody knows");
        assertThat(delegate.calls()).isEmpty();
    }

    @Test
    void testDelegateThatAllowsImpersonationIsNotAsked()
    {
        List<Throwable> denials = List.of(
                catchThrowable(() -> control.checkCanImpersonateUser(Identity.ofUser("bob"), "svc")),
                catchThrowable(() -> control.checkCanImpersonateUser(new SystemSecurityContext(Identity.ofUser("bob"), CONTEXT.getQueryId(), Instant.EPOCH), "svc")),
                catchThrowable(() -> control.checkCanImpersonateUser(Identity.ofUser("bob"), "svc", "a form that nobody knows")));
        assertThat(denials).hasSize(3).allSatisfy(denial -> assertThat(denial)
                .isInstanceOf(AccessDeniedException.class)
                .hasMessageStartingWith("Access Denied: User bob cannot impersonate user svc: "));
        assertThat(delegate.calls()).isEmpty();
    }

    @Test
    void testShutdownClosesTheEngineAndThenTheDelegate()
    {
        control.shutdown();
        assertThat(delegate.methods()).containsExactly("shutdown");
        assertThatThrownBy(() -> control.checkCanImpersonateUser(SVC, "bob"))
                .isInstanceOf(AccessDeniedException.class)
                .hasMessage("Access Denied: User svc cannot impersonate user bob: " +
                        "the impersonation check failed (CLOSED); nobody is let in until it works again, see the server log");
    }

    @Test
    void testShutdownEndsThePropertyPath()
    {
        liveParts.controlStarted(path);
        control.shutdown();
        assertThat(liveParts.hasControl()).isFalse();
    }

    @Test
    void testListenersOfTheDelegateFollowOurs()
    {
        Iterable<EventListener> listeners = control.getEventListeners();
        assertThat(delegate.methods()).containsExactly("getEventListeners");
        assertThat(listeners).hasSize(3).first().isInstanceOf(BindingListener.class);
        assertThat(listeners).element(1).isInstanceOf(QueryRecorder.class);
        assertThat(listeners).last().isSameAs(((List<?>) delegate.lastAnswer()).get(0));
    }

    @Test
    void testShutdownOfTheDelegateMayFail()
    {
        delegate.failWith(new IllegalStateException("broken"));
        assertThatThrownBy(control::shutdown).isInstanceOf(IllegalStateException.class).hasMessage("broken");
        assertThatThrownBy(() -> control.checkCanImpersonateUser(SVC, "bob")).hasMessageContaining("(CLOSED)");
    }

    @Test
    void testMethodsOfObject()
            throws IOException
    {
        ExtendedSystemAccessControl other = create(new ImpersonationCheck((chained, impersonator, target) -> new Decision(true, new Reason(4, "self", ""))));
        assertThat(control).isEqualTo(control).isNotEqualTo(other).hasSameHashCodeAs(control).hasToString("immuta over recording");
        assertThat(control.equals(null)).isFalse();
        assertThat(delegate.calls()).isEmpty();
    }

    @Test
    void testChainEndsWithTheRequest()
    {
        List<Boolean> asked = new ArrayList<>();
        ExtendedSystemAccessControl control = create(new ImpersonationCheck((chained, impersonator, target) -> {
            asked.add(chained);
            return new Decision(true, new Reason(1, "permission", ""));
        }));
        Identity alice = Identity.ofUser("alice");
        control.checkCanImpersonateUser(SVC, "alice");
        control.checkCanImpersonateUser(alice, "bob");
        control.checkCanExecuteQuery(SVC);
        control.checkCanImpersonateUser(SVC, "alice");
        control.checkCanExecuteQuery(SVC, QueryId.valueOf("query"));
        control.checkCanImpersonateUser(alice, "bob");
        assertThat(asked).containsExactly(false, true, false, false);
        assertThat(delegate.methods()).containsExactly("checkCanExecuteQuery", "checkCanExecuteQuery");
    }

    private ExtendedSystemAccessControl create(ImpersonationCheck check)
    {
        return create(check, true);
    }

    private ExtendedSystemAccessControl create(ImpersonationCheck check, boolean checkPrincipals)
    {
        return ImpersonationAccessControl.create(
                ExtendedSystemAccessControl.class,
                Delegate.ofServer(RecordingAccessControl.create(ExtendedSystemAccessControl.class, delegate)),
                check,
                checkPrincipals,
                engine,
                new QueryRecorder(check::impersonation, path::binding, engine.getEngine()::recordQuery, InstantSource.system()),
                environment);
    }
}
