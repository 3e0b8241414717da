"""Each reason shows on the real server: the answer to the client and the line in the audit file."""

import pytest

from . import environment
from .audit import AuditFile
from .clients import CURRENT_USER, Answer, HttpSession
from .expectations import refused
from .server import TrinoServer


@pytest.mark.parametrize(
    ("impersonator", "target", "reason"),
    [
        ("svc", "alice", "permission"),
        ("admin_omar", "alice", "admin-user"),
        ("helpdesk", "alice", "admin-group"),
        # Whose group stands in the group file alone.
        ("nightshift", "alice", "admin-group"),
    ],
)
def test_an_allowed_request_runs_as_the_target_and_is_recorded(
    main_server: TrinoServer, audit: AuditFile, impersonator: str, target: str, reason: str
) -> None:
    assert HttpSession(main_server, impersonator).as_user(target).run(CURRENT_USER) == Answer(value=target)
    decision = audit.wait_for(impersonator, target)
    assert (decision["decision"], decision["reason"]) == ("allow", reason)


@pytest.mark.parametrize(
    ("impersonator", "target", "reason"),
    [
        ("plain", "alice", "no-permission"),
        ("stranger", "alice", "unknown-user"),
        ("retired", "alice", "user-disabled"),
        ("svc", "nobody_here", "unknown-target"),
        ("svc", "carol", "target-disabled"),
        ("svc", "erin", "target-disabled"),
        ("svc", "admin_omar", "protected-target"),
        ("svc", "helpdesk", "protected-target"),
        ("svc", "nightshift", "protected-target"),
        ("svc", "frank", "out-of-scope"),
        ("user", "bob", "out-of-scope"),
        ("admin_omar", "carol", "target-disabled"),
        ("admin_omar", "nobody_here", "unknown-target"),
    ],
)
def test_a_refused_request_says_why_and_is_recorded(
    main_server: TrinoServer, audit: AuditFile, impersonator: str, target: str, reason: str
) -> None:
    refused(HttpSession(main_server, impersonator).as_user(target).run(CURRENT_USER), impersonator, target)
    decision = audit.wait_for(impersonator, target)
    assert (decision["decision"], decision["reason"]) == ("deny", reason)
    assert decision["principal"] == impersonator


def test_an_audit_line_has_every_field(main_server: TrinoServer, audit: AuditFile) -> None:
    HttpSession(main_server, "svc").as_user("alice").run(CURRENT_USER)
    decision = audit.wait_for("svc", "alice")
    assert set(decision) == {
        "type",
        "schemaVersion",
        "time",
        "decision",
        "reason",
        "impersonator",
        "target",
        "principal",
        "path",
        "engineVersion",
    }
    assert decision["time"].endswith("Z")


def test_one_administrator_may_act_as_another(main_server: TrinoServer, audit: AuditFile) -> None:
    assert HttpSession(main_server, "admin_omar").as_user("helpdesk").run(CURRENT_USER) == Answer(value="helpdesk")
    assert audit.wait_for("admin_omar", "helpdesk")["reason"] == "admin-user"


WAYS = {
    "X-Trino-User": lambda session: session.as_user("alice").run(CURRENT_USER),
    "X-Trino-Original-User beside it": lambda session: HttpSession(
        session.server, session.user, ("X-Trino-Original-User", session.user), ("X-Trino-User", "alice")
    ).run(CURRENT_USER),
    "SET SESSION AUTHORIZATION": lambda session: session.run("SET SESSION AUTHORIZATION alice"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_group_of_the_group_file_makes_an_administrator_in_whatever_way_somebody_asks(
    main_server: TrinoServer, audit: AuditFile, way: str
) -> None:
    answer = WAYS[way](HttpSession(main_server, "nightshift"))
    assert answer.error is None
    assert audit.wait_for("nightshift", "alice")["reason"] == "admin-group"


@pytest.mark.skipif(not environment.HAS_PASSWORDS, reason="this server has no plugin that tells Trino of groups")
@pytest.mark.parametrize("way", WAYS)
def test_a_group_that_trino_alone_knows_makes_nobody_an_administrator_in_whatever_way_somebody_asks(
    main_server: TrinoServer, audit: AuditFile, way: str
) -> None:
    dayshift = HttpSession(main_server, "dayshift")
    assert dayshift.run("SELECT current_groups()").rows == [[["operators"]]]
    refused(WAYS[way](dayshift), "dayshift", "alice")
    assert audit.wait_for("dayshift", "alice")["reason"] == "no-permission"


def test_a_refusal_does_not_tell_the_policy(main_server: TrinoServer) -> None:
    answers = [
        HttpSession(main_server, login).as_user(target).run(CURRENT_USER)
        for login, target in [("svc", "frank"), ("svc", "admin_omar"), ("user", "bob"), ("plain", "alice")]
    ]
    for answer in answers:
        for secret in ("admin_.", "user_alice", "analysts", "operators", "original_user", "impersonation.json"):
            assert secret not in str(answer.error)
