package dev.impersonation.trino;

import dev.impersonation.engine.Engine;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.util.concurrent.atomic.AtomicBoolean;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

/**
 * An engine together with what runs as long as it is open. Closing it twice does no harm.
 */
final class EngineLifecycle
        implements AutoCloseable
{
    private final Engine engine;
    private final EngineLogPump logPump;
    private final EngineMBean mbean;
    private final Thread exitHook;
    private final AtomicBoolean closed = new AtomicBoolean();

    private EngineLifecycle(Engine engine, EngineLogPump logPump)
    {
        this.engine = requireNonNull(engine, "engine is null");
        this.logPump = requireNonNull(logPump, "logPump is null");
        mbean = EngineMBean.register(engine);
        exitHook = new Thread(() -> closeOnce(true), "immuta-impersonation-exit");
    }

    /**
     * @param closeAtExit for a server that ends without telling its access controls; the last audit lines must be written all the same
     */
    static EngineLifecycle start(Engine engine, boolean closeAtExit)
    {
        EngineLifecycle lifecycle = new EngineLifecycle(engine, new EngineLogPump(engine));
        if (closeAtExit) {
            Runtime.getRuntime().addShutdownHook(lifecycle.exitHook);
        }
        return lifecycle;
    }

    Engine getEngine()
    {
        return engine;
    }

    /**
     * By which those who run several engines tell them apart.
     */
    String getName()
    {
        return mbean.getName();
    }

    @Override
    public void close()
    {
        boolean jvmEnds = false;
        try {
            Runtime.getRuntime().removeShutdownHook(exitHook);
        }
        catch (IllegalStateException e) {
            // The JVM is on its way down and runs the hook itself.
            jvmEnds = true;
        }
        closeOnce(jvmEnds);
    }

    private void closeOnce(boolean jvmEnds)
    {
        if (closed.compareAndSet(false, true)) {
            mbean.close();
            // The pump goes last, for what the engine has to say while it closes.
            try {
                engine.close();
            }
            finally {
                closeLog(jvmEnds);
            }
        }
    }

    private void closeLog(boolean jvmEnds)
    {
        if (!jvmEnds) {
            logPump.close();
            return;
        }
        // Past System.err, which the server may have led into its log. Not closed, since others use it, too.
        logPump.closeAtExit(new PrintStream(new FileOutputStream(FileDescriptor.err), true, UTF_8));
    }
}
