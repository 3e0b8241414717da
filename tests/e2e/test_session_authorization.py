"""SET SESSION AUTHORIZATION asks the same question as a connection's session user does."""

import pytest

from .audit import AuditFile
from .clients import CURRENT_USER, Answer, Cli, HttpSession, Jdbc
from .expectations import refused
from .server import TrinoServer

DONE = Answer()


def become(user: str) -> str:
    return f"SET SESSION AUTHORIZATION '{user}'"


def test_set_and_reset_change_the_current_user(main_server: TrinoServer, audit: AuditFile) -> None:
    session = HttpSession(main_server, "svc")
    assert session.run(become("alice")) == DONE
    assert session.run(CURRENT_USER) == Answer(value="alice")
    assert session.run("RESET SESSION AUTHORIZATION") == DONE
    assert session.run(CURRENT_USER) == Answer(value="svc")
    assert audit.wait_for("svc", "alice")["reason"] == "permission"


def test_the_cli_sets_and_resets_it(cli: Cli) -> None:
    answers = cli.run(
        "svc", None, CURRENT_USER, become("alice"), CURRENT_USER, "RESET SESSION AUTHORIZATION", CURRENT_USER
    )
    assert answers == [Answer(value="svc"), Answer(value="alice"), Answer(value="svc")]


def test_the_cli_shows_a_refusal(cli: Cli) -> None:
    (answer,) = cli.run("plain", None, become("alice"))
    refused(answer, "plain", "alice")


@pytest.mark.parametrize(("login", "target"), [("user", "user_alice"), ("user2", "bob"), ("svc", "alice")])
def test_a_scope_that_matches_allows(main_server: TrinoServer, login: str, target: str) -> None:
    session = HttpSession(main_server, login)
    assert session.run(become(target)) == DONE
    assert session.run(CURRENT_USER) == Answer(value=target)


@pytest.mark.parametrize("target", ["user2", "bob", "charlie"])
def test_a_target_outside_the_scopes_is_refused(main_server: TrinoServer, audit: AuditFile, target: str) -> None:
    session = HttpSession(main_server, "user")
    refused(session.run(become(target)), "user", target)
    assert session.run(CURRENT_USER) == Answer(value="user")
    assert audit.wait_for("user", target)["reason"] == "out-of-scope"


def test_becoming_oneself_needs_no_permission(main_server: TrinoServer) -> None:
    session = HttpSession(main_server, "plain")
    assert session.run(become("plain")) == DONE
    assert session.run(CURRENT_USER) == Answer(value="plain")


def test_rights_of_the_target_do_not_add_up(main_server: TrinoServer) -> None:
    session = HttpSession(main_server, "user")
    assert session.run(become("user_alice")) == DONE
    refused(session.run(become("charlie")), "user", "charlie")
    assert session.run(CURRENT_USER) == Answer(value="user_alice")


def test_a_session_user_of_jdbc_cannot_go_on_to_a_third(jdbc: Jdbc) -> None:
    answers = jdbc.run("svc", "user_alice", CURRENT_USER, become("charlie"), CURRENT_USER)
    assert answers[0] == Answer(value="user_alice")
    refused(answers[-1], "user_alice", "charlie")


def test_headers_that_claim_an_authorization_are_checked_again(main_server: TrinoServer) -> None:
    session = HttpSession(main_server, "plain", ("X-Trino-Original-User", "plain"), ("X-Trino-User", "alice"))
    refused(session.run(CURRENT_USER), "plain", "alice")


def test_an_explicit_transaction_keeps_its_user(jdbc: Jdbc) -> None:
    _, answer = jdbc.run("svc", None, "START TRANSACTION", become("alice"))
    assert answer.error is not None
    assert "transaction" in answer.error
