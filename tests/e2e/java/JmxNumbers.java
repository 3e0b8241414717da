import java.util.Arrays;
import java.util.TreeMap;
import javax.management.Attribute;
import javax.management.MBeanAttributeInfo;
import javax.management.MBeanServerConnection;
import javax.management.ObjectName;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;

/** Reads each attribute of each MBean with a name that matches, without any class of the server. */
public final class JmxNumbers
{
    private JmxNumbers() {}

    public static void main(String[] arguments)
            throws Exception
    {
        JMXServiceURL url = new JMXServiceURL("service:jmx:rmi:///jndi/rmi://127.0.0.1:%s/jmxrmi".formatted(arguments[0]));
        try (JMXConnector connector = JMXConnectorFactory.connect(url)) {
            MBeanServerConnection server = connector.getMBeanServerConnection();
            for (ObjectName name : server.queryNames(new ObjectName(arguments[1]), null)) {
                String[] attributes = Arrays.stream(server.getMBeanInfo(name).getAttributes()).map(MBeanAttributeInfo::getName).toArray(String[]::new);
                TreeMap<String, Object> values = new TreeMap<>();
                for (Attribute attribute : server.getAttributes(name, attributes).asList()) {
                    values.put(attribute.getName(), attribute.getValue());
                }
                values.forEach((attribute, value) -> System.out.printf("%s\t%s\t%s%n", name, attribute, value));
            }
        }
    }
}
