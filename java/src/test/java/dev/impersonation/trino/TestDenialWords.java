package dev.impersonation.trino;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;

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
        assertThat(DenialWords.learn().orElseThrow().denial(user, target, sentence))
                .hasSameClassAs(DenialWords.byServer(user, target, sentence))
                .hasMessage(DenialWords.byServer(user, target, sentence).getMessage());
    }
}
