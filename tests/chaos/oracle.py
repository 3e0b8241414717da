"""Judges what clients were told, and what the audit file says of it, by what was true at the time."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .truth import Fact, Truth

Line = Mapping[str, Any]
Outcome = Literal["allowed", "refused", "unexpected"]
DECISION = {"allowed": "allow", "refused": "deny"}


@dataclass(frozen=True)
class Request:
    """One query of a client, and what came of it. Times are those of the clock that audit lines have, in seconds."""

    # Unique; the query's line has it.
    source: str
    path: Literal["native", "property"]
    impersonator: str
    target: str
    sent: float
    answered: float
    outcome: Outcome
    # What the client got, and what shows that it came with the target's rights.
    answer: str
    right_answer: str
    query_id: str | None = None


@dataclass(frozen=True)
class Need:
    """A fact without which a request must not be allowed, and for how long it may be believed when it is over."""

    fact: Fact
    seconds: float


@dataclass(frozen=True)
class Violation:
    """A promise that was not kept."""

    promise: str
    what: str


@dataclass
class Judgement:
    """Of one server in one round."""

    violations: list[Violation] = field(default_factory=list)
    decisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    lines: Counter[str] = field(default_factory=Counter)

    def add(self, promise: str, what: object) -> None:
        self.violations.append(Violation(promise, str(what)))


ENTITLED = "nobody is let in who was not entitled"
RIGHTS = "whoever is let in has the target's rights"
ANSWERED = "every request is answered"
RECORDED = "every answer has its line of a decision, and every such line its answer"
TRACED = "every query that ran as somebody else has its line, and no other has one"


def judge(
    requests: Sequence[Request],
    lines: Sequence[Line],
    truth: Truth,
    needs: Callable[[Request], Iterable[Need]],
) -> Judgement:
    """Of all requests to one server, and all audit lines that it wrote meanwhile."""
    judgement = Judgement()
    for request in requests:
        if request.outcome == "unexpected":
            judgement.add(ANSWERED, request)
        elif request.outcome == "allowed":
            judge_allowed(request, truth, needs(request), judgement)
    decisions = [line for line in lines if line["type"] == "decision"]
    judge_decisions([request for request in requests if request.outcome != "unexpected"], decisions, judgement)
    judge_queries(requests, [line for line in lines if line["type"] == "query"], judgement)
    judgement.decisions.update((line["decision"], line["reason"]) for line in decisions)
    judgement.lines.update(line["type"] for line in lines)
    return judgement


def judge_allowed(request: Request, truth: Truth, needs: Iterable[Need], judgement: Judgement) -> None:
    for need in needs:
        if not truth.was_ever_true(need.fact, request.sent - need.seconds, request.answered):
            judgement.add(ENTITLED, f"{need.fact} was not true within {need.seconds} s before {request}")
    if request.answer != request.right_answer:
        judgement.add(RIGHTS, request)


def judge_decisions(requests: Iterable[Request], lines: Iterable[Line], judgement: Judgement) -> None:
    """On the property path lines have the query's id. On the native path Trino tells none, and times must do."""
    asked: dict[tuple, list[Request]] = defaultdict(list)
    for request in requests:
        asked[key_of_request(request)].append(request)
    written: dict[tuple, list[Line]] = defaultdict(list)
    for line in lines:
        written[key_of_line(line)].append(line)
    for key in asked.keys() | written.keys():
        unrecorded, uncaused = pair(asked[key], written[key])
        for request in unrecorded:
            judgement.add(RECORDED, f"no line for {request}")
        for line in uncaused:
            judgement.add(RECORDED, f"no answer for {dict(line)}")


def key_of_request(request: Request) -> tuple:
    query_id = request.query_id if request.path == "property" else None
    return request.path, query_id, request.impersonator, request.target, DECISION[request.outcome]


def key_of_line(line: Line) -> tuple:
    return line["path"], line.get("queryId"), line["impersonator"], line["target"], line["decision"]


def pair(requests: Iterable[Request], lines: Iterable[Line]) -> tuple[list[Request], list[Line]]:
    """Gives each line to a request during which it was written; returns what is left over.

    Line by line in their order, each to that one of the possible requests that ended first: no other way pairs more.
    """
    waiting = sorted(requests, key=lambda request: request.sent, reverse=True)
    open_requests: list[Request] = []
    unrecorded: list[Request] = []
    uncaused: list[Line] = []
    for line in sorted(lines, key=lambda line: line["seconds"]):
        at = line["seconds"]
        while waiting and waiting[-1].sent <= at:
            open_requests.append(waiting.pop())
        unrecorded += [request for request in open_requests if request.answered < at]
        open_requests = [request for request in open_requests if request.answered >= at]
        if open_requests:
            open_requests.remove(min(open_requests, key=lambda request: request.answered))
        else:
            uncaused.append(line)
    return unrecorded + open_requests + waiting, uncaused


def judge_queries(requests: Iterable[Request], lines: Iterable[Line], judgement: Judgement) -> None:
    ran = {request.source: request for request in requests if request.outcome == "allowed"}
    unclear = {request.source for request in requests if request.outcome == "unexpected"}
    traced = Counter(line["source"] for line in lines)
    for source in ran.keys() - traced.keys():
        judgement.add(TRACED, f"no line for the query of {ran[source]}")
    for source, count in traced.items():
        if source not in unclear and (source not in ran or count > 1):
            judgement.add(TRACED, f"{count} lines for the query of {ran.get(source, source)}")


def judge_counters(numbers: Mapping[str, int], decisions: Mapping[tuple[str, str], int]) -> list[Violation]:
    """What a server has counted since its start, when all lines since then are written."""
    counted = {name: number for name, number in numbers.items() if name.startswith("decisions_") and number}
    recorded = Counter({f"decisions_{decision}_{word(reason)}": n for (decision, reason), n in decisions.items()})
    for (decision, _), number in decisions.items():
        recorded[f"decisions_{decision}"] += number
    wrong = [
        f"{name} is {counted.get(name, 0)}, but the audit file has {recorded[name]}"
        for name in sorted(counted.keys() | recorded.keys())
        if counted.get(name, 0) != recorded[name]
    ]
    for name in ("audit_lost", "audit_failing", "audit_queue", "breaker_open"):
        if numbers[name] != 0:
            wrong.append(f"{name} is {numbers[name]} when all is well again")
    return [Violation("the counters are those of the audit file", text) for text in wrong]


def word(reason: str) -> str:
    return reason.replace("-", "_")
