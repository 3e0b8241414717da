"""The oracle finds each violation that is planted, and nothing in what is right."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from chaos.oracle import (
    ANSWERED,
    ENTITLED,
    RECORDED,
    RIGHTS,
    TRACED,
    Need,
    Request,
    judge,
    judge_counters,
    pair,
)
from chaos.truth import Truth

PERMISSION = ("svc", "holds the permission")
ENABLED = ("alice", "is enabled")
NATIVE = Request("chaos-1", "native", "svc", "alice", 100.0, 101.0, "allowed", "alice", "alice", "query_1")
PROPERTY = replace(NATIVE, source="chaos-2", path="property", query_id="query_2")
REFUSED = replace(NATIVE, source="chaos-3", outcome="refused", answer="no", sent=110.0, answered=111.0)
REQUESTS = [NATIVE, PROPERTY, REFUSED]


def decision(request: Request, **other: Any) -> dict[str, Any]:
    allowed = request.outcome == "allowed"
    line = {
        "type": "decision",
        "seconds": request.sent + 0.1,
        "decision": "allow" if allowed else "deny",
        "reason": "permission" if allowed else "no-permission",
        "impersonator": request.impersonator,
        "target": request.target,
        "path": request.path,
    }
    if request.path == "property":
        line["queryId"] = request.query_id
    return {**line, **other}


def query(request: Request) -> dict[str, Any]:
    return {"type": "query", "seconds": request.answered, "source": request.source}


LINES = [decision(NATIVE), decision(PROPERTY), decision(REFUSED), query(NATIVE), query(PROPERTY)]


@pytest.fixture
def truth() -> Truth:
    """The permission is held until five seconds before the first two requests."""
    truth = Truth()
    truth.say(PERMISSION, True, 50, 50)
    truth.say(PERMISSION, False, 95, 95)
    truth.say(ENABLED, True, 50, 50)
    return truth


def broken_promises(
    truth: Truth, requests: Iterable[Request] = REQUESTS, lines: Iterable[dict[str, Any]] = LINES, believed: float = 6
) -> list[str]:
    judgement = judge(
        list(requests), list(lines), truth, lambda _: [Need(PERMISSION, believed), Need(ENABLED, believed)]
    )
    return [violation.promise for violation in judgement.violations]


def test_nothing_is_found_where_all_is_right(truth: Truth) -> None:
    assert broken_promises(truth) == []


def test_the_right_ones_are_counted(truth: Truth) -> None:
    judgement = judge(REQUESTS, LINES, truth, lambda _: [])
    assert judgement.decisions == {("allow", "permission"): 2, ("deny", "no-permission"): 1}
    assert judgement.lines == {"decision": 3, "query": 2}


def test_an_allow_after_the_promised_time_is_found(truth: Truth) -> None:
    assert broken_promises(truth, believed=4.9) == [ENTITLED, ENTITLED]


def test_an_allow_before_the_grant_is_found(truth: Truth) -> None:
    early = replace(NATIVE, sent=48.0, answered=49.0)
    assert broken_promises(truth, [early], [decision(early), query(early)]) == [ENTITLED, ENTITLED]


def test_an_allow_of_a_target_that_nobody_knows_is_found() -> None:
    truth = Truth()
    truth.say(PERMISSION, True, 50, 50)
    assert broken_promises(truth, [NATIVE], [decision(NATIVE), query(NATIVE)]) == [ENTITLED]


def test_somebody_elses_rights_are_found(truth: Truth) -> None:
    assert broken_promises(truth, [replace(NATIVE, answer="bob"), PROPERTY, REFUSED]) == [RIGHTS]


def test_a_request_without_an_answer_is_found(truth: Truth) -> None:
    lost = replace(REFUSED, outcome="unexpected", answer="connection refused")
    assert broken_promises(truth, [NATIVE, PROPERTY, lost], [*LINES[:2], *LINES[3:]]) == [ANSWERED]


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_decision_without_a_line_is_found(truth: Truth, missing: int) -> None:
    lines = [line for number, line in enumerate(LINES) if number != missing]
    assert broken_promises(truth, lines=lines) == [RECORDED]


def test_a_line_that_nobody_caused_is_found(truth: Truth) -> None:
    assert broken_promises(truth, lines=[*LINES, decision(NATIVE)]) == [RECORDED]


def test_a_line_that_says_the_opposite_of_the_answer_is_found(truth: Truth) -> None:
    lines = [decision(NATIVE, decision="deny", reason="audit-unavailable"), *LINES[1:]]
    assert broken_promises(truth, lines=lines) == [RECORDED, RECORDED]


@pytest.mark.parametrize("seconds", [99.9, 101.1])
def test_a_line_of_another_time_is_found(truth: Truth, seconds: float) -> None:
    assert broken_promises(truth, lines=[decision(NATIVE, seconds=seconds), *LINES[1:]]) == [RECORDED, RECORDED]


def test_a_line_of_another_query_is_found(truth: Truth) -> None:
    lines = [LINES[0], decision(PROPERTY, queryId="query_9"), *LINES[2:]]
    assert broken_promises(truth, lines=lines) == [RECORDED, RECORDED]


def test_a_query_without_a_line_is_found(truth: Truth) -> None:
    assert broken_promises(truth, lines=LINES[:-1]) == [TRACED]


def test_a_query_with_two_lines_is_found(truth: Truth) -> None:
    assert broken_promises(truth, lines=[*LINES, query(NATIVE)]) == [TRACED]


def test_a_query_that_ran_though_it_was_refused_is_found(truth: Truth) -> None:
    assert broken_promises(truth, lines=[*LINES, query(REFUSED)]) == [TRACED]


def test_requests_at_the_same_time_are_paired_however_they_overlap() -> None:
    long, short = replace(NATIVE, sent=0.0, answered=10.0), replace(NATIVE, sent=1.0, answered=2.0)
    late, inside = {"seconds": 9.0}, {"seconds": 1.5}
    assert pair([long, short], [late, inside]) == ([], [])
    assert pair([long, short], [inside]) == ([long], [])
    assert pair([short], [late, inside]) == ([], [late])


HEALTHY = {"audit_lost": 0, "audit_failing": 0, "audit_queue": 0, "breaker_open": 0}
COUNTED = {"decisions_allow": 2, "decisions_allow_permission": 2, "decisions_deny": 1, "decisions_deny_out_of_scope": 1}
RECORDED_DECISIONS = {("allow", "permission"): 2, ("deny", "out-of-scope"): 1}


def test_counters_that_agree_with_the_audit_file_are_right() -> None:
    assert judge_counters({**HEALTHY, **COUNTED, "decisions_deny_disabled": 0}, RECORDED_DECISIONS) == []


@pytest.mark.parametrize("name", COUNTED)
def test_a_counter_that_disagrees_with_the_audit_file_is_found(name: str) -> None:
    assert len(judge_counters({**HEALTHY, **COUNTED, name: 7}, RECORDED_DECISIONS)) == 1


@pytest.mark.parametrize("name", HEALTHY)
def test_a_counter_of_what_should_be_over_is_found(name: str) -> None:
    assert len(judge_counters({**HEALTHY, **COUNTED, name: 1}, RECORDED_DECISIONS)) == 1
