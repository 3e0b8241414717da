package dev.impersonation.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import java.io.BufferedReader;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static java.util.concurrent.TimeUnit.SECONDS;

/**
 * A stand-in for Immuta, in a process of its own that ends when this one does, or when it is closed.
 */
public final class FakeImmuta
        implements AutoCloseable
{
    private static final String API_KEY = "key-of-the-java-tests";
    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).proxy(HttpClient.Builder.NO_PROXY).connectTimeout(TIMEOUT).build();
    private final Process process;
    private final JsonNode addresses;
    private final Path caFile;

    private FakeImmuta(Process process, JsonNode addresses, Path caFile)
    {
        this.process = requireNonNull(process, "process is null");
        this.addresses = requireNonNull(addresses, "addresses is null");
        this.caFile = requireNonNull(caFile, "caFile is null");
    }

    /**
     * Starts a server that knows {@code svc}, who may impersonate, and {@code alice} and {@code mallory}, who may not.
     */
    public static FakeImmuta start(Path directory)
            throws IOException, InterruptedException
    {
        Path caFile = directory.resolve("ca.pem");
        String program = requireNonNull(System.getProperty("immuta.impersonation.test-fake-immuta"), "immuta.impersonation.test-fake-immuta is not set");
        Process process = new ProcessBuilder(program, "--api-key", API_KEY, "--ca-file", caFile.toString())
                .redirectError(Redirect.INHERIT)
                .start();
        BufferedReader output = process.inputReader(UTF_8);
        String ready = output.readLine();
        if (ready == null) {
            throw new IOException("fake-immuta ended with " + process.waitFor());
        }
        FakeImmuta immuta = new FakeImmuta(process, MAPPER.readTree(ready), caFile);
        immuta.putUser("svc", "IMPERSONATE_USER");
        immuta.putUser("alice", "CREATE_PROJECT");
        immuta.putUser("mallory", "IMPERSONATE_HDFS_USER");
        return immuta;
    }

    public String url()
    {
        return address("api");
    }

    /**
     * Over HTTPS, with a certificate for another host.
     */
    public String wrongNameUrl()
    {
        return address("httpsWrongName");
    }

    /**
     * Over HTTPS, with a certificate of a CA that the engine is not told to trust.
     */
    public String unknownCaUrl()
    {
        return address("httpsUnknownCa");
    }

    /**
     * The properties of an engine that looks users up here and records nothing.
     */
    public Map<String, String> properties()
    {
        Map<String, String> properties = new HashMap<>();
        properties.put("immuta.endpoint", url());
        properties.put("immuta.impersonation.allow-http", "true");
        properties.put("immuta.apikey", API_KEY);
        properties.put("immuta.ca-file", caFile.toString());
        properties.put("immuta.impersonation.audit.file", "");
        return properties;
    }

    public void putUser(String name, String... permissions)
            throws IOException, InterruptedException
    {
        send("PUT", "/users", MAPPER.valueToTree(Map.of("userid", name, "permissions", permissions)).toString());
    }

    /**
     * Every fault by its name.
     */
    public Map<String, JsonNode> faults()
            throws IOException, InterruptedException
    {
        Map<String, JsonNode> faults = new HashMap<>();
        send("GET", "/faults", "").forEach(known -> faults.put(known.get("name").asText(), known.get("fault")));
        return faults;
    }

    public void setFault(JsonNode fault)
            throws IOException, InterruptedException
    {
        send("PUT", "/fault", fault.toString());
    }

    public void clearFault()
            throws IOException, InterruptedException
    {
        send("DELETE", "/fault", "");
    }

    /**
     * The requests to Immuta since they were last forgotten.
     */
    public List<String> requests()
            throws IOException, InterruptedException
    {
        List<String> requests = new ArrayList<>();
        send("GET", "/requests", "").get("requests").forEach(request -> requests.add(request.get("method").asText() + " " + request.get("path").asText()));
        return requests;
    }

    public void forgetRequests()
            throws IOException, InterruptedException
    {
        send("DELETE", "/requests", "");
    }

    @Override
    public void close()
            throws IOException
    {
        try {
            process.getOutputStream().close();
            process.onExit().orTimeout(TIMEOUT.toSeconds(), SECONDS).join();
        }
        finally {
            process.destroyForcibly();
        }
    }

    private String address(String name)
    {
        return addresses.get(name).asText();
    }

    private JsonNode send(String method, String path, String body)
            throws IOException, InterruptedException
    {
        HttpRequest request = HttpRequest.newBuilder(URI.create(address("control") + path))
                .timeout(TIMEOUT)
                .header("Content-Type", "application/json")
                .method(method, BodyPublishers.ofString(body))
                .build();
        HttpResponse<String> response = client.send(request, BodyHandlers.ofString());
        if (response.statusCode() / 100 != 2) {
            throw new IOException("%s %s: %s %s".formatted(method, path, response.statusCode(), response.body()));
        }
        return MAPPER.readTree(response.body());
    }
}
