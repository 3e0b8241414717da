"""The kill switch and a full disk: nobody is impersonated, everybody else goes on working."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .audit import AuditFile, check_lines
from .clients import CURRENT_USER, Answer, HttpSession
from .conftest import ServerMaker, server_maker
from .credentials import Certificate
from .expectations import refused
from .policy import AUDIT_FILE, POLICY_FILE, control_text, person, policy_text, service
from .server import Configuration, TrinoServer
from .waiting import wait_until

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


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system with room for a few hundred lines."""
    directory = tmp_path_factory.mktemp("small-disk")
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", directory], check=False, capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield directory
    subprocess.run(["umount", directory], check=True)


@pytest.fixture(scope="module")
def on_small_disk(
    small_disk: Path, tmp_path_factory: pytest.TempPathFactory, certificate: Certificate
) -> Iterator[TrinoServer]:
    # With a maker of its own, which stops it before the disk goes.
    with server_maker(tmp_path_factory, certificate) as start_server:
        audit_file = str(small_disk / "audit.jsonl")
        yield start(start_server, "small-disk-server", **{"immuta.impersonation.audit.file": audit_file})


def fill(filler: Path) -> None:
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 512)


def test_on_a_disk_that_fills_up_nobody_impersonates_until_there_is_space_again(
    small_disk: Path, on_small_disk: TrinoServer
) -> None:
    session = HttpSession(on_small_disk, "svc").as_user("alice")
    audit = AuditFile(small_disk / "audit.jsonl")
    assert session.run(CURRENT_USER) == Answer(value="alice")
    filler = small_disk / "filler"
    fill(filler)
    # The page that the file ends in has room for some lines.
    refusal = wait_until(lambda: session.run(CURRENT_USER).error, "the disk is full")
    assert "User svc cannot impersonate user alice" in refusal
    assert "cannot be recorded" in refusal
    assert HttpSession(on_small_disk, "svc").run(CURRENT_USER) == Answer(value="svc")
    on_small_disk.wait_for_log("cannot be written: No space left on device")

    filler.unlink()
    wait_until(lambda: session.run(CURRENT_USER) == Answer(value="alice"), "there is space again")
    on_small_disk.wait_for_log("can be written again; 0 decisions and queries in between left no line")
    # Refusals of that time had waited.
    wait_until(lambda: [line for line in audit.decisions() if line["reason"] == "audit-unavailable"], "old lines")
    assert audit.decisions()[-1]["decision"] == "allow"
    assert check_lines(small_disk) > 0
