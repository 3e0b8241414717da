"""Users looked up at a stand-in for Immuta, under the names that it knows, from a real server."""

import mmap
from collections.abc import Iterator

import pytest

from .audit import AuditFile
from .clients import CURRENT_USER, Answer, HttpSession
from .conftest import ServerMaker
from .expectations import refused
from .immuta import API_KEY, FakeImmuta, immuta_files
from .policy import AUDIT_FILE
from .server import Configuration, TrinoServer
from .waiting import wait_until

MAPPING_FILE = "etc/user-mapping.json"
MAPPING = """{"rules": [
  {"pattern": "robot.*", "allow": false},
  {"pattern": "(.*)", "user": "$1@corp.example"}
]}"""
SETTINGS = {
    "immuta.user.admin": "admin_.+",
    "immuta.http.timeout.milliseconds": "1000",
    "immuta.impersonation.cache.ttl": "2s",
    "immuta.impersonation.cache.negative-ttl": "500ms",
    "immuta.impersonation.user-mapping.file": MAPPING_FILE,
}


@pytest.fixture(scope="module")
def immuta(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeImmuta]:
    with FakeImmuta(tmp_path_factory.mktemp("immuta")) as immuta:
        yield immuta


@pytest.fixture(scope="module")
def running(start_server: ServerMaker, immuta: FakeImmuta) -> TrinoServer:
    files = {**immuta_files(immuta, **SETTINGS), MAPPING_FILE: MAPPING}
    return start_server("immuta", Configuration(files, ["svc", "plain", "robot", "admin_omar"]))


@pytest.fixture
def server(running: TrinoServer, immuta: FakeImmuta) -> TrinoServer:
    """The server while Immuta works and svc holds the permission."""
    immuta.repair()
    immuta.grant("svc@corp.example")
    for name in ("plain", "alice"):
        immuta.put_user(f"{name}@corp.example")
    immuta.put_user("carol@corp.example", disabled=True)
    wait_until(lambda: ask(running, "svc", "alice").value, "svc may impersonate alice")
    return running


@pytest.fixture
def audit(server: TrinoServer) -> AuditFile:
    return AuditFile(server.file(AUDIT_FILE))


def ask(server: TrinoServer, login: str, target: str) -> Answer:
    return HttpSession(server, login).as_user(target).run(CURRENT_USER)


def ask_until_refused(server: TrinoServer, login: str, target: str) -> Answer:
    return wait_until(lambda: (answer := ask(server, login, target)).error and answer, "a refusal")


def test_a_permission_held_in_immuta_lets_in(server: TrinoServer, audit: AuditFile) -> None:
    assert ask(server, "svc", "alice") == Answer(value="alice")
    line = audit.wait_for("svc", "alice")
    assert line["reason"] == "permission"
    assert line["mappedImpersonator"] == "svc@corp.example"
    assert line["mappedTarget"] == "alice@corp.example"


@pytest.mark.parametrize(
    "case",
    [
        ("plain", "alice", "no-permission", 'asked for "plain@corp.example"'),
        ("robot", "alice", "unknown-user", "a rule of the user mapping forbids this name"),
        ("svc", "carol", "target-disabled", 'asked for "carol@corp.example"'),
        ("svc", "zoe", "unknown-target", 'asked for "zoe@corp.example"'),
        ("svc", "lice", "unknown-target", 'asked for "lice@corp.example"'),
        ("svc", "alice@corp.example", "unknown-target", '"alice@corp.example@corp.example"'),
    ],
)
def test_a_refusal_says_whom_immuta_was_asked_for(
    server: TrinoServer, audit: AuditFile, case: tuple[str, str, str, str]
) -> None:
    login, target, reason, words = case
    answer = ask(server, login, target)
    refused(answer, login, target)
    assert words in answer.error
    assert audit.wait_for(login, target)["reason"] == reason


def test_a_revoked_permission_stops_working(server: TrinoServer, audit: AuditFile, immuta: FakeImmuta) -> None:
    immuta.revoke("svc@corp.example")
    refused(ask_until_refused(server, "svc", "alice"), "svc", "alice")
    audit.wait_for_reason("svc", "alice", "no-permission")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "code": 500},
        {"kind": "status", "code": 403},
        {"kind": "hang"},
        {"kind": "reset"},
        {"kind": "html"},
        {"kind": "wrong-types"},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
def test_nobody_is_let_in_while_immuta_is_broken_and_everybody_afterwards(
    server: TrinoServer, audit: AuditFile, immuta: FakeImmuta, fault: dict
) -> None:
    immuta.break_down(**fault)
    refused(ask_until_refused(server, "svc", "alice"), "svc", "alice")
    audit.wait_for_reason("svc", "alice", "lookup-unavailable")
    immuta.repair()
    wait_until(lambda: ask(server, "svc", "alice").value == "alice", "svc may impersonate alice again")


def test_the_log_says_what_is_wrong_with_immuta(server: TrinoServer, immuta: FakeImmuta) -> None:
    immuta.break_down("status", code=502)
    wait_until(lambda: ask(server, "svc", "alice").error and "502" in server.log, "the log names the status")
    assert immuta.https in server.log


def test_the_api_key_of_a_file_is_in_no_heap_dump(server: TrinoServer) -> None:
    known = "what the server remembers of a query"
    assert HttpSession(server, "svc").run(f"SELECT '{known}'").value == known
    with server.heap_dump() as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as heap:
        assert heap.find(known.encode()) >= 0, "for comparison"
        for encoding in ["latin-1", "utf-16-le", "utf-16-be"]:
            assert heap.find(API_KEY.encode(encoding)) < 0, encoding


def test_the_api_key_is_nowhere_to_be_read(server: TrinoServer, immuta: FakeImmuta) -> None:
    immuta.break_down("status", code=401)
    answer = ask_until_refused(server, "svc", "alice")
    assert API_KEY not in answer.error
    assert API_KEY not in server.log
    assert API_KEY not in server.file(AUDIT_FILE).read_text(encoding="utf-8")
