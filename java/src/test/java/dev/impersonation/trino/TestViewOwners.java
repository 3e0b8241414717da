package dev.impersonation.trino;

import dev.impersonation.engine.Reason;
import io.trino.spi.QueryId;
import io.trino.spi.connector.CatalogSchemaRoutineName;
import io.trino.spi.connector.CatalogSchemaTableName;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.BasicPrincipal;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemSecurityContext;
import org.junit.jupiter.api.Test;

import java.lang.reflect.Method;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestViewOwners
{
    private static final CatalogSchemaTableName TABLE = new CatalogSchemaTableName("tpch", "tiny", "nation");
    private static final CatalogSchemaRoutineName LOWER = new CatalogSchemaRoutineName("system", "builtin", "lower");
    private static final Binding.Allowed SVC_AS_ALICE = new Binding.Allowed(
            Identity.forUser("svc").withPrincipal(new BasicPrincipal("svc")).build(),
            Identity.ofUser("alice"),
            new Reason(1, "permission", "may"));
    private static final List<String> TO_SEE = List.of("checkCanSelectFromColumns", "checkCanSelectFromColumns", "canExecuteFunction");
    private static final List<String> TO_GRANT = List.of(
            "checkCanCreateViewWithSelectFromColumns",
            "checkCanCreateViewWithSelectFromColumns",
            "canCreateViewWithExecuteFunction");

    private final RecordingAccessControl delegate = new RecordingAccessControl();
    private final ExtendedSystemAccessControl control = RecordingAccessControl.create(ExtendedSystemAccessControl.class, delegate);

    @Test
    void testViewOfTheImpersonatorNeedsWhatAViewOfAnybodyNeeds()
            throws Throwable
    {
        assertThat(asked("svc", TO_SEE)).isEqualTo(TO_GRANT);
        assertThat(asked("svc", TO_GRANT)).isEqualTo(TO_GRANT);
    }

    @Test
    void testViewOfTheTargetNeedsWhatTheTargetNeeds()
            throws Throwable
    {
        assertThat(asked("alice", TO_GRANT)).isEqualTo(TO_SEE);
        assertThat(asked("alice", TO_SEE)).isEqualTo(TO_SEE);
    }

    @Test
    void testViewOfSomebodyElseIsAskedForAsItIs()
            throws Throwable
    {
        assertThat(asked("owner", TO_GRANT)).isEqualTo(TO_GRANT);
        assertThat(asked("owner", TO_SEE)).isEqualTo(TO_SEE);
    }

    @Test
    void testDenialIsWordedAsTrinosOwn()
    {
        delegate.failWith(new AccessDeniedException("View owner 'svc' cannot create view that selects from tpch.tiny.nation"));
        assertThatThrownBy(() -> asked("svc", TO_SEE))
                .isExactlyInstanceOf(AccessDeniedException.class)
                .hasMessage("Access Denied: View owner does not have sufficient privileges: View owner 'svc' cannot create view that selects from tpch.tiny.nation");
    }

    @Test
    void testOtherQuestionsAreNotAboutViews()
    {
        Method other = method("checkCanInsertIntoTable", 2);
        assertThat(ViewOwners.of(other, control)).isEmpty();
    }

    /**
     * Asks for a table, for a table's branch, and for a function.
     *
     * @return what the delegate was asked, always for the owner and with the same arguments
     */
    private List<String> asked(String owner, List<String> methods)
            throws Throwable
    {
        int before = delegate.calls().size();
        SystemSecurityContext context = new SystemSecurityContext(Identity.ofUser(owner), QueryId.valueOf("query"), Instant.EPOCH);
        List<Object[]> questions = List.of(
                new Object[] {context, TABLE, Set.of("name")},
                new Object[] {context, TABLE, Optional.of("branch"), Set.of("name")},
                new Object[] {context, LOWER});
        for (int index = 0; index < questions.size(); index++) {
            Object[] arguments = questions.get(index);
            ViewOwners.of(method(methods.get(index), arguments.length), control).orElseThrow().invoke(arguments, context.getIdentity(), SVC_AS_ALICE);
            assertThat(delegate.calls().get(before + index).arguments()).containsExactly(arguments);
        }
        return delegate.methods().subList(before, before + questions.size());
    }

    private static Method method(String name, int parameters)
    {
        return Arrays.stream(ExtendedSystemAccessControl.class.getMethods())
                .filter(method -> method.getName().equals(name) && method.getParameterCount() == parameters)
                .findFirst()
                .orElseThrow();
    }
}
