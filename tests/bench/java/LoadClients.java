import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Clients that run one statement as one user after the other, each by connections that are kept.
 * Prints how long each query took, in microseconds.
 * <p>
 * In Java, since the clients have the processors of the server, and Python's would take most of them.
 */
public final class LoadClients
{
    private static final Pattern NEXT = Pattern.compile("\"nextUri\"\\s*:\\s*\"([^\"]+)\"");

    private LoadClients() {}

    public static void main(String[] args)
            throws Exception
    {
        String url = args[0];
        String authorization = args[1];
        String path = args[2];
        int clients = Integer.parseInt(args[3]);
        Duration time = Duration.ofMillis(Long.parseLong(args[4]));
        int users = Integer.parseInt(args[5]);
        long seed = Long.parseLong(args[6]);
        String statement = args[7];
        HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        long end = System.nanoTime() + time.toNanos();
        ExecutorService threads = Executors.newFixedThreadPool(clients);
        List<Callable<List<Long>>> work = new ArrayList<>();
        for (int number = 0; number < clients; number++) {
            Random random = new Random(seed + number);
            work.add(() -> {
                List<Long> micros = new ArrayList<>();
                long began = System.nanoTime();
                while (began < end) {
                    run(http, url, authorization, path, "user" + random.nextInt(users), statement);
                    long ended = System.nanoTime();
                    micros.add((ended - began) / 1000);
                    began = ended;
                }
                return micros;
            });
        }
        StringBuilder output = new StringBuilder();
        for (Future<List<Long>> result : threads.invokeAll(work)) {
            for (long micros : result.get()) {
                output.append(micros).append('\n');
            }
        }
        threads.shutdown();
        System.out.print(output);
    }

    private static void run(HttpClient http, String url, String authorization, String path, String user, String statement)
            throws IOException, InterruptedException
    {
        HttpRequest.Builder first = HttpRequest.newBuilder(URI.create(url + "/v1/statement"))
                .header("Authorization", authorization)
                .POST(HttpRequest.BodyPublishers.ofString(statement));
        switch (path) {
            case "native" -> first.header("X-Trino-User", user);
            case "property" -> first.header("X-Trino-Session", "immuta.immuta_user=" + user);
            default -> throw new IllegalArgumentException("no such path: " + path);
        }
        String page = send(http, first.build());
        Matcher next = NEXT.matcher(page);
        while (next.find()) {
            page = send(http, HttpRequest.newBuilder(URI.create(next.group(1))).header("Authorization", authorization).build());
            next = NEXT.matcher(page);
        }
        if (page.contains("\"error\"")) {
            throw new IOException("as " + user + ": " + page);
        }
    }

    private static String send(HttpClient http, HttpRequest request)
            throws IOException, InterruptedException
    {
        HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString());
        if (response.statusCode() != 200) {
            throw new IOException(response.statusCode() + ": " + response.body());
        }
        return response.body();
    }
}
