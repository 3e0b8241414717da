package dev.impersonation.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

import static java.util.Objects.requireNonNull;

/**
 * The files and properties of one engine, in a directory of its own.
 */
public final class TestingConfiguration
{
    public static final String POLICY = """
            {
              "users": [
                {"name": "svc", "permissions": ["IMPERSONATE_USER"]},
                {"name": "alice", "permissions": ["IMPERSONATE_USER"]},
                {"name": "bob"},
                {"name": "carol", "disabled": true}
              ]
            }
            """;

    private final Path directory;
    private final Map<String, String> properties = new HashMap<>();

    public TestingConfiguration(Path directory)
            throws IOException
    {
        this(directory, POLICY);
    }

    public TestingConfiguration(Path directory, String policy)
            throws IOException
    {
        this.directory = requireNonNull(directory, "directory is null");
        Path policyFile = Files.writeString(directory.resolve("impersonation.json"), policy);
        properties.put("immuta.impersonation.policy-file", policyFile.toString());
        properties.put("immuta.impersonation.audit.file", auditFile().toString());
    }

    public TestingConfiguration with(String name, String value)
    {
        properties.put(name, value);
        return this;
    }

    public TestingConfiguration withDelegate(String config)
            throws IOException
    {
        return with("immuta.delegate.config-file", write("delegate.properties", config).toString());
    }

    public Path write(String name, String content)
            throws IOException
    {
        return Files.writeString(directory.resolve(name), content);
    }

    public Path auditFile()
    {
        return directory.resolve("audit.jsonl");
    }

    public Map<String, String> properties()
    {
        return Map.copyOf(properties);
    }
}
