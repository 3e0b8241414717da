"""The second act of the demo: a session property names the user, and his rights hold."""

from .clients import PROPERTY, Answer, Cli
from .demo_steps import Steps

CUSTOMERS = "SELECT name, phone, address FROM tpch.tiny.customer WHERE custkey <= 5 ORDER BY name"
ORDERS = "SELECT count(*) FROM tpch.tiny.orders"
SHOW = f"SHOW SESSION LIKE '{PROPERTY}'"
RESET = f"RESET SESSION {PROPERTY}"
WHOAMI = "SELECT effective_user, path, decision, reason, groups FROM immuta.impersonation.whoami"


def as_user(target: str) -> str:
    return f"SET SESSION {PROPERTY} = '{target}'"


def run_property(steps: Steps) -> None:
    title = steps.transcript.title
    title(f"The same query as svc_bi, as svc_bi with {PROPERTY} = alice, and as alice logging in herself:")
    own = show(steps, "svc_bi", CUSTOMERS, expected=lambda rows: len(rows) == 5 and "***" not in str(rows))
    hers = show(
        steps,
        "alice",
        CUSTOMERS,
        expected=lambda rows: len(rows) == 3 and "hidden from alice" in str(rows) and rows != own,
    )
    show(steps, "svc_bi", as_user("alice"), CUSTOMERS, expected=lambda rows: rows == hers)
    steps.decided("svc_bi", "alice", "permission")
    title("What alice must not see nobody sees as her.")
    show(steps, "svc_bi", ORDERS, expected=lambda rows: rows == [Answer(value="15000")])
    refusal = show(steps, "alice", ORDERS, expected=is_refused)
    show(steps, "svc_bi", as_user("alice"), ORDERS, expected=lambda rows: rows == refusal)
    steps.decided("svc_bi", "alice", "permission")
    title("The session says whom it impersonates, and whoami what came of it.")
    session = [as_user("alice"), SHOW, WHOAMI, RESET, ORDERS]
    show(steps, "svc_bi", *session, expected=lambda rows: tells_of_alice([str(row) for row in rows]))
    for _ in (SHOW, WHOAMI, RESET):
        steps.decided("svc_bi", "alice", "permission")
    title("Whoever may not impersonate is refused, and his own rights do not take over.")
    show(steps, "reporting", as_user("alice"), "SELECT count(*) FROM tpch.tiny.nation", expected=is_refused)
    steps.decided("reporting", "alice", "no-permission")


def show(steps: Steps, login: str, *statements: str, expected) -> list[Answer]:
    answers = Cli(steps.server).run(login, None, *statements)
    command = f'trino --user {login} --execute "{"; ".join(statements)}"'
    steps.transcript.check(command, "\n".join(map(str, answers)), expected(answers), "see the title")
    return answers


def is_refused(answers: list[Answer]) -> bool:
    return len(answers) == 1 and str(answers[0].error).startswith("Access Denied: ")


def tells_of_alice(rows: list[str]) -> bool:
    shown, whoami, count = rows
    return (
        shown.split("\t")[:2] == [PROPERTY, "alice"]
        and whoami.split("\t") == ["alice", "property", "allow", "permission", "analysts"]
        and count == "15000"
    )
