import io.trino.server.Server;

/** Starts a Trino whose server comes from Maven's jars, which hold no main class. */
public final class TrinoMain
{
    private TrinoMain() {}

    public static void main(String[] arguments)
    {
        new Server().start(arguments[0]);
    }
}
