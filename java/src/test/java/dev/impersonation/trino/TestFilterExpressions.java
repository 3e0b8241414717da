package dev.impersonation.trino;

import dev.impersonation.engine.Expressions;
import dev.impersonation.engine.Reason;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.Identity;
import io.trino.spi.security.ViewExpression;
import org.junit.jupiter.api.Test;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestFilterExpressions
{
    private static final Binding.Allowed BINDING = new Binding.Allowed(
            Identity.ofUser("svc"),
            Identity.forUser("alice").withGroups(Set.of("analysts")).build(),
            new Reason(1, "permission", "may"));
    private static final ViewExpression FILTER = ViewExpression.builder()
            .identity("owner")
            .catalog("tpch")
            .schema("tiny")
            .expression("name = current_user")
            .build();
    private static final ViewExpression OTHER = ViewExpression.builder().expression("true").build();
    private static final ViewExpression BROKEN = ViewExpression.builder().expression("name = 'secret").build();

    private final FilterExpressions expressions = new FilterExpressions(
            (expression, binding) -> Expressions.forUser(expression, binding.effective().getUser(), binding.effective().getGroups()));

    @Test
    void testOnlyTheTextChanges()
    {
        ViewExpression rewritten = (ViewExpression) expressions.forTarget(FILTER, "row filters", BINDING);
        assertThat(rewritten.getExpression()).isEqualTo("name = CAST('alice' AS varchar)");
        assertThat(rewritten.getSecurityIdentity()).contains("owner");
        assertThat(rewritten.getCatalog()).contains("tpch");
        assertThat(rewritten.getSchema()).contains("tiny");
        assertThat(rewritten.getPath()).isEqualTo(FILTER.getPath());
    }

    @Test
    void testWhatDoesNotNameTheUserStays()
    {
        assertThat(expressions.forTarget(OTHER, "row filters", BINDING)).isSameAs(OTHER);
    }

    @Test
    void testEveryKindOfAnswer()
    {
        List<?> filters = (List<?>) expressions.forTarget(List.of(FILTER, OTHER), "row filters", BINDING);
        assertThat(filters).hasSize(2);
        assertRewritten(filters.get(0));
        assertThat(filters.get(1)).isSameAs(OTHER);
        assertRewritten(((Optional<?>) expressions.forTarget(Optional.of(FILTER), "column mask", BINDING)).orElseThrow());
        assertThat(expressions.forTarget(Optional.empty(), "column mask", BINDING)).isEqualTo(Optional.empty());
        Map<?, ?> masks = (Map<?, ?>) expressions.forTarget(Map.of("name", FILTER, "phone", OTHER), "column masks", BINDING);
        assertThat(masks).hasSize(2);
        assertRewritten(masks.get("name"));
        assertThat(masks.get("phone")).isSameAs(OTHER);
    }

    @Test
    void testWhatCannotBeReadForCertainIsNotApplied()
    {
        for (Object answer : List.of(BROKEN, List.of(OTHER, BROKEN), Optional.of(BROKEN), Map.of("name", BROKEN))) {
            assertThatThrownBy(() -> expressions.forTarget(answer, "row filters of table tpch.tiny.nation", BINDING))
                    .isExactlyInstanceOf(AccessDeniedException.class)
                    .hasMessage("Access Denied: Cannot apply the row filters of table tpch.tiny.nation while user svc impersonates user alice: "
                            + "the string that begins at character 8 does not end");
        }
    }

    private static void assertRewritten(Object expression)
    {
        assertThat(((ViewExpression) expression).getExpression()).isEqualTo("name = CAST('alice' AS varchar)");
    }
}
