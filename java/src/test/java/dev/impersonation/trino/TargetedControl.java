package dev.impersonation.trino;

import dev.impersonation.engine.Bound;
import dev.impersonation.engine.Decision;
import dev.impersonation.engine.Engine;
import dev.impersonation.engine.Reason;
import dev.impersonation.testing.TestingConfiguration;
import io.trino.spi.QueryId;
import io.trino.spi.security.BasicPrincipal;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemSecurityContext;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import static io.trino.spi.StandardErrorCode.ALREADY_EXISTS;

/**
 * A control over a delegate that remembers whom it was asked for and allows everything. On the property path svc may be alice, who is one of the analysts.
 */
final class TargetedControl
        implements AutoCloseable
{
    static final Identity SVC = Identity.forUser("svc").withPrincipal(new BasicPrincipal("svc")).build();
    static final Identity ALICE = Identity.forUser("alice").withGroups(Set.of("analysts")).build();

    private final RecordingAccessControl delegate = new RecordingAccessControl();
    private final LiveParts liveParts = new LiveParts();
    private final PropertyPath path = new PropertyPath(
            request -> new Bound(new Decision(true, new Reason(1, "permission", "may")), ALICE.getUser(), ALICE.getGroups()),
            refused -> {},
            user -> Optional.empty(),
            true,
            new Bindings(Bindings.Limits.DEFAULT, () -> Instant.EPOCH));
    private final EngineLifecycle engine;
    private final ExtendedSystemAccessControl control;

    TargetedControl(Path directory)
            throws IOException
    {
        engine = EngineLifecycle.start(Engine.open(new TestingConfiguration(directory).properties()), false);
        control = ImpersonationAccessControl.create(
                ExtendedSystemAccessControl.class,
                Delegate.ofServer(RecordingAccessControl.create(ExtendedSystemAccessControl.class, delegate)),
                new ImpersonationCheck((chained, impersonator, target) -> {
                    throw new AssertionError("Not on the native path");
                }),
                true,
                engine,
                new QueryRecorder(user -> Optional.empty(), path::binding, engine.getEngine()::recordQuery, InstantSource.system()),
                new CheckedForTarget.Environment(path, liveParts, new SecurityContexts(), new FilterExpressions((expression, binding) -> expression)));
        liveParts.catalog().connectorStarted();
    }

    ExtendedSystemAccessControl control()
    {
        return control;
    }

    RecordingAccessControl delegate()
    {
        return delegate;
    }

    LiveParts liveParts()
    {
        return liveParts;
    }

    /**
     * The beginning of a query of svc's that impersonates alice.
     */
    SystemSecurityContext bind(String queryId)
    {
        SystemSecurityContext context = context(queryId, SVC);
        path.propertyChecked(queryId, SVC);
        created(queryId, "SELECT 1", Map.of("immuta.immuta_user", "alice"));
        return context;
    }

    void created(String queryId, String statement, Map<String, String> properties)
    {
        listener().queryCreated(QueryEvents.created(queryId, statement, "svc", "svc", properties));
    }

    void completed(String queryId, boolean succeeded)
    {
        listener().queryCompleted(QueryEvents.completed(queryId, "svc", succeeded ? Optional.empty() : Optional.of(ALREADY_EXISTS.toErrorCode())));
    }

    /**
     * For whom the delegate was asked last.
     */
    Identity lastAsked()
    {
        List<RecordingAccessControl.Call> calls = delegate.calls();
        return ((SystemSecurityContext) calls.get(calls.size() - 1).arguments().get(0)).getIdentity();
    }

    static SystemSecurityContext context(String queryId, Identity identity)
    {
        return new SystemSecurityContext(identity, QueryId.valueOf(queryId), Instant.EPOCH);
    }

    @Override
    public void close()
    {
        engine.close();
    }

    private BindingListener listener()
    {
        return new BindingListener(path, liveParts.catalog());
    }
}
