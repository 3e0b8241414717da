package dev.impersonation.trino;

import dev.impersonation.engine.Engine;
import dev.impersonation.engine.EngineException;
import io.trino.spi.security.SystemAccessControl;
import io.trino.spi.security.SystemAccessControlFactory;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import static java.util.Objects.requireNonNull;

/**
 * Trino asks for a control by one of the two methods, depending on its version: the second came with 426, the first went with 467.
 */
public final class ImpersonationAccessControlFactory
        implements SystemAccessControlFactory
{
    static final String NAME = "immuta";
    static final String DELEGATE_PROPERTY = "immuta.delegate.config-file";

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
        DelegateLoader delegateLoader = new DelegateLoader(System.getenv(), SystemAccessControl.class.getClassLoader(), creator);
        // Both are tried before either is complained about, so that the operator sees every problem at once.
        List<RuntimeException> problems = new ArrayList<>();
        EngineLifecycle engine = null;
        SystemAccessControl delegate = null;
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
            return ImpersonationAccessControl.create(SystemAccessControl.class, delegate, new ImpersonationCheck(engine.getEngine()::check), engine);
        }
        catch (Throwable e) {
            closeAll(engine, delegate, e);
            throw e;
        }
    }

    private static void closeAll(EngineLifecycle engine, SystemAccessControl delegate, Throwable failure)
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
                Forwarder.shutdown(SystemAccessControl.class, delegate);
            }
            catch (RuntimeException e) {
                failure.addSuppressed(e);
            }
        }
    }
}
