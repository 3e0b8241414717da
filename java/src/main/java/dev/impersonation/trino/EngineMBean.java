package dev.impersonation.trino;

import dev.impersonation.engine.Engine;
import dev.impersonation.engine.EngineException;

import java.lang.management.ManagementFactory;
import java.util.Map;
import java.util.logging.Level;
import java.util.logging.Logger;
import javax.management.Attribute;
import javax.management.AttributeList;
import javax.management.AttributeNotFoundException;
import javax.management.DynamicMBean;
import javax.management.InstanceAlreadyExistsException;
import javax.management.JMException;
import javax.management.MBeanException;
import javax.management.MBeanInfo;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import javax.management.ReflectionException;
import javax.management.openmbean.OpenMBeanAttributeInfo;
import javax.management.openmbean.OpenMBeanAttributeInfoSupport;
import javax.management.openmbean.OpenMBeanInfoSupport;
import javax.management.openmbean.SimpleType;

import static java.util.Objects.requireNonNull;

/**
 * What an engine counts, by JMX. Made of plain numbers, which Trino's {@code jmx} catalog can read, and of open types, so that no client needs our classes. Its attributes
 * are whatever the engine counts, so that no interface could list them.
 */
final class EngineMBean
        implements DynamicMBean, AutoCloseable
{
    private static final Logger log = Logger.getLogger(EngineMBean.class.getName());

    static final String DOMAIN = "trino.plugin.impersonation";

    private final MBeanServer server;
    private final Engine engine;
    private final MBeanInfo info;
    private ObjectName objectName;

    private EngineMBean(MBeanServer server, Engine engine)
    {
        this.server = requireNonNull(server, "server is null");
        this.engine = requireNonNull(engine, "engine is null");
        OpenMBeanAttributeInfo[] attributes = engine.metrics().keySet().stream()
                .map(name -> new OpenMBeanAttributeInfoSupport(name, "See docs/metrics.md", SimpleType.LONG, true, false, false))
                .toArray(OpenMBeanAttributeInfo[]::new);
        info = new OpenMBeanInfoSupport(EngineMBean.class.getName(), "Impersonation", attributes, null, null, null);
    }

    /**
     * The first has the name of the access control, others a number as well.
     */
    static EngineMBean register(Engine engine)
    {
        EngineMBean bean = new EngineMBean(ManagementFactory.getPlatformMBeanServer(), engine);
        for (int number = 1; ; number++) {
            String name = number == 1 ? ImpersonationAccessControlFactory.NAME : "%s-%s".formatted(ImpersonationAccessControlFactory.NAME, number);
            try {
                bean.objectName = bean.server.registerMBean(bean, new ObjectName("%s:type=Engine,name=%s".formatted(DOMAIN, name))).getObjectName();
                return bean;
            }
            catch (InstanceAlreadyExistsException e) {
                // Another access control has this name.
            }
            catch (JMException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    String getName()
    {
        return objectName.getKeyProperty("name");
    }

    @Override
    public Object getAttribute(String name)
            throws AttributeNotFoundException, MBeanException
    {
        Long value = metrics().get(name);
        if (value == null) {
            throw new AttributeNotFoundException(name);
        }
        return value;
    }

    @Override
    public AttributeList getAttributes(String[] names)
    {
        AttributeList found = new AttributeList();
        try {
            Map<String, Long> metrics = metrics();
            for (String name : names) {
                if (metrics.containsKey(name)) {
                    found.add(new Attribute(name, metrics.get(name)));
                }
            }
        }
        catch (MBeanException e) {
            // As JMX has it: what cannot be read is left out.
        }
        return found;
    }

    @Override
    public void setAttribute(Attribute attribute)
            throws AttributeNotFoundException
    {
        throw new AttributeNotFoundException("Read-only: " + attribute.getName());
    }

    @Override
    public AttributeList setAttributes(AttributeList attributes)
    {
        return new AttributeList();
    }

    @Override
    public Object invoke(String name, Object[] parameters, String[] signature)
            throws ReflectionException
    {
        throw new ReflectionException(new NoSuchMethodException(name));
    }

    @Override
    public MBeanInfo getMBeanInfo()
    {
        return info;
    }

    @Override
    public void close()
    {
        try {
            server.unregisterMBean(objectName);
        }
        catch (JMException e) {
            log.log(Level.WARNING, "The MBean %s cannot be unregistered".formatted(objectName), e);
        }
    }

    private Map<String, Long> metrics()
            throws MBeanException
    {
        try {
            return engine.metrics();
        }
        catch (EngineException e) {
            // Of a class that clients know.
            throw new MBeanException(new IllegalStateException(e.getMessage()));
        }
    }
}
