"""Servers shared by the tests that want the same configuration."""

import contextlib
import functools
import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from . import environment
from .audit import AuditFile
from .clients import PROPERTY, Cli, HttpSession, Jdbc, PythonClient
from .credentials import Certificate
from .jmx import Jmx
from .policy import AUDIT_FILE, POLICY_FILE, control_text, person, policy_text, service
from .server import Configuration, TrinoServer

ServerMaker = Callable[[str, Configuration], TrinoServer]

USERS = [
    service("svc", groups=["services"]),
    person("plain"),
    person("alice", groups=["analysts"]),
    person("bob"),
    person("carol", disabled=True),
    person("erin", expires="2020-01-31T00:00:00Z"),
    person("frank", expires="2999-01-31T00:00:00Z"),
    service("retired", disabled=True),
    person("admin_omar"),
    person("helpdesk", groups=["operators"]),
    person("nightshift"),
    person("dayshift"),
    service("chained_svc"),
    service("middle"),
    person("zoë"),
    person("李雷"),
    person("🦊"),
    # The three users of Trino's own tests of SET SESSION AUTHORIZATION.
    service("user"),
    service("user2"),
    service("charlie"),
    person("user3"),
]
SCOPES = [
    {"original_user": "user", "new_user": "user_alice"},
    {"original_user": "user2", "new_user": "bob"},
    {"original_user": "user_alice", "new_user": "charlie"},
    {"original_user": "svc", "new_user": "frank", "allow": False},
    {"original_user": "svc|chained_svc|middle|admin_.*|helpdesk|nightshift|dayshift", "new_user": ".*"},
]
GROUP_FILE = "etc/groups.txt"
GROUPS = "operators:nightshift\n"
# Trino learns of groups from the plugin that has the passwords, too. What it alone knows makes nobody an administrator.
TRINOS_GROUPS = {
    "etc/group-provider.properties": "group-provider.name=file\nfile.group-file=etc/trinos-groups.txt\n",
    "etc/trinos-groups.txt": "operators:dayshift\n",
}
MAIN_CONTROL = {
    "immuta.user.admin": "immuta_admin|admin_.+",
    "immuta.group.admin": "operators",
    "immuta.group-file": GROUP_FILE,
}


@functools.cache
def description() -> dict[str, str]:
    """What the page on compatibility says of this run."""
    release = environment.JAVA_HOME.joinpath("release").read_text(encoding="utf-8")
    return {
        "jdk": re.search(r'^JAVA_VERSION="(.*)"', release, re.MULTILINE).group(1),
        "server": "its release" if environment.HAS_PASSWORDS else "Maven's jars",
        "login": "password" if environment.HAS_PASSWORDS else "token",
        "plugin": environment.PLUGIN_ZIP.name,
        "zip": hashlib.sha256(environment.PLUGIN_ZIP.read_bytes()).hexdigest(),
    }


@pytest.fixture(autouse=True)
def described_in_reports(record_property: Callable[[str, object], None]) -> None:
    """With each test, since what one of several processes says of the whole suite does not reach the report."""
    for name, value in description().items():
        record_property(name, value)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.create(tmp_path_factory.mktemp("certificate"))


_running: list[TrinoServer] = []


@contextlib.contextmanager
def server_maker(
    tmp_path_factory: pytest.TempPathFactory, certificate: Certificate, kind: type[TrinoServer] = TrinoServer
) -> Iterator[ServerMaker]:
    with contextlib.ExitStack() as stack:

        def start(name: str, configuration: Configuration) -> TrinoServer:
            server = kind(tmp_path_factory.mktemp(name), certificate, configuration)
            _running.append(server)
            stack.callback(_running.remove, server)
            return stack.enter_context(server.running())

        yield start


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory, certificate: Certificate) -> Iterator[ServerMaker]:
    """Starts servers that end with the module."""
    with server_maker(tmp_path_factory, certificate) as start:
        yield start


@pytest.fixture(scope="session")
def main_server(tmp_path_factory: pytest.TempPathFactory, certificate: Certificate) -> Iterator[TrinoServer]:
    """Our control alone, with a policy that has every kind of user. In the end all of it must have been counted."""
    jmx = Jmx()
    files = {
        "etc/access-control.properties": control_text(**MAIN_CONTROL),
        POLICY_FILE: policy_text([*USERS, service("user_alice")], SCOPES),
        GROUP_FILE: GROUPS,
        **(TRINOS_GROUPS if environment.HAS_PASSWORDS else {}),
    }
    logins = [
        "svc",
        "plain",
        "retired",
        "admin_omar",
        "helpdesk",
        "nightshift",
        "dayshift",
        "chained_svc",
        "stranger",
        "user",
        "user2",
        "alice",
    ]
    with server_maker(tmp_path_factory, certificate) as start:
        server = start("main", Configuration(files, logins, jvm_flags=jmx.flags))
        audit = AuditFile(server.file(AUDIT_FILE))
        yield server
        jmx.check_against_audit(server, audit)


@pytest.fixture
def audit(main_server: TrinoServer) -> AuditFile:
    """The main server's audit lines from this test on."""
    return AuditFile(main_server.file(AUDIT_FILE))


@pytest.fixture
def cli(main_server: TrinoServer) -> Cli:
    return Cli(main_server)


@pytest.fixture
def jdbc(main_server: TrinoServer) -> Jdbc:
    return Jdbc(main_server)


@pytest.fixture
def python_client(main_server: TrinoServer) -> PythonClient:
    return PythonClient(main_server)


@pytest.fixture
def svc(server: TrinoServer) -> HttpSession:
    """The service account on the server of the test's own module, as the next two."""
    return HttpSession(server, "svc")


@pytest.fixture
def as_alice(svc: HttpSession) -> HttpSession:
    return svc.with_property(PROPERTY, "alice")


@pytest.fixture
def alice(server: TrinoServer) -> HttpSession:
    return HttpSession(server, "alice")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    report = yield
    if report.failed:
        for server in _running:
            report.sections.append((f"log of the server in {server.directory}", server.log))
    return report


def pytest_report_header() -> str:
    return f"Trino {environment.TRINO_VERSION} on {environment.JAVA_HOME}, plugin {Path(environment.PLUGIN_ZIP).name}"
