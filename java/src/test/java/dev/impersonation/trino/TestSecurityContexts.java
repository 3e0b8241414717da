package dev.impersonation.trino;

import io.trino.spi.QueryId;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemSecurityContext;
import org.junit.jupiter.api.Test;

import java.time.Instant;
import java.util.Optional;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestSecurityContexts
{
    private static final Identity ALICE = Identity.ofUser("alice");
    private static final Identity SVC = Identity.ofUser("svc");
    private static final QueryId QUERY = QueryId.valueOf("20261124_110000_00001_abcde");

    @Test
    void testContextOfTheServer()
    {
        SecurityContexts contexts = new SecurityContexts();
        SystemSecurityContext context = new SystemSecurityContext(SVC, QUERY, Instant.MAX);
        assertThat(contexts.queryId(context)).contains(QUERY.getId());
        SystemSecurityContext replaced = (SystemSecurityContext) contexts.withIdentity(context, ALICE);
        assertThat(replaced.getIdentity()).isSameAs(ALICE);
        assertThat(replaced.getQueryId()).isEqualTo(QUERY);
        assertThat(replaced.getQueryStart()).isEqualTo(Instant.MAX);
        assertThat(context.getIdentity()).isSameAs(SVC);
    }

    @Test
    void testContextUntil426()
    {
        SecurityContexts contexts = new SecurityContexts(ContextUntil426.class);
        ContextUntil426 context = new ContextUntil426(SVC, Optional.of(QUERY));
        assertThat(contexts.queryId(context)).contains(QUERY.getId());
        assertThat(contexts.withIdentity(context, ALICE)).isEqualTo(new ContextUntil426(ALICE, Optional.of(QUERY)));
        assertThat(contexts.queryId(new ContextUntil426(SVC, Optional.empty()))).isEmpty();
    }

    @Test
    void testUnknownContextIsNamed()
    {
        assertThatThrownBy(() -> new SecurityContexts(UnknownContext.class))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("This server's UnknownContext is not known: it must be newer than this plugin");
        assertThatThrownBy(() -> new SecurityContexts(String.class)).isInstanceOf(IllegalStateException.class);
    }

    public record ContextUntil426(Identity getIdentity, Optional<QueryId> getQueryId) {}

    public record UnknownContext(QueryId getQueryId) {}
}
