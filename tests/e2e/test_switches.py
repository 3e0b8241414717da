"""The kill switch and a full disk: nobody is impersonated, everybody else goes on working."""

import pytest

from .audit import AuditFile
from .clients import CURRENT_USER, Answer, HttpSession
from .conftest import ServerMaker
from .expectations import refused
from .policy import AUDIT_FILE, POLICY_FILE, control_text, person, policy_text, service
from .server import Configuration, TrinoServer

POLICY = policy_text([service("svc"), person("alice")])


def start(start_server: ServerMaker, name: str, **properties: str) -> TrinoServer:
    files = {"etc/access-control.properties": control_text(**properties), POLICY_FILE: POLICY}
    return start_server(name, Configuration(files, ["svc"]))


@pytest.fixture(scope="module")
def switched_off(start_server: ServerMaker) -> TrinoServer:
    return start(start_server, "switched-off", **{"immuta.impersonation.enabled": "false"})


@pytest.fixture(scope="module")
def full_disk(start_server: ServerMaker) -> TrinoServer:
    return start(start_server, "full-disk", **{"immuta.impersonation.audit.file": "/dev/full"})


def test_the_kill_switch_refuses_everybody(switched_off: TrinoServer) -> None:
    audit = AuditFile(switched_off.file(AUDIT_FILE))
    refused(HttpSession(switched_off, "svc").as_user("alice").run(CURRENT_USER), "svc", "alice")
    assert audit.wait_for("svc", "alice")["reason"] == "disabled"


def test_the_kill_switch_leaves_people_their_own_queries(switched_off: TrinoServer) -> None:
    assert HttpSession(switched_off, "svc").run(CURRENT_USER) == Answer(value="svc")


def test_a_full_audit_disk_lets_nobody_impersonate(full_disk: TrinoServer) -> None:
    answer = HttpSession(full_disk, "svc").as_user("alice").run(CURRENT_USER)
    refused(answer, "svc", "alice")
    assert "recorded" in str(answer.error)


def test_a_full_audit_disk_leaves_people_their_own_queries(full_disk: TrinoServer) -> None:
    assert HttpSession(full_disk, "svc").run(CURRENT_USER) == Answer(value="svc")


def test_a_full_audit_disk_is_in_the_server_log(full_disk: TrinoServer) -> None:
    HttpSession(full_disk, "svc").as_user("alice").run(CURRENT_USER)
    full_disk.wait_for_log("No space left on device")
