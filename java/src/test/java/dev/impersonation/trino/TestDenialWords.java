package dev.impersonation.trino;

import io.trino.spi.security.AccessDeniedException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static io.trino.spi.security.AccessDeniedException.denyImpersonateUser;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestDenialWords
{
    @Test
    void testWordsAreLearned()
    {
        assertThat(DenialWords.learn()).contains(new DenialWords("User ", " cannot impersonate user ", ": ", ""));
    }

    @ParameterizedTest(name = "[{index}]")
    @CsvSource({
            "svc,alice,the user may not",
            "%s,%1$s,%n 100%",
            "\uE001,\uE002,\uE000",
            ",alice,why",
            "svc,,why",
            "$1,\\,{0}"})
    void testDenialIsTheServersOwn(String user, String target, String sentence)
    {
        assertThatThrownBy(() -> denyImpersonateUser(user, target, sentence))
                .isExactlyInstanceOf(AccessDeniedException.class)
                .hasMessage(Denials.ofImpersonation(user, target, sentence).getMessage());
        assertThat(DenialWords.learn().orElseThrow().of(user, target, sentence)).isEqualTo(DenialWords.byServer(user, target, sentence));
    }
}
