"""What svc gets as alice is what alice gets: generated statements, each in three catalogs of the same content."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from .clients import PROPERTY, Answer, HttpSession
from .conftest import ServerMaker
from .data_rules import HAS_GROUPS, WORLD, WORLDS, configuration, set_up
from .server import TrinoServer
from .statements import Statement, generate

SEED = 5


@pytest.fixture(scope="module")
def server(start_server: ServerMaker) -> TrinoServer:
    server = start_server("same", configuration())
    set_up(server, *WORLDS)
    return server


@dataclass(frozen=True)
class Outcome:
    """All that a client sees of a statement, in words that do not say in which world."""

    error: str | None
    error_name: str | None
    columns: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, answer: Answer, is_ordered: bool) -> "Outcome":
        lines = [line for row in answer.rows for line in "\t".join(map(str, row)).split("\n")]
        everywhere = [re.sub(WORLD, "mem", line) for line in lines]
        return cls(
            None if answer.error is None else re.sub(WORLD, "mem", answer.error),
            answer.error_name,
            re.sub(WORLD, "mem", str(answer.columns)),
            tuple(everywhere if is_ordered else sorted(everywhere)),
        )


@dataclass(frozen=True)
class Comparison:
    statement: Statement
    alice: Outcome
    as_alice: Outcome
    svc: Outcome

    def __str__(self) -> str:
        return f"{self.statement}\n    alice:        {self.alice}\n    svc as alice: {self.as_alice}"


def outcome(session: HttpSession, statement: Statement, world: str) -> Outcome:
    owner = HttpSession(session.server, "owner")
    for sql in statement.before:
        answer = owner.run(sql.replace("{m}", world))
        assert answer.error is None, (sql, answer.error)
    for step in statement.steps:
        answer = session.run(step.replace("{m}", world))
        if answer.error is not None:
            break
    return Outcome.of(answer, statement.is_ordered)


@pytest.fixture(scope="module")
def comparisons(server: TrinoServer) -> list[Comparison]:
    def compared(statement: Statement) -> Comparison:
        sessions = [
            HttpSession(server, "alice"),
            HttpSession(server, "svc").with_property(PROPERTY, "alice"),
            HttpSession(server, "svc"),
        ]
        # At the same time, and each statement after the one before has ended everywhere.
        return Comparison(statement, *threads.map(outcome, sessions, [statement] * len(WORLDS), WORLDS))

    with ThreadPoolExecutor(len(WORLDS)) as threads:
        return [compared(statement) for statement in generate(SEED)]


def test_each_statement_is_answered_as_it_is_to_the_target(comparisons: list[Comparison]) -> None:
    assert len(comparisons) >= 200
    different = [comparison for comparison in comparisons if comparison.as_alice != comparison.alice]
    report = "\n".join(map(str, different))
    assert not different, f"{len(different)} of {len(comparisons)} statements of the seed {SEED} differ:\n{report}"


def test_the_statements_tell_one_users_rights_from_anothers(comparisons: list[Comparison]) -> None:
    """So that a plugin that does nothing, or denies everything, or allows everything, would be found out."""
    answered = [comparison for comparison in comparisons if comparison.alice.lines]
    denied = [comparison for comparison in comparisons if comparison.alice.error_name == "PERMISSION_DENIED"]
    others = [comparison for comparison in comparisons if comparison.svc != comparison.alice]
    assert len(answered) > len(comparisons) / 4
    assert len(denied) > len(comparisons) / 4
    assert len(others) > len(comparisons) / 2
    assert any(comparison.svc.lines and comparison.alice.lines for comparison in others)


def test_both_leave_the_same_behind(server: TrinoServer, comparisons: list[Comparison]) -> None:
    """What the statements made, changed and dropped, as the owner of everything finds it."""
    owner = HttpSession(server, "owner")

    def rows(sql: str) -> list[Sequence[Any]]:
        answer = owner.run(sql)
        assert answer.error is None, (sql, answer.error)
        return sorted(answer.rows, key=str)

    def content(world: str) -> list[list[Sequence[Any]]]:
        columns = rows(
            "SELECT table_schema, table_name, column_name, ordinal_position, data_type "
            f"FROM {world}.information_schema.columns WHERE table_schema <> 'information_schema'"
        )
        numbered = [
            (schema, table) for schema, table, column, *_ in columns if column == "nationkey" and "into_" in table
        ]
        counts = [
            f"SELECT '{schema}.{table}', count(*), checksum(nationkey) FROM {world}.{schema}.{table}"
            for schema, table in numbered
        ]
        comments = f"SELECT table_name, comment FROM system.metadata.table_comments WHERE catalog_name = '{world}'"
        return [columns, rows(" UNION ALL ".join(counts)), rows(comments), rows(f"SHOW FUNCTIONS FROM {world}.shared")]

    his = content(WORLDS[1])
    assert his == content(WORLDS[0])
    assert his != content(WORLDS[2])


# --- what differs, and why --------------------------------------------------------------------------------------------


def test_current_user_and_groups_in_the_text_of_a_query_are_the_sessions(
    alice: HttpSession, as_alice: HttpSession
) -> None:
    """Trino takes both from the session's identity, which is the impersonator's; no access control is asked."""
    sql = "SELECT current_user, current_groups()"
    assert alice.run(sql).rows == [["alice", ["analysts"] if HAS_GROUPS else []]]
    assert as_alice.run(sql).rows == [["svc", ["services"] if HAS_GROUPS else []]]


def test_system_session_properties_are_those_that_the_impersonator_may_set(
    alice: HttpSession, as_alice: HttpSession
) -> None:
    """Trino checks those of the session before it says whom the query impersonates."""
    sql = "SET SESSION join_distribution_type = 'BROADCAST'"
    assert alice.run(sql).error == "Access Denied: Cannot set system session property join_distribution_type"
    assert as_alice.run(sql).error is None


def test_catalog_session_properties_that_a_session_begins_with_are_checked_for_the_impersonator(
    alice: HttpSession, as_alice: HttpSession
) -> None:
    """For the same reason. What SET SESSION sets is checked for the target: the query that sets it is bound by then."""
    vault = ("vault.no_such_property", "x")
    denied = "Access Denied: Cannot access catalog vault"
    assert alice.with_property(*vault).run("SELECT 1").error == denied
    # Servers differ in how they say that there is no such property.
    unknown = str(as_alice.with_property(*vault).run("SELECT 1").error)
    assert "vault.no_such_property" in unknown
    assert "Access Denied" not in unknown
    assert as_alice.run("SET SESSION vault.no_such_property = 'x'").error == denied


def test_queries_are_shown_to_the_target_alone(server: TrinoServer, alice: HttpSession, as_alice: HttpSession) -> None:
    """Trino would show those of the impersonator: it filters by identity and does not say for which query it asks."""
    marked = "SELECT 'a query of the owner'"
    assert HttpSession(server, "owner").run(marked).error is None
    sql = f"SELECT DISTINCT \"user\" FROM system.runtime.queries WHERE query = '{marked.replace(chr(39), chr(39) * 2)}'"
    assert alice.run(sql).rows == []
    assert str(as_alice.run(sql).error).startswith(
        "Access Denied: Cannot select from system.runtime.queries while user svc"
    )


def test_killing_queries_is_refused_in_other_words(alice: HttpSession, as_alice: HttpSession) -> None:
    """It would be the impersonator's right to kill that Trino asks for."""
    sql = "CALL system.runtime.kill_query('20200101_000000_00000_aaaaa', 'x')"
    assert alice.run(sql).error == "Access Denied: Cannot execute procedure system.runtime.kill_query"
    assert str(as_alice.run(sql).error).startswith("Access Denied: Cannot kill queries while user svc impersonates")


@pytest.mark.parametrize("kind", ["VIEW {} AS", "VIEW {} SECURITY INVOKER AS", "OR REPLACE VIEW {} AS"])
def test_views_can_be_made_by_the_target_alone(alice: HttpSession, as_alice: HttpSession, kind: str) -> None:
    """A view belongs to the user of the session, and shows what that user may see."""
    sql = f"CREATE {kind.format('mem_a.hers.made')} SELECT name FROM mem_a.hers.own"
    assert "it would belong to svc" in str(as_alice.run(sql).error)
    assert alice.run(sql).error is None
    assert alice.run("DROP VIEW mem_a.hers.made").error is None


def test_a_filter_that_runs_as_the_impersonator_asks_for_what_its_views_would_need(
    alice: HttpSession, as_alice: HttpSession
) -> None:
    """Nothing tells such a filter from a view of svc's, so svc has to be allowed to grant what the filter reads."""
    sql = "SELECT count(*) FROM tpch.sf1.supplier"
    assert alice.run(sql).value == "24"
    assert "View owner does not have sufficient privileges" in str(as_alice.run(sql).error)


def test_the_session_shows_whom_it_impersonates(alice: HttpSession, as_alice: HttpSession) -> None:
    sql = f"SHOW SESSION LIKE '{PROPERTY}'"
    assert alice.run(sql).rows[0][1] == ""
    assert as_alice.run(sql).rows[0][1] == "alice"
