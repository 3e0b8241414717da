package dev.impersonation.trino;

import dev.impersonation.engine.EngineException;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.ViewExpression;

import java.util.List;
import java.util.Map;
import java.util.Optional;

import static java.util.Objects.requireNonNull;
import static java.util.stream.Collectors.toMap;

/**
 * Row filters and column masks of the delegate, made to mean the target wherever they say {@code current_user}: Trino would evaluate it to the session's user.
 */
final class FilterExpressions
{
    private final Rewriter rewriter;

    FilterExpressions(Rewriter rewriter)
    {
        this.rewriter = requireNonNull(rewriter, "rewriter is null");
    }

    /**
     * @param answer what an access control gives for filters or masks, whatever its version
     * @param what which filters or masks these are, for a person
     * @throws AccessDeniedException if one of them could still mean the session's user
     */
    Object forTarget(Object answer, String what, Binding.Allowed binding)
    {
        try {
            return forTarget(answer, binding);
        }
        catch (EngineException e) {
            throw new AccessDeniedException("Cannot apply the %s while user %s impersonates user %s: %s"
                    .formatted(what, binding.session().getUser(), binding.effective().getUser(), e.getMessage()));
        }
    }

    private Object forTarget(Object answer, Binding.Allowed binding)
    {
        if (answer instanceof ViewExpression expression) {
            return forTarget(expression, binding);
        }
        if (answer instanceof List<?> list) {
            return list.stream().map(element -> forTarget(element, binding)).toList();
        }
        if (answer instanceof Optional<?> optional) {
            return optional.map(element -> forTarget(element, binding));
        }
        if (answer instanceof Map<?, ?> map) {
            return map.entrySet().stream().collect(toMap(Map.Entry::getKey, entry -> forTarget(entry.getValue(), binding)));
        }
        return answer;
    }

    private ViewExpression forTarget(ViewExpression expression, Binding.Allowed binding)
    {
        String rewritten = rewriter.rewrite(expression.getExpression(), binding);
        if (rewritten.equals(expression.getExpression())) {
            return expression;
        }
        ViewExpression.Builder builder = ViewExpression.builder().expression(rewritten);
        expression.getSecurityIdentity().ifPresent(builder::identity);
        expression.getCatalog().ifPresent(builder::catalog);
        expression.getSchema().ifPresent(builder::schema);
        builder.setPath(expression.getPath());
        return builder.build();
    }

    interface Rewriter
    {
        /**
         * @throws EngineException if the result could still mean the session's user
         */
        String rewrite(String expression, Binding.Allowed binding);
    }
}
