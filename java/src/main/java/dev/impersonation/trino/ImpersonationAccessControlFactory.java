package dev.impersonation.trino;

import dev.impersonation.engine.Engine;
import dev.impersonation.engine.EngineException;
import dev.impersonation.engine.Expressions;
import dev.impersonation.engine.Impersonation;
import io.trino.spi.security.SystemAccessControl;
import io.trino.spi.security.SystemAccessControlFactory;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.logging.Logger;
import java.util.stream.Stream;

import static dev.impersonation.engine.Request.Path.NATIVE;
import static java.util.Objects.requireNonNull;

/**
 * Trino asks for a control by one of the two methods, depending on its version: the second came with 426, the first went with 467.
 */
public final class ImpersonationAccessControlFactory
        implements SystemAccessControlFactory
{
    private static final Logger log = Logger.getLogger(ImpersonationAccessControlFactory.class.getName());

    static final String NAME = "immuta";
    static final String DELEGATE_PROPERTY = "immuta.delegate.config-file";
    private static final String CHECK_PRINCIPALS = "immuta.delegate.check-principals";
    private static final String GROUP_FILE = "immuta.group-file";
    private static final String POLICY_FILE = "immuta.impersonation.policy-file";

    @SuppressWarnings("deprecation")
    @Override
    public SystemAccessControl create(Map<String, String> config)
    {
        return create(config, SystemAccessControlFactory::create);
    }

    @Override
    public SystemAccessControl create(Map<String, String> config, SystemAccessControlContext context)
    {
        requireNonNull(context, "context is null");
        return create(config, (factory, delegateConfig) -> factory.create(delegateConfig, context));
    }

    @Override
    public String getName()
    {
        return NAME;
    }

    private static SystemAccessControl create(Map<String, String> config, DelegateLoader.Creator creator)
    {
        requireNonNull(config, "config is null");
        DelegateLoader delegateLoader = new DelegateLoader(System.getenv(), SystemAccessControl.class.getClassLoader(), DelegatePlugins::besideThisPlugin, creator);
        // Both are tried before either is complained about, so that the operator sees every problem at once.
        List<RuntimeException> problems = new ArrayList<>();
        EngineLifecycle engine = null;
        Delegate delegate = null;
        try {
            try {
                engine = EngineLifecycle.start(Engine.open(config), !Forwarder.hasShutdown(SystemAccessControl.class));
            }
            catch (EngineException e) {
                problems.add(e);
            }
            try {
                delegate = delegateLoader.load(Optional.ofNullable(config.get(DELEGATE_PROPERTY)));
            }
            catch (DelegateException e) {
                problems.add(e);
            }
            if (!problems.isEmpty()) {
                throw new StartFailure(problems);
            }
            // The engine has refused whatever is neither true nor false.
            boolean checkPrincipals = Boolean.parseBoolean(config.getOrDefault(CHECK_PRINCIPALS, "true").trim());
            return start(engine, delegate, config, checkPrincipals);
        }
        catch (Throwable e) {
            closeAll(engine, delegate, e);
            throw e;
        }
    }

    private static SystemAccessControl start(EngineLifecycle engine, Delegate delegate, Map<String, String> config, boolean checkPrincipals)
    {
        boolean hasDelegate = config.containsKey(DELEGATE_PROPERTY);
        LiveParts liveParts = LiveParts.OF_THIS_PLUGIN;
        StartWarnings.of(ServerConfiguration.read(System.getProperties()), liveParts.catalog().isThere(), hasDelegate, hasGroups(config)).forEach(log::warning);
        InstantSource clock = InstantSource.system();
        Engine decider = engine.getEngine();
        ImpersonationCheck check = new ImpersonationCheck((chained, impersonator, target) ->
                decider.check(NATIVE, chained, impersonator.getUser(), target, impersonator.getPrincipal()));
        Bindings bindings = new Bindings(Bindings.Limits.DEFAULT, clock);
        PropertyPath path = new PropertyPath(
                decider::bind,
                decider::refuse,
                user -> check.impersonation(user).map(Impersonation::reason),
                hasDelegate,
                bindings);
        QueryRecorder recorder = new QueryRecorder(check::impersonation, path::binding, engine.getEngine()::recordQuery, clock);
        FilterExpressions expressions = new FilterExpressions(
                (expression, binding) -> Expressions.forUser(expression, binding.effective().getUser(), binding.effective().getGroups()));
        SystemAccessControl control = ImpersonationAccessControl.create(
                SystemAccessControl.class,
                delegate,
                check,
                checkPrincipals,
                engine,
                recorder,
                new CheckedForTarget.Environment(path, liveParts, new SecurityContexts(), expressions));
        liveParts.controlStarted(path);
        liveParts.operable(new OperatedControl(engine.getName(), path, engine.getEngine()));
        return control;
    }

    /**
     * Only for a warning, so that the policy file need not be understood.
     */
    private static boolean hasGroups(Map<String, String> config)
    {
        if (config.containsKey(GROUP_FILE)) {
            return true;
        }
        String policy = config.get(POLICY_FILE);
        if (policy == null) {
            return false;
        }
        try (Stream<String> lines = Files.lines(Path.of(policy.trim()))) {
            return lines.anyMatch(line -> line.contains("\"groups\""));
        }
        catch (IOException | UncheckedIOException | InvalidPathException e) {
            // The engine says what is wrong with it.
            return false;
        }
    }

    private static void closeAll(EngineLifecycle engine, Delegate delegate, Throwable failure)
    {
        if (engine != null) {
            try {
                engine.close();
            }
            catch (RuntimeException e) {
                failure.addSuppressed(e);
            }
        }
        if (delegate != null) {
            try {
                delegate.shutdown(SystemAccessControl.class);
            }
            catch (RuntimeException e) {
                failure.addSuppressed(e);
            }
        }
    }
}
