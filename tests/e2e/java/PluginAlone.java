import io.trino.spi.Plugin;
import io.trino.spi.security.SystemAccessControl;
import io.trino.spi.security.SystemAccessControlFactory;

import java.lang.reflect.Proxy;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.Map;
import java.util.ServiceLoader;

/**
 * Loads the plugin's jar, and nothing else of a server, as a server does: by a class loader of its own. Arguments: the jar and a policy file.
 */
public final class PluginAlone
{
    private PluginAlone() {}

    public static void main(String[] args)
            throws Exception
    {
        URL[] jar = {Path.of(args[0]).toUri().toURL()};
        try (URLClassLoader loader = new URLClassLoader(jar, PluginAlone.class.getClassLoader())) {
            Plugin plugin = ServiceLoader.load(Plugin.class, loader).findFirst().orElseThrow();
            SystemAccessControlFactory factory = plugin.getSystemAccessControlFactories().iterator().next();
            Map<String, String> configuration = Map.of("immuta.impersonation.policy-file", args[1], "immuta.impersonation.audit.file", "");
            // Its methods differ from version to version, and none of them is asked.
            Class<?> type = SystemAccessControlFactory.SystemAccessControlContext.class;
            Object context = Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) -> null);
            SystemAccessControl control = factory.create(configuration, (SystemAccessControlFactory.SystemAccessControlContext) context);
            System.out.println("loaded " + control);
        }
        System.exit(0);
    }
}
