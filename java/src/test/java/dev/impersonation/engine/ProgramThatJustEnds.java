package dev.impersonation.engine;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;

import static dev.impersonation.engine.Request.Path.NATIVE;

/**
 * A program of its own: it makes a decision by the properties of a file, writes down the reason and ends, with an engine that is closed or not.
 */
final class ProgramThatJustEnds
{
    private ProgramThatJustEnds() {}

    public static void main(String[] arguments)
            throws Exception
    {
        Properties read = new Properties();
        read.load(Files.newBufferedReader(Path.of(arguments[0])));
        Map<String, String> properties = new HashMap<>();
        read.stringPropertyNames().forEach(name -> properties.put(name, read.getProperty(name)));
        Engine engine = Engine.open(properties);
        Decision decision = engine.check(new Request(NATIVE, false, "svc", "alice", Optional.empty()));
        Files.writeString(Path.of(arguments[2]), decision.reason().name());
        if (Boolean.parseBoolean(arguments[1])) {
            engine.close();
        }
    }
}
