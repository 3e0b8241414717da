package dev.impersonation.trino;

import dev.impersonation.engine.Decision;
import dev.impersonation.engine.Impersonation;
import dev.impersonation.engine.Reason;
import io.trino.spi.security.BasicPrincipal;
import io.trino.spi.security.Identity;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import static dev.impersonation.engine.Request.Path.NATIVE;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * The sequences of calls that Trino makes on one thread. A step is one of
 * <pre>
 * set P U        checkCanSetUser: principal P, user U
 * ask P A B      checkCanImpersonateUser: A, whose principal is P, as B; allowed
 * deny P A B     the same; denied
 * run            checkCanExecuteQuery
 * property U     checkCanSetCatalogSessionProperty by user U for the query that was just begun
 * </pre>
 * with - for no principal.
 */
final class TestChainedImpersonationDetector
{
    private static final Decision DECISION = new Decision(true, new Reason(1, "impersonated", "may"), 1_700_000_000_123_456L);

    @ParameterizedTest(name = "{0}")
    @CsvSource(delimiter = '|', value = {
            "nobody impersonates                          | set pA A; run; set pA A; run |",
            "one step                                     | set pA B; ask pA A B; run | plain",
            "original user and user differ                | set pA B; ask pA A B; set pA C; ask pA B C; run | plain chained",
            "back to oneself by way of another            | set pA B; ask pA A B; set pA A; ask pA B A; run | plain chained",
            "three steps                                  | set pA B; ask pA A B; set pA C; ask pA B C; set pA D; ask pA C D; run | plain chained chained",
            "only the second step, by the original user   | set pA A; set pA C; ask pA A C; run | plain",
            "the target itself on the same thread         | set pA B; ask pA A B; run; set pB C; ask pB B C; run | plain plain",
            "the target itself, no query between          | set pA B; ask pA A B; set pB C; ask pB B C | plain plain",
            "the same request again, no query between     | set pA B; ask pA A B; set pA B; ask pA A B; set pA C; ask pA B C | plain plain chained",
            "chain, then the target itself                | set pA B; ask pA A B; set pA C; ask pA B C; set pC D; ask pC C D | plain chained plain",
            "svc itself between                           | set pA B; ask pA A B; set pA A; run; set pA C; ask pA A C; run | plain plain",
            "another target by the same user              | set pA B; ask pA A B; set pA C; ask pA A C | plain plain",
            "denied first step                            | set pA B; deny pA A B; set pA C; ask pA B C | plain plain",
            "denied second step                           | set pA B; ask pA A B; set pA C; deny pA B C; set pA D; ask pA B D | plain chained plain",
            "denied, then the target itself               | set pA B; deny pA A B; set pB C; ask pB B C; run | plain plain",
            "as oneself changes nothing                   | set pA B; ask pA A B; ask pA B B; set pA C; ask pA B C | plain chained chained",
            "other principal than the request's           | set pA B; ask pA A B; ask pB B C | plain plain",
            "query of a UI request does not follow        | set pA B; ask pA A B; set pD D; set pA A; run | plain",
            "no principals, one request                   | set - B; ask - A B; set - C; ask - B C; run | plain chained",
            "no principals, two requests                  | set - B; ask - A B; run; set - C; ask - B C; run | plain plain",
            "query of an impersonated user                | set pA B; ask pA A B; run; property B; property B | plain impersonated impersonated",
            "query of the target itself                   | set pA B; ask pA A B; run; set pB B; property B | plain own",
            "query of somebody else                       | set pA B; ask pA A B; run; property A | plain own",
            "next query of the same thread                | set pA B; ask pA A B; run; set pA B; property B | plain own",
            "query without impersonation                  | set pA A; run; property A | own",
            "query after a denied impersonation           | set pA B; deny pA A B; property B | plain own",
            "query of a chain                             | set pA B; ask pA A B; set pA C; ask pA B C; run; property C | plain chained impersonated",
            "principal only in the second request         | set - B; ask - A B; set pB C; ask pB B C | plain plain",
            "names differ in case                         | set pA B; ask pA A B; set pA C; ask pA b C | plain plain",
    })
    void testSequence(String name, String steps, String expected)
    {
        ChainedImpersonationDetector detector = new ChainedImpersonationDetector();
        List<String> seen = new ArrayList<>();
        for (String step : steps.split(";")) {
            String[] words = step.trim().split(" ");
            switch (words[0]) {
                case "set" -> detector.userSet(identity(words[1], words[2]).getPrincipal());
                case "run" -> detector.requestEnded();
                case "property" -> seen.add(detector.impersonation(words[1]).map(impersonation -> impersonation.reason().name()).orElse("own"));
                case "ask", "deny" -> {
                    Identity impersonator = identity(words[1], words[2]);
                    seen.add(detector.isChained(impersonator) ? "chained" : "plain");
                    if (words[0].equals("ask")) {
                        detector.allowed(impersonator, words[3], DECISION);
                    }
                    else {
                        detector.forget();
                    }
                }
                default -> throw new AssertionError(step);
            }
        }
        assertThat(String.join(" ", seen)).isEqualTo(Optional.ofNullable(expected).orElse(""));
    }

    @Test
    void testImpersonationNamesBothUsersAndTheImpersonatorsPrincipal()
    {
        ChainedImpersonationDetector detector = new ChainedImpersonationDetector();
        detector.allowed(identity("pA", "A"), "B", DECISION);
        detector.requestEnded();
        Impersonation impersonation = detector.impersonation("B").orElseThrow();
        assertThat(impersonation).isEqualTo(new Impersonation(NATIVE, DECISION.reason(), Instant.parse("2023-11-14T22:13:20.123456Z"), "A", "B", Optional.of("pA")));
    }

    private static Identity identity(String principal, String user)
    {
        Identity.Builder identity = Identity.forUser(user);
        if (!principal.equals("-")) {
            identity.withPrincipal(new BasicPrincipal(principal));
        }
        return identity.build();
    }
}
