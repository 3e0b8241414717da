"""A changed policy file takes effect without a restart; a broken one does not."""

import os
from collections.abc import Iterator

import pytest

from .audit import AuditFile
from .clients import CURRENT_USER, Answer, HttpSession
from .conftest import ServerMaker
from .expectations import refused
from .policy import AUDIT_FILE, POLICY_FILE, control_text, person, policy_text, service
from .server import Configuration, TrinoServer
from .waiting import wait_until

GRANTED = policy_text([service("svc"), person("alice")])
REVOKED = policy_text([person("svc"), person("alice")])
BROKEN = GRANTED.replace('"permissions"', '"permisions"')


@pytest.fixture(scope="module")
def running(start_server: ServerMaker) -> TrinoServer:
    files = {"etc/access-control.properties": control_text(), POLICY_FILE: GRANTED}
    return start_server("reload", Configuration(files, ["svc"]))


@pytest.fixture
def server(running: TrinoServer) -> Iterator[TrinoServer]:
    """The server with the permission granted, and granted again afterwards."""
    yield running
    replace_policy(running, GRANTED)
    wait_until(lambda: ask(running).value, "the permission is back")


def replace_policy(server: TrinoServer, text: str) -> None:
    """Puts a complete new file in the old one's place, as configuration management does."""
    new = server.file(POLICY_FILE + ".new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, server.file(POLICY_FILE))


def ask(server: TrinoServer) -> Answer:
    return HttpSession(server, "svc").as_user("alice").run(CURRENT_USER)


def test_a_permission_taken_out_of_the_file_stops_working(server: TrinoServer) -> None:
    audit = AuditFile(server.file(AUDIT_FILE))
    assert ask(server) == Answer(value="alice")
    replace_policy(server, REVOKED)
    refused(wait_until(lambda: (answer := ask(server)).error and answer, "a refusal"), "svc", "alice")
    refused(ask(server), "svc", "alice")
    audit.wait_for_reason("svc", "alice", "no-permission")


def test_a_file_edited_in_place_is_noticed(server: TrinoServer) -> None:
    server.file(POLICY_FILE).write_text(REVOKED, encoding="utf-8")
    refused(wait_until(lambda: (answer := ask(server)).error and answer, "a refusal"), "svc", "alice")


def test_a_broken_file_is_reported_and_the_last_good_one_keeps_serving(server: TrinoServer) -> None:
    before = len(server.log)
    replace_policy(server, BROKEN)
    wait_until(lambda: ask(server) and "permisions" in server.log[before:], "the log names the unknown key")
    assert ask(server) == Answer(value="alice")
    replace_policy(server, REVOKED)
    wait_until(lambda: ask(server).error, "the repaired file is in force")


def test_a_file_that_everybody_can_write_is_reported_and_not_read(server: TrinoServer) -> None:
    before = len(server.log)
    file = server.file(POLICY_FILE)
    file.chmod(0o666)
    file.write_text(REVOKED, encoding="utf-8")
    wait_until(lambda: ask(server) and "written by everybody" in server.log[before:], "the log says who can write")
    assert ask(server) == Answer(value="alice")
    file.chmod(0o644)
    wait_until(lambda: ask(server).error, "the file is in force when only its owner can write it")


def test_a_removed_file_is_reported_and_the_last_good_one_keeps_serving(server: TrinoServer) -> None:
    before = len(server.log)
    server.file(POLICY_FILE).unlink()
    wait_until(lambda: ask(server) and "impersonation.json" in server.log[before:], "the log names the file")
    assert ask(server) == Answer(value="alice")
