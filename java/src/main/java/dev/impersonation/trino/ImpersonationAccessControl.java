package dev.impersonation.trino;

import io.trino.spi.eventlistener.EventListener;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemAccessControl;
import io.trino.spi.security.SystemSecurityContext;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.security.Principal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import static java.util.Objects.requireNonNull;

/**
 * Decides on impersonation and leaves all other questions to the delegate.
 * <p>
 * A proxy over the interface of the running server: no class could implement the interfaces of all servers, because the newer ones refuse a control that has a
 * method of the older ones. So a method that a later server adds reaches the delegate, too, for the target where the query has one. Only where it names somebody in
 * a way that is not known here, nobody is asked: the question could be whether one user may be another.
 */
final class ImpersonationAccessControl
        implements InvocationHandler
{
    private static final String IMPERSONATION = "checkCanImpersonateUser";

    private final Class<? extends SystemAccessControl> type;
    private final Delegate delegate;
    private final ImpersonationCheck check;
    private final boolean checkPrincipals;
    private final EngineLifecycle engine;
    private final QueryRecorder recorder;
    private final CheckedForTarget.Environment environment;
    private final Map<Method, Handler> handlers;
    private final Handler impersonation;
    /** As the proxy names it, so that the question asked most is found without a search. */
    private Method impersonationMethod;

    private ImpersonationAccessControl(
            Class<? extends SystemAccessControl> type,
            Delegate delegate,
            ImpersonationCheck check,
            boolean checkPrincipals,
            EngineLifecycle engine,
            QueryRecorder recorder,
            CheckedForTarget.Environment environment)
    {
        this.type = requireNonNull(type, "type is null");
        this.delegate = requireNonNull(delegate, "delegate is null");
        this.check = requireNonNull(check, "check is null");
        this.checkPrincipals = checkPrincipals;
        this.engine = requireNonNull(engine, "engine is null");
        this.recorder = requireNonNull(recorder, "recorder is null");
        this.environment = requireNonNull(environment, "environment is null");
        impersonation = (proxy, arguments) -> {
            check.check((Identity) arguments[0], (String) arguments[1]);
            return null;
        };
        Map<Method, Handler> handlers = new HashMap<>();
        for (Method method : type.getMethods()) {
            if (!Modifier.isStatic(method.getModifiers())) {
                handlers.put(method, handler(method));
            }
        }
        this.handlers = handlers;
    }

    /**
     * @param type the interface of the running server
     * @param checkPrincipals whether the delegate is asked which principal may be which user
     */
    static <T extends SystemAccessControl> T create(
            Class<T> type,
            Delegate delegate,
            ImpersonationCheck check,
            boolean checkPrincipals,
            EngineLifecycle engine,
            QueryRecorder recorder,
            CheckedForTarget.Environment environment)
    {
        ImpersonationAccessControl handler = new ImpersonationAccessControl(type, delegate, check, checkPrincipals, engine, recorder, environment);
        T control = type.cast(Proxy.newProxyInstance(ImpersonationAccessControl.class.getClassLoader(), new Class<?>[] {type}, handler));
        handler.learnImpersonationMethod(control);
        return control;
    }

    @Override
    public Object invoke(Object proxy, Method method, Object[] arguments)
            throws Throwable
    {
        // By the name, which the JVM interns and knows when it compiles the proxy: then it need not make the array of arguments for this question.
        if (method.getName() == IMPERSONATION && method == impersonationMethod) {
            String refusal = check.refusal((Identity) arguments[0], (String) arguments[1]);
            if (refusal != null) {
                throw new AccessDeniedException(refusal);
            }
            return null;
        }
        return dispatch(proxy, method, arguments);
    }

    /**
     * Has the proxy ask once, so that later questions never go another way than the shortest, and the JVM compiles that one alone.
     */
    private void learnImpersonationMethod(SystemAccessControl control)
    {
        try {
            control.checkCanImpersonateUser((Identity) null, "");
        }
        catch (MethodLearnedException | NoSuchMethodError e) {
            // A server without this form of the question asks in another one.
            return;
        }
        throw new IllegalStateException("The proxy does not ask its handler");
    }

    private Object dispatch(Object proxy, Method method, Object[] arguments)
            throws Throwable
    {
        Handler handler = handlers.get(method);
        if (handler != null) {
            if (handler == impersonation && impersonationMethod == null) {
                impersonationMethod = method;
                throw new MethodLearnedException();
            }
            return handler.invoke(proxy, arguments);
        }
        return switch (method.getName()) {
            case "equals" -> proxy == arguments[0];
            case "hashCode" -> System.identityHashCode(proxy);
            case "toString" -> "%s over %s".formatted(ImpersonationAccessControlFactory.NAME, delegate.control());
            default -> throw new IllegalStateException("Unexpected method: " + method);
        };
    }

    void shutdown()
    {
        environment.liveParts().controlEnded(environment.path());
        try {
            engine.close();
        }
        finally {
            delegate.shutdown(type);
        }
    }

    private Handler handler(Method method)
    {
        if (Forwarder.isShutdown(method)) {
            return (proxy, arguments) -> {
                shutdown();
                return null;
            };
        }
        List<Class<?>> parameters = List.of(method.getParameterTypes());
        if (!method.getName().equals(IMPERSONATION) && !KnownForms.isKnown(method)) {
            return refusal(method);
        }
        switch (method.getName()) {
            case IMPERSONATION:
                if (parameters.equals(List.of(Identity.class, String.class))) {
                    return impersonation;
                }
                if (parameters.equals(List.of(SystemSecurityContext.class, String.class))) {
                    return (proxy, arguments) -> {
                        check.check(((SystemSecurityContext) arguments[0]).getIdentity(), (String) arguments[1]);
                        return null;
                    };
                }
                // Not to the delegate, which might allow it. The default of a new form calls the old one, which is ours, or denies.
                return (proxy, arguments) -> InvocationHandler.invokeDefault(proxy, method, arguments);
            case "checkCanSetUser":
                if (!parameters.equals(List.of(Optional.class, String.class))) {
                    return refusal(method);
                }
                Forwarder setUser = new Forwarder(method, delegate.control());
                return (proxy, arguments) -> {
                    check.userSet(principal(arguments[0]));
                    return checkPrincipals ? setUser.invoke(arguments) : null;
                };
            case "checkCanExecuteQuery":
                Forwarder executeQuery = new Forwarder(method, delegate.control());
                return (proxy, arguments) -> {
                    check.requestEnded();
                    recorder.queryAdmitted(arguments);
                    return executeQuery.invoke(arguments);
                };
            case "getEventListeners":
                return (proxy, arguments) -> eventListeners();
            default:
                if (CheckedForTarget.isAskedByQuery(method)) {
                    CheckedForTarget checked = new CheckedForTarget(method, delegate.control(), environment);
                    return (proxy, arguments) -> checked.invoke(arguments);
                }
                Forwarder forwarder = new Forwarder(method, delegate.control());
                return (proxy, arguments) -> forwarder.invoke(arguments);
        }
    }

    private static Handler refusal(Method method)
    {
        return (proxy, arguments) -> {
            throw new AccessDeniedException("Cannot answer %s: this server asks it in a way that is newer than the plugin of the access control '%s'; install a newer plugin"
                    .formatted(method.getName(), ImpersonationAccessControlFactory.NAME));
        };
    }

    private List<EventListener> eventListeners()
    {
        List<EventListener> listeners = new ArrayList<>();
        // First, so that whoever else listens finds the query bound.
        listeners.add(new BindingListener(environment.path(), environment.liveParts().catalog()));
        listeners.add(recorder);
        delegate.control().getEventListeners().forEach(listeners::add);
        return listeners;
    }

    @SuppressWarnings("unchecked")
    private static Optional<Principal> principal(Object argument)
    {
        return (Optional<Principal>) argument;
    }

    /**
     * An exception, since returning would be an answer.
     */
    private static final class MethodLearnedException
            extends RuntimeException
    {
        private static final long serialVersionUID = 1;
    }

    private interface Handler
    {
        Object invoke(Object proxy, Object[] arguments)
                throws Throwable;
    }
}
