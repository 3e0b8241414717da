"""Several access controls side by side: each has a veto, ours among them, and two of ours keep to themselves."""

import json

import pytest

from .audit import AuditFile
from .clients import CURRENT_USER, Answer, HttpSession
from .conftest import ServerMaker
from .expectations import refused
from .policy import AUDIT_FILE, IMMUTA_CATALOG, POLICY_FILE, control_text, person, policy_text, service
from .server import Configuration, TrinoServer, properties_text

SECOND_POLICY = "etc/second.json"
SECOND_AUDIT = "var/log/second-audit.jsonl"
FILE_RULES = {
    "catalogs": [{"allow": "all"}],
    "impersonation": [{"new_user": "alice|bob|carol"}],
    "tables": [{"user": "alice", "table": "region", "privileges": []}, {"privileges": ["SELECT", "OWNERSHIP"]}],
}
READ_ONLY = properties_text({"access-control.name": "read-only"})
CONTROLS = {
    "etc/first.properties": control_text(**{"immuta.delegate.config-file": "etc/read-only.properties"}),
    "etc/second.properties": control_text(SECOND_POLICY, **{"immuta.impersonation.audit.file": SECOND_AUDIT}),
    "etc/file.properties": properties_text({"access-control.name": "file", "security.config-file": "etc/rules.json"}),
}


@pytest.fixture(scope="module")
def server(start_server: ServerMaker) -> TrinoServer:
    people = [service("svc"), person("alice"), person("dave")]
    files = {
        **IMMUTA_CATALOG,
        **CONTROLS,
        "etc/read-only.properties": READ_ONLY,
        "etc/rules.json": json.dumps(FILE_RULES),
        POLICY_FILE: policy_text([*people, person("bob")]),
        SECOND_POLICY: policy_text([*people, person("carol")]),
    }
    config = {
        "access-control.config-files": ",".join(CONTROLS),
        "http-server.authentication.allow-insecure-over-http": "true",
    }
    return start_server("several", Configuration(files, ["svc"], config))


@pytest.fixture
def session(server: TrinoServer) -> HttpSession:
    return HttpSession(server, "svc")


def test_the_log_warns_of_what_surrounds_each_of_ours(server: TrinoServer) -> None:
    warnings = [line for line in server.log.splitlines() if "\tWARN\t" in line and "dev.impersonation" in line]
    plain_http = [line for line in warnings if "allow-insecure-over-http=true" in line]
    others = [line for line in warnings if "etc/file.properties: decide as well" in line]
    no_delegate = [line for line in warnings if "immuta.delegate.config-file is not set" in line]
    assert [len(plain_http), len(others), len(no_delegate)] == [2, 2, 1], server.log
    assert len(warnings) == 5, warnings


def test_what_all_controls_allow_is_allowed(server: TrinoServer, session: HttpSession) -> None:
    first, second = AuditFile(server.file(AUDIT_FILE)), AuditFile(server.file(SECOND_AUDIT))
    assert session.as_user("alice").run(CURRENT_USER) == Answer(value="alice")
    assert first.wait_for("svc", "alice")["decision"] == "allow"
    assert second.wait_for("svc", "alice")["decision"] == "allow"


def test_the_first_of_two_of_ours_can_refuse(server: TrinoServer, session: HttpSession) -> None:
    first, second = AuditFile(server.file(AUDIT_FILE)), AuditFile(server.file(SECOND_AUDIT))
    refused(session.as_user("carol").run(CURRENT_USER), "svc", "carol")
    assert first.wait_for("svc", "carol")["reason"] == "unknown-target"
    assert second.decisions() == []


def test_the_second_of_two_of_ours_can_refuse(server: TrinoServer, session: HttpSession) -> None:
    first, second = AuditFile(server.file(AUDIT_FILE)), AuditFile(server.file(SECOND_AUDIT))
    refused(session.as_user("bob").run(CURRENT_USER), "svc", "bob")
    assert first.wait_for("svc", "bob")["decision"] == "allow"
    assert second.wait_for("svc", "bob")["reason"] == "unknown-target"


def test_another_control_can_refuse_what_ours_allow(session: HttpSession) -> None:
    answer = session.as_user("dave").run(CURRENT_USER)
    assert answer == Answer(error="Access Denied: User svc cannot impersonate user dave")


def test_the_read_only_delegate_of_one_forbids_writing_for_all(session: HttpSession) -> None:
    answer = session.as_user("alice").run("CREATE TABLE memory.default.t AS SELECT 1 AS one")
    assert str(answer.error).startswith("Access Denied: Cannot create table")


def test_the_file_control_still_decides_for_the_target(session: HttpSession) -> None:
    denied = session.as_user("alice").run("SELECT * FROM tpch.tiny.region")
    assert denied == Answer(error="Access Denied: Cannot select from table tpch.tiny.region")
    assert session.as_user("alice").run("SELECT count(*) FROM tpch.tiny.nation") == Answer(value="25")


@pytest.fixture(scope="module")
def beside_read_only(start_server: ServerMaker) -> TrinoServer:
    files = {
        "etc/ours.properties": control_text(),
        "etc/read-only.properties": READ_ONLY,
        POLICY_FILE: policy_text([service("svc"), person("alice")]),
    }
    config = {"access-control.config-files": "etc/ours.properties,etc/read-only.properties"}
    return start_server("beside-read-only", Configuration(files, ["svc"], config))


def test_the_read_only_control_beside_ours_vetoes_every_impersonation(beside_read_only: TrinoServer) -> None:
    audit = AuditFile(beside_read_only.file(AUDIT_FILE))
    answer = HttpSession(beside_read_only, "svc").as_user("alice").run(CURRENT_USER)
    assert answer == Answer(error="Access Denied: User svc cannot impersonate user alice")
    assert audit.wait_for("svc", "alice")["decision"] == "allow"


def test_the_read_only_control_beside_ours_forbids_writing(beside_read_only: TrinoServer) -> None:
    session = HttpSession(beside_read_only, "svc")
    assert session.run("SELECT count(*) FROM tpch.tiny.nation") == Answer(value="25")
    answer = session.run("CREATE TABLE memory.default.t AS SELECT 1 AS one")
    assert str(answer.error).startswith("Access Denied: Cannot create table")
