"""Every client that can ask for another identity gets it where the policy says so, and only there."""

from .audit import AuditFile
from .clients import CURRENT_USER, Answer, Cli, HttpSession, Jdbc, PythonClient
from .expectations import refused
from .server import TrinoServer

ALICE = Answer(value="alice")


def test_jdbc_session_user_acts_as_the_target(jdbc: Jdbc, audit: AuditFile) -> None:
    assert jdbc.run("svc", "alice", CURRENT_USER) == [ALICE]
    decision = audit.wait_for("svc", "alice")
    assert (decision["decision"], decision["reason"], decision["path"]) == ("allow", "permission", "native")
    assert decision["principal"] == "svc"


def test_jdbc_session_user_is_refused_without_the_permission(jdbc: Jdbc, audit: AuditFile) -> None:
    (answer,) = jdbc.run("plain", "alice", CURRENT_USER)
    refused(answer, "plain", "alice")
    assert audit.wait_for("plain", "alice")["reason"] == "no-permission"


def test_jdbc_without_a_session_user_asks_nobody(jdbc: Jdbc, audit: AuditFile) -> None:
    assert jdbc.run("plain", None, CURRENT_USER) == [Answer(value="plain")]
    assert audit.decisions() == []


def test_cli_session_user_acts_as_the_target(cli: Cli, audit: AuditFile) -> None:
    assert cli.run("svc", "alice", CURRENT_USER) == [ALICE]
    assert audit.wait_for("svc", "alice")["reason"] == "permission"


def test_cli_session_user_is_refused_without_the_permission(cli: Cli, audit: AuditFile) -> None:
    (answer,) = cli.run("plain", "alice", CURRENT_USER)
    refused(answer, "plain", "alice")
    assert audit.wait_for("plain", "alice")["decision"] == "deny"


def test_python_client_user_acts_as_the_target(python_client: PythonClient) -> None:
    assert python_client.run("svc", "alice", CURRENT_USER) == ALICE


def test_python_client_user_is_refused_without_the_permission(python_client: PythonClient) -> None:
    answer = python_client.run("plain", "alice", CURRENT_USER)
    assert "Access Denied: User plain cannot impersonate user alice: " in str(answer.error)


def test_raw_http_user_header_acts_as_the_target(main_server: TrinoServer) -> None:
    assert HttpSession(main_server, "svc").as_user("alice").run(CURRENT_USER) == ALICE


def test_queries_see_data_as_the_target(main_server: TrinoServer) -> None:
    session = HttpSession(main_server, "svc").as_user("alice")
    assert session.run("SELECT count(*) FROM tpch.tiny.nation") == Answer(value="25")
