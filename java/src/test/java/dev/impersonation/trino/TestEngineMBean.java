package dev.impersonation.trino;

import dev.impersonation.engine.Engine;
import dev.impersonation.engine.Request;
import dev.impersonation.testing.TestingConfiguration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import javax.management.Attribute;
import javax.management.AttributeList;
import javax.management.AttributeNotFoundException;
import javax.management.JMException;
import javax.management.MBeanAttributeInfo;
import javax.management.MBeanException;
import javax.management.MBeanServer;
import javax.management.ObjectName;

import static dev.impersonation.engine.Request.Path.NATIVE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestEngineMBean
{
    private static final MBeanServer SERVER = ManagementFactory.getPlatformMBeanServer();

    @TempDir
    private Path directory;

    @Test
    void testAttributesAreTheMetrics()
            throws IOException, JMException
    {
        try (Engine engine = open(); EngineMBean bean = EngineMBean.register(engine)) {
            ObjectName name = name(bean);
            MBeanAttributeInfo[] attributes = SERVER.getMBeanInfo(name).getAttributes();
            assertThat(attributes)
                    .extracting(MBeanAttributeInfo::getName)
                    .containsExactlyElementsOf(engine.metrics().keySet());
            // The types that Trino's jmx catalog takes for numbers.
            assertThat(attributes).extracting(MBeanAttributeInfo::getType).containsOnly("java.lang.Long");
            assertThat(attributes).noneMatch(MBeanAttributeInfo::isWritable);
            assertThat(SERVER.getAttribute(name, "decisions_allow")).isEqualTo(0L);
            engine.check(new Request(NATIVE, false, "svc", "bob", Optional.empty()));
            assertThat(SERVER.getAttribute(name, "decisions_allow")).isEqualTo(1L);
            String[] names = Arrays.stream(attributes).map(MBeanAttributeInfo::getName).toArray(String[]::new);
            AttributeList values = SERVER.getAttributes(name, names);
            assertThat(values.asList()).hasSameSizeAs(names).contains(new Attribute("decisions_allow_permission", 1L));
        }
    }

    @Test
    void testEachHasItsNameUntilItIsClosed()
            throws IOException, JMException
    {
        try (Engine engine = open()) {
            EngineMBean first = EngineMBean.register(engine);
            EngineMBean second = EngineMBean.register(engine);
            assertThat(List.of(first.getName(), second.getName())).doesNotHaveDuplicates().allMatch(name -> name.matches("immuta(-[0-9]+)?"));
            ObjectName ofFirst = name(first);
            ObjectName ofSecond = name(second);
            first.close();
            assertThat(SERVER.isRegistered(ofFirst)).isFalse();
            assertThat(SERVER.isRegistered(ofSecond)).isTrue();
            try (EngineMBean third = EngineMBean.register(engine)) {
                assertThat(name(third)).as("the name is free again").isEqualTo(ofFirst);
            }
            second.close();
            assertThat(SERVER.isRegistered(ofSecond)).isFalse();
        }
    }

    @Test
    void testThereIsNothingElse()
            throws IOException, JMException
    {
        try (Engine engine = open(); EngineMBean bean = EngineMBean.register(engine)) {
            ObjectName name = name(bean);
            assertThat(SERVER.getMBeanInfo(name).getOperations()).isEmpty();
            assertThatThrownBy(() -> SERVER.getAttribute(name, "other")).isInstanceOf(AttributeNotFoundException.class);
            assertThatThrownBy(() -> SERVER.setAttribute(name, new Attribute("decisions_allow", 7L))).isInstanceOf(AttributeNotFoundException.class);
            assertThatThrownBy(() -> SERVER.invoke(name, "flush", new Object[0], new String[0])).isInstanceOf(JMException.class);
            assertThat(SERVER.getAttributes(name, new String[] {"other", "decisions_deny"}).asList()).containsExactly(new Attribute("decisions_deny", 0L));
        }
    }

    @Test
    void testClosedEngineHasNoNumbers()
            throws IOException, JMException
    {
        Engine engine = open();
        try (EngineMBean bean = EngineMBean.register(engine)) {
            engine.close();
            assertThatThrownBy(() -> SERVER.getAttribute(name(bean), "decisions_allow"))
                    .isInstanceOf(MBeanException.class)
                    .hasRootCauseExactlyInstanceOf(IllegalStateException.class);
            assertThat(SERVER.getAttributes(name(bean), new String[] {"decisions_allow"})).isEmpty();
        }
    }

    @Test
    void testControlHasItsBeanUntilItsEngineIsClosed()
            throws IOException, JMException
    {
        EngineLifecycle engine = EngineLifecycle.start(open(), false);
        ObjectName name = new ObjectName("trino.plugin.impersonation:type=Engine,name=" + engine.getName());
        assertThat(SERVER.isRegistered(name)).isTrue();
        engine.close();
        engine.close();
        assertThat(SERVER.isRegistered(name)).isFalse();
    }

    private Engine open()
            throws IOException
    {
        return Engine.open(new TestingConfiguration(directory).properties());
    }

    private static ObjectName name(EngineMBean bean)
            throws JMException
    {
        return new ObjectName("trino.plugin.impersonation:type=Engine,name=" + bean.getName());
    }
}
