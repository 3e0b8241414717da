package dev.impersonation.trino;

import dev.impersonation.testing.TestingConfiguration;
import io.trino.spi.QueryId;
import io.trino.spi.connector.CatalogSchemaTableName;
import io.trino.spi.connector.SchemaTableName;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemAccessControl;
import io.trino.spi.security.SystemAccessControlFactory;
import io.trino.spi.security.SystemSecurityContext;
import io.trino.spi.security.ViewExpression;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.logging.Level;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestImpersonationAccessControlFactory
{
    private static final Identity SVC = Identity.ofUser("svc");
    private static final Identity ALICE = Identity.ofUser("alice");

    @TempDir
    private Path directory;

    @Test
    void testPluginGivesOneFactory()
    {
        Iterator<SystemAccessControlFactory> factories = new ImpersonationPlugin().getSystemAccessControlFactories().iterator();
        assertThat(factories.next().getName()).isEqualTo("immuta");
        assertThat(factories).isExhausted();
    }

    @SuppressWarnings("deprecation")
    @Test
    void testBothCreateForms()
            throws IOException
    {
        SystemAccessControlFactory factory = new ImpersonationAccessControlFactory();
        Map<String, String> properties = new TestingConfiguration(directory).properties();
        for (SystemAccessControl control : List.of(factory.create(properties), factory.create(properties, new TestingContext()))) {
            try (RunningControl running = new RunningControl(control)) {
                assertWorks(running.control());
            }
        }
    }

    @Test
    void testDenialTexts()
            throws IOException
    {
        TestingConfiguration configuration = new TestingConfiguration(directory);
        try (RunningControl running = start(configuration)) {
            assertDenied(running.control(), "bob", "alice");
            assertDenied(running.control(), "svc", "carol");
            assertDenied(running.control(), "svc", "nobody");
            assertDenied(running.control(), "nobody", "bob");
            assertDenied(running.control(), "svc", "b\0b");
            assertDenied(running.control(), "svc", "b\ud800");
        }
        assertThat(Files.readAllLines(configuration.auditFile()).stream().filter(line -> line.contains("\"decision\":\"deny\""))).hasSize(6);
    }

    @Test
    void testOversizedNameIsDenied()
            throws IOException
    {
        try (CapturedLog log = new CapturedLog(ImpersonationCheck.class); RunningControl running = start(new TestingConfiguration(directory))) {
            String huge = "b".repeat(2_000_000);
            assertThatThrownBy(() -> running.control().checkCanImpersonateUser(SVC, huge))
                    .isExactlyInstanceOf(AccessDeniedException.class)
                    .hasMessageEndingWith("the impersonation check failed (REQUEST_TOO_LARGE); nobody is let in until it works again, see the server log");
            assertThat(log.records()).hasSize(1);
            assertThat(log.records().get(0).getThrown()).message().hasSizeLessThan(200);
            assertWorks(running.control());
        }
    }

    @SuppressWarnings("deprecation")
    @Test
    void testChainOfOneRequest()
            throws IOException
    {
        try (RunningControl running = start(new TestingConfiguration(directory))) {
            SystemAccessControl control = running.control();
            control.checkCanSetUser(Optional.empty(), "alice");
            control.checkCanImpersonateUser(SVC, "alice");
            control.checkCanSetUser(Optional.empty(), "bob");
            assertThatThrownBy(() -> control.checkCanImpersonateUser(ALICE, "bob")).isExactlyInstanceOf(AccessDeniedException.class);
            control.checkCanExecuteQuery(ALICE);
            assertThatCode(() -> control.checkCanImpersonateUser(ALICE, "bob")).doesNotThrowAnyException();
        }
    }

    @Test
    void testDefaultDelegate()
            throws IOException
    {
        try (RunningControl running = start(new TestingConfiguration(directory))) {
            assertThat(running.control()).asString().contains("DefaultSystemAccessControl");
            assertThat(running.control().filterCatalogs(context(ALICE), Set.of("tpch"))).containsExactly("tpch");
            assertThatThrownBy(() -> running.control().checkCanWriteSystemInformation(ALICE)).isExactlyInstanceOf(AccessDeniedException.class);
        }
    }

    @Test
    void testFileDelegateDecidesOnData()
            throws IOException
    {
        TestingConfiguration configuration = new TestingConfiguration(directory);
        Path rules = configuration.write("rules.json", """
                {
                  "catalogs": [{"catalog": "tpch", "allow": "all"}],
                  "tables": [
                    {"user": "alice", "catalog": "tpch", "table": "orders", "privileges": ["SELECT"], "filter": "orderkey < 10"},
                    {"user": "svc", "catalog": "tpch", "privileges": ["SELECT"]}
                  ],
                  "impersonation": [{"original_user": "bob", "new_user": "alice"}]
                }
                """);
        configuration.withDelegate("access-control.name=file\nsecurity.config-file=%s\n".formatted(rules));
        try (RunningControl running = start(configuration)) {
            SystemAccessControl control = running.control();
            CatalogSchemaTableName orders = new CatalogSchemaTableName("tpch", new SchemaTableName("tiny", "orders"));
            CatalogSchemaTableName nation = new CatalogSchemaTableName("tpch", new SchemaTableName("tiny", "nation"));
            control.checkCanSelectFromColumns(context(ALICE), orders, Set.of("orderkey"));
            control.checkCanSelectFromColumns(context(SVC), nation, Set.of("name"));
            assertThatThrownBy(() -> control.checkCanSelectFromColumns(context(ALICE), nation, Set.of("name")))
                    .isExactlyInstanceOf(AccessDeniedException.class)
                    .hasMessageContaining("Cannot select from")
                    .hasNoCause()
                    .hasNoSuppressedExceptions();
            assertThat(control.getRowFilters(context(ALICE), orders)).extracting(ViewExpression::getExpression).containsExactly("orderkey < 10");
            assertThat(control.filterCatalogs(context(ALICE), Set.of("tpch", "memory"))).containsExactly("tpch");
            assertWorks(control);
            assertDenied(control, "bob", "alice");
        }
    }

    @Test
    void testEveryProblemOfTheStartIsNamedAtOnce()
            throws IOException
    {
        TestingConfiguration configuration = new TestingConfiguration(directory)
                .with("immuta.impersonation.enabled", "perhaps")
                .with("immuta.impersonation.allow-chaind", "true")
                .withDelegate("access-control.name=opa\n");
        assertThatThrownBy(() -> start(configuration))
                .isInstanceOf(RuntimeException.class)
                .message()
                .satisfies(message -> {
                    List<String> lines = message.lines().toList();
                    assertThat(lines.get(0)).isEqualTo("The access control 'immuta' cannot start:");
                    assertThat(lines.subList(1, lines.size()))
                            .hasSize(3)
                            .allMatch(line -> line.startsWith("  - immuta."))
                            .anyMatch(line -> line.startsWith("  - immuta.impersonation.enabled"))
                            .anyMatch(line -> line.contains("immuta.impersonation.allow-chained"))
                            .anyMatch(line -> line.startsWith("  - immuta.delegate.config-file: ") && line.contains("access-control.name=opa cannot be used: built in are "));
                });
    }

    @Test
    void testFilesThatEverybodyCanWriteStopTheStart()
            throws IOException
    {
        TestingConfiguration configuration = new TestingConfiguration(directory).withDelegate("access-control.name=allow-all\n");
        for (String property : List.of("immuta.impersonation.policy-file", "immuta.delegate.config-file")) {
            Path file = Path.of(configuration.properties().get(property));
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-rw-"));
            assertThatThrownBy(() -> start(configuration))
                    .hasMessageStartingWith("The access control 'immuta' cannot start:\n  - %s: %s can be written by everybody (mode 0666)".formatted(property, file));
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-r--"));
        }
        try (RunningControl running = start(configuration)) {
            assertWorks(running.control());
        }
    }

    @Test
    void testEngineIsClosedWhenTheDelegateFails()
            throws Exception
    {
        // The start is tried often, so that a thread or an engine that stays would show.
        Path missing = directory.resolve("missing.properties");
        TestingConfiguration configuration = new TestingConfiguration(directory).with("immuta.delegate.config-file", missing.toString());
        for (int attempt = 0; attempt < 50; attempt++) {
            assertThatThrownBy(() -> start(configuration))
                    .hasMessage("The access control 'immuta' cannot start:\n  - immuta.delegate.config-file: %s does not exist".formatted(missing));
        }
        assertNoThreadOfOursIsLeft();
    }

    @Test
    void testShutdownEndsTheThreads()
            throws Exception
    {
        for (int round = 0; round < 20; round++) {
            try (RunningControl running = start(new TestingConfiguration(directory))) {
                assertWorks(running.control());
            }
        }
        assertNoThreadOfOursIsLeft();
    }

    @Test
    void testWarningsAreLoggedBeforeTheStartReturns()
            throws IOException
    {
        try (CapturedLog log = new CapturedLog(EngineLogPump.class);
                RunningControl running = start(new TestingConfiguration(directory).with("immuta.cache.views.seconds", "60"))) {
            assertThat(log.records()).anySatisfy(record -> {
                assertThat(record.getLevel()).isEqualTo(Level.WARNING);
                assertThat(record.getMessage()).contains("immuta.cache.views.seconds");
            });
            assertWorks(running.control());
        }
    }

    @Test
    void testMessagesOfARunningEngineAreLogged()
            throws Exception
    {
        TestingConfiguration configuration = new TestingConfiguration(directory).with("immuta.impersonation.policy-file.refresh", "1s");
        try (CapturedLog log = new CapturedLog(EngineLogPump.class); RunningControl running = start(configuration)) {
            assertWorks(running.control());
            int before = log.records().size();
            configuration.write("impersonation.json", "{broken");
            while (log.records().size() == before) {
                assertWorks(running.control());
                Thread.onSpinWait();
            }
            assertThat(log.records().get(before).getMessage()).contains("impersonation.json");
        }
    }

    @Test
    void testControlsEndInAnyOrder()
            throws IOException
    {
        List<RunningControl> controls = new ArrayList<>();
        for (int index = 0; index < 8; index++) {
            controls.add(start(configuration(index)));
        }
        Collections.shuffle(controls, new Random(7));
        while (!controls.isEmpty()) {
            controls.forEach(running -> assertWorks(running.control()));
            RunningControl ended = controls.remove(0);
            ended.close();
            try (CapturedLog log = new CapturedLog(ImpersonationCheck.class)) {
                assertThatThrownBy(() -> ended.control().checkCanImpersonateUser(SVC, "bob"))
                        .isExactlyInstanceOf(AccessDeniedException.class)
                        .hasMessageContaining("(CLOSED)");
                assertThat(log.records()).hasSize(1);
            }
            ended.close();
        }
    }

    @Test
    void testControlsOfManyThreads()
            throws Exception
    {
        ExecutorService executor = Executors.newFixedThreadPool(8);
        try {
            List<Future<?>> results = new ArrayList<>();
            for (int index = 0; index < 40; index++) {
                TestingConfiguration configuration = configuration(index);
                results.add(executor.submit(() -> {
                    try (RunningControl running = start(configuration)) {
                        for (int check = 0; check < 50; check++) {
                            assertWorks(running.control());
                        }
                    }
                }));
            }
            for (Future<?> result : results) {
                result.get();
            }
        }
        finally {
            executor.shutdownNow();
        }
    }

    private TestingConfiguration configuration(int index)
            throws IOException
    {
        return new TestingConfiguration(Files.createDirectories(directory.resolve("control" + index)));
    }

    private static RunningControl start(TestingConfiguration configuration)
    {
        return new RunningControl(new ImpersonationAccessControlFactory().create(configuration.properties(), new TestingContext()));
    }

    private static void assertWorks(SystemAccessControl control)
    {
        control.checkCanImpersonateUser(SVC, "bob");
        control.checkCanExecuteQuery(SVC);
    }

    private static void assertDenied(SystemAccessControl control, String user, String target)
    {
        assertThatThrownBy(() -> control.checkCanImpersonateUser(Identity.ofUser(user), target))
                .isExactlyInstanceOf(AccessDeniedException.class)
                .hasMessageMatching("(?s)\\QAccess Denied: User %s cannot impersonate user %s: \\E\\S.*".formatted(user, target))
                .message().doesNotContain("the impersonation check failed");
    }

    private static SystemSecurityContext context(Identity identity)
    {
        return new SystemSecurityContext(identity, QueryId.valueOf("query"), Instant.EPOCH);
    }

    private static void assertNoThreadOfOursIsLeft()
            throws InterruptedException
    {
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().startsWith("immuta-impersonation")) {
                // A thread that was told to end may need a moment; one that was not would never.
                thread.join(60_000);
                assertThat(thread.isAlive()).describedAs(thread.getName()).isFalse();
            }
        }
    }
}
