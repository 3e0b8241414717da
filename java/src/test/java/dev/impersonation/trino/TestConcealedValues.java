package dev.impersonation.trino;

import org.junit.jupiter.api.Test;

import java.util.Map;

import static org.assertj.core.api.Assertions.assertThat;

final class TestConcealedValues
{
    @Test
    void testEveryOccurrenceIsReplacedByTheNameOfItsProperty()
    {
        ConcealedValues values = new ConcealedValues(Map.of("opa.uri", "http://u:p@h/a", "opa.password", "$1(\\"));
        assertThat(values.conceal("no http://u:p@h/a, no $1(\\ and again '$1(\\'"))
                .isEqualTo("no <value of opa.uri>, no <value of opa.password> and again '<value of opa.password>'");
    }

    @Test
    void testTheLongestValueIsTakenWhole()
    {
        ConcealedValues values = new ConcealedValues(Map.of("user", "alice", "login", "alice:secret"));
        assertThat(values.conceal("alice:secret, alice")).isEqualTo("<value of login>, <value of user>");
    }

    @Test
    void testWordsThatOnlyContainAValueStay()
    {
        ConcealedValues values = new ConcealedValues(Map.of("refresh", "1", "empty", ""));
        assertThat(values.conceal("at least 10 of 1, HTTP1")).isEqualTo("at least 10 of <value of refresh>, HTTP1");
    }

    @Test
    void testNothingToConceal()
    {
        assertThat(new ConcealedValues(Map.of()).conceal("as it was")).isEqualTo("as it was");
        assertThat(new ConcealedValues(Map.of("empty", "")).conceal("as it was")).isEqualTo("as it was");
    }

    @Test
    void testFailuresKeepWhereTheyCameFromButNotWhatTheySay()
    {
        ConcealedValues values = new ConcealedValues(Map.of("password", "swordfish"));
        IllegalStateException failure = new IllegalStateException("outer swordfish", new IllegalArgumentException("inner swordfish"));
        failure.addSuppressed(new IllegalStateException("suppressed swordfish"));
        Throwable concealed = values.conceal(failure);
        assertThat(concealed)
                .hasToString("java.lang.IllegalStateException: outer <value of password>")
                .hasNoSuppressedExceptions();
        assertThat(concealed.getStackTrace()).isEqualTo(failure.getStackTrace());
        assertThat(concealed.getCause()).hasToString("java.lang.IllegalArgumentException: inner <value of password>");
    }

    @Test
    void testCausesThatGoInCircles()
    {
        IllegalStateException first = new IllegalStateException("first");
        IllegalStateException second = new IllegalStateException("second", first);
        first.initCause(second);
        assertThat(new ConcealedValues(Map.of()).conceal(first)).hasToString("java.lang.IllegalStateException: first");
    }
}
