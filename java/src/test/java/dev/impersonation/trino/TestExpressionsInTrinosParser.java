package dev.impersonation.trino;

import dev.impersonation.engine.EngineException;
import dev.impersonation.engine.Expressions;
import io.trino.sql.parser.ParsingException;
import io.trino.sql.parser.SqlParser;
import io.trino.sql.tree.Array;
import io.trino.sql.tree.Cast;
import io.trino.sql.tree.CurrentUser;
import io.trino.sql.tree.DataType;
import io.trino.sql.tree.Expression;
import io.trino.sql.tree.FunctionCall;
import io.trino.sql.tree.Node;
import io.trino.sql.tree.StringLiteral;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.logging.Logger;

import static dev.impersonation.engine.EngineException.Code.INVALID_REQUEST;
import static dev.impersonation.engine.EngineException.Code.REQUEST_TOO_LARGE;
import static io.trino.sql.util.AstUtils.preOrder;
import static io.trino.sql.util.AstUtils.treeEqual;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * Trino's own parser is the judge: what it makes of an expression differs afterwards where it found the user of the session before, and nowhere else.
 * <p>
 * {@code -Dimmuta.impersonation.test-seed} makes it another run.
 */
final class TestExpressionsInTrinosParser
{
    private static final Logger LOG = Logger.getLogger(TestExpressionsInTrinosParser.class.getName());
    private static final SqlParser PARSER = new SqlParser();
    private static final DataType VARCHAR = PARSER.createType("varchar");
    private static final DataType ARRAY_OF_VARCHAR = PARSER.createType("array(varchar)");
    private static final Set<String> FUNCTIONS_OF_THE_SESSION = Set.of("current_groups", "$current_user");

    private static final List<Target> TARGETS = List.of(
            new Target("alice", List.of()),
            new Target("o'brien", List.of("staff")),
            new Target("''--/*😀\0\r\n\"`\\*/ current_user", List.of("a", "b'c", "-- current_groups()", "\ud83d\ude00\u0001")));

    @ParameterizedTest
    @ValueSource(strings = {
            "current_user",
            "owner = CURRENT_USER",
            "owner IN (Current_User, 'current_user', current_user)",
            "current_user.x",
            "current_user[1] || -current_user",
            "owner LIKE current_user||'%'",
            "contains(current_groups(), team)",
            "cardinality(current_groups /* ( */ ( -- )\r ) ) > 0",
            "\"Current_Groups\"()[1] = \"$current_user\"()",
            "any_match(current_groups(), current_groups -> current_groups = current_user)",
            "EXISTS (SELECT 1 FROM acl AS current_groups WHERE current_groups.\"current_user\" = current_user)",
            "owner = (SELECT max(\"current_user\") FROM (VALUES current_user, 'current_user') t(\"current_user\") WHERE current_user > '' HAVING current_user < 'z')",
            "owner IN (WITH q AS (SELECT current_user u UNION SELECT element_at(current_groups(), 1)) SELECT u FROM q JOIN r ON q.u = current_user)",
            "CASE current_user WHEN 'x' THEN CAST(current_user AS varchar(3)) ELSE TRY(current_user) END = COALESCE(NULLIF(current_user, ''), '?')",
            "json_value(doc, 'lax $.current_user' PASSING current_user AS \"current_user\") = current_user",
            "/* current_user *//**/current_user--current_user",
            "/* /* */ current_user",
            "--'\r current_user = '--' -- '",
            "'it''s' || current_user || U&'\\0041' || \"a\"\"current_user\"",
            "row_number() OVER (PARTITION BY current_user ORDER BY current_groups()) = 1",
            "(current_user, current_groups()) = (u, g)",
            "1 IN (SELECT count(*) FILTER (WHERE current_user = a) FROM t GROUP BY CUBE (a), current_user)"})
    void testOnlyTheUserOfTheSessionIsReplaced(String expression)
    {
        for (Target target : TARGETS) {
            assertReplaced(expression, target);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "true",
            "owner = 'current_user'",
            "\"current_user\" = t.\"current_user\"",
            "current_groups = current_users",
            "f(current_user1, x_current_user)",
            "current_catalog || current_schema || current_path || user || session_user",
            "x -- current_user",
            "x /* current_user */",
            "x --\u2028 current_user",
            "U&'current_user' = X'0a'",
            "system.builtin.lower(x) = system.builtin.\"$current_catalog\"()"})
    void testExpressionsWithoutTheUserOfTheSessionComeBackAsTheyWere(String expression)
    {
        for (Target target : TARGETS) {
            assertThat(target.rewrite(expression)).isEqualTo(expression);
        }
        assertThat(tellsOfTheSession(parse(expression).orElseThrow())).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "system.builtin.current_groups()",
            "contains(\"system\" . \"builtin\" /**/ . \"CURRENT_GROUPS\" ( ), team)",
            "system.builtin.\"$current_user\"()",
            "current_groups(*) = x",
            "\"$current_user\"(*)",
            "current_groups(ORDER BY 1)"})
    void testOtherWaysToAskForTheUserOfTheSessionAreRefused(String expression)
    {
        assertThat(tellsOfTheSession(parse(expression).orElseThrow())).isTrue();
        assertThatThrownBy(() -> TARGETS.get(0).rewrite(expression))
                .isInstanceOfSatisfying(EngineException.class, e -> assertThat(e.getCode()).isEqualTo(INVALID_REQUEST))
                .hasMessageContaining("would mean the session's user");
    }

    @ParameterizedTest
    @ValueSource(strings = {"'", "current_user = 'a", "\"", "x /* current_user", "`a", "''' = x"})
    void testExpressionsThatEndWithinSomethingAreRefused(String expression)
    {
        assertThat(parse(expression)).isEmpty();
        assertThatThrownBy(() -> TARGETS.get(0).rewrite(expression))
                .isInstanceOfSatisfying(EngineException.class, e -> assertThat(e.getCode()).isEqualTo(INVALID_REQUEST))
                .hasMessageContaining("does not end");
    }

    @Test
    void testTextThatIsNoUnicodeIsRefused()
    {
        for (Target target : List.of(new Target("\ud800", List.of()), new Target("a\udc00", List.of()), new Target("alice", List.of("\udc00\ud800")))) {
            assertThatThrownBy(() -> target.rewrite("current_user"))
                    .isInstanceOfSatisfying(EngineException.class, e -> assertThat(e.getCode()).isEqualTo(INVALID_REQUEST));
        }
        assertThatThrownBy(() -> TARGETS.get(0).rewrite("x = '\ud800'"))
                .isInstanceOfSatisfying(EngineException.class, e -> assertThat(e.getCode()).isEqualTo(INVALID_REQUEST));
    }

    @Test
    void testExpressionsThatAreTooLongAreRefused()
    {
        String longest = "x".repeat(1024 * 1024 - 3 * Integer.BYTES - "alice".length());
        assertThat(TARGETS.get(0).rewrite(longest)).isEqualTo(longest);
        assertThatThrownBy(() -> TARGETS.get(0).rewrite(longest + "x"))
                .isInstanceOfSatisfying(EngineException.class, e -> assertThat(e.getCode()).isEqualTo(REQUEST_TOO_LARGE));
    }

    @Test
    void testRandomExpressions()
    {
        RandomExpressions expressions = new RandomExpressions(seed());
        int asking = 0;
        int notAsking = 0;
        for (int count = 0; count < 3_000; count++) {
            String expression = expressions.text(expressions.expression(count % 4));
            boolean asks = assertReplaced(expression, TARGETS.get(count % TARGETS.size()));
            asking += asks ? 1 : 0;
            notAsking += asks ? 0 : 1;
        }
        assertThat(asking).isGreaterThan(1_500);
        assertThat(notAsking).isGreaterThan(400);
    }

    /**
     * Also where the text is cut otherwise than by Trino, nothing comes of it that has another meaning.
     */
    @Test
    void testNothingThatTellsOfTheSessionIsEverLeft()
    {
        RandomExpressions expressions = new RandomExpressions(seed());
        int asking = 0;
        int valid = 0;
        for (int count = 0; count < 4_000; count++) {
            String spoiled = expressions.spoiled();
            String rewritten;
            try {
                rewritten = TARGETS.get(0).rewrite(spoiled);
            }
            catch (EngineException e) {
                assertThat(e.getCode()).isEqualTo(INVALID_REQUEST);
                continue;
            }
            if (parse(rewritten).isPresent()) {
                asking += assertReplaced(spoiled, TARGETS.get(0)) ? 1 : 0;
                valid++;
            }
        }
        assertThat(asking).isGreaterThan(400);
        assertThat(valid).isGreaterThan(1_000);
    }

    /**
     * @return whether there was anything to replace
     */
    private static boolean assertReplaced(String expression, Target target)
    {
        String rewritten = target.rewrite(expression);
        Expression before = parse(expression).orElseThrow(() -> new AssertionError("Trino does not understand: " + expression));
        Expression after = parse(rewritten).orElseThrow(() -> new AssertionError("Trino does not understand: %s%nwhich was: %s".formatted(rewritten, expression)));
        assertThat(treeEqual(before, after, (left, right) -> expected(left, target).map(right::equals).orElse(null)))
                .as("%s%nbecame: %s", expression, rewritten)
                .isTrue();
        assertThat(tellsOfTheSession(after)).as(rewritten).isFalse();
        boolean asks = tellsOfTheSession(before);
        assertThat(rewritten.equals(expression)).as("%s%nbecame: %s", expression, rewritten).isEqualTo(!asks);
        return asks;
    }

    private static Optional<Expression> expected(Node node, Target target)
    {
        if (node instanceof CurrentUser) {
            return Optional.of(target.user());
        }
        if (node instanceof FunctionCall call) {
            String name = call.getName().getSuffix().toLowerCase(Locale.ENGLISH);
            if (name.equals("$current_user")) {
                return Optional.of(target.user());
            }
            if (name.equals("current_groups")) {
                return Optional.of(target.groups());
            }
        }
        return Optional.empty();
    }

    private static boolean tellsOfTheSession(Expression expression)
    {
        return preOrder(expression).anyMatch(node -> node instanceof CurrentUser
                || node instanceof FunctionCall call && FUNCTIONS_OF_THE_SESSION.contains(call.getName().getSuffix().toLowerCase(Locale.ENGLISH)));
    }

    private static Optional<Expression> parse(String expression)
    {
        try {
            return Optional.of(PARSER.createExpression(expression));
        }
        catch (ParsingException e) {
            return Optional.empty();
        }
    }

    private static long seed()
    {
        // The same each time, so that a failure is one of the change under test.
        long seed = Long.getLong("immuta.impersonation.test-seed", 20261124);
        LOG.info("Random expressions with seed %s".formatted(seed));
        return seed;
    }

    private record Target(String name, List<String> groupNames)
    {
        private String rewrite(String expression)
        {
            return Expressions.forUser(expression, name, groupNames);
        }

        private Expression user()
        {
            return new Cast(new StringLiteral(name), VARCHAR);
        }

        private Expression groups()
        {
            List<Expression> names = groupNames.stream().map(StringLiteral::new).map(Expression.class::cast).toList();
            return new Cast(new Array(names), ARRAY_OF_VARCHAR);
        }
    }
}
