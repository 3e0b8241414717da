"""The programs of docs/clients.md, word for word: each client gets alice's rows, and is told why not carol's."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from . import environment
from .clients import JAVA_CLIENT, HttpSession
from .conftest import ServerMaker
from .documentation import for_server, marked_blocks, run_program, run_shell
from .policy import IMMUTA_CATALOG, guarded_files, person, service
from .server import Configuration, TrinoServer

pytestmark = pytest.mark.skipif(not environment.HAS_PASSWORDS, reason="docs/clients.md logs in with a password")
BLOCKS = marked_blocks("docs/clients.md", "client")
CLIENT_FILES = environment.ROOT / "tests" / "clients"
NATIVE = "alice 5"
PROPERTY = "svc_bi 5"
REFUSAL = "Access Denied: User svc_bi cannot impersonate user carol: the target's account is disabled"
ALL = ["SELECT", "INSERT", "DELETE", "UPDATE", "OWNERSHIP", "GRANT_SELECT"]
RULES = {
    "schemas": [{"user": "alice", "catalog": "memory", "schema": "alice", "owner": True}, {"owner": False}],
    "tables": [
        {
            "user": "alice",
            "catalog": "tpch",
            "schema": "tiny",
            "table": "nation",
            "privileges": ["SELECT", "GRANT_SELECT"],
            "filter": "regionkey = 2",
        },
        {"user": "alice", "catalog": "memory", "schema": "alice", "privileges": ALL},
        {"user": "svc_bi", "catalog": "tpch", "schema": "tiny", "privileges": ["SELECT"]},
        {"catalog": "system", "privileges": ["SELECT"]},
        {"privileges": []},
    ],
}

Run = Callable[[TrinoServer, str, Path], subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def server(start_server: ServerMaker) -> TrinoServer:
    users = [service("svc_bi"), person("alice"), person("carol", disabled=True)]
    files = {**IMMUTA_CATALOG, **guarded_files(RULES, users)}
    return start_server("clients", Configuration(files, ["svc_bi", "alice"]))


def run_python(server: TrinoServer, program: str, directory: Path) -> subprocess.CompletedProcess[str]:
    return run_program(server, [sys.executable, "-W", "error", "-c", program], directory)


def run_java(server: TrinoServer, program: str, directory: Path) -> subprocess.CompletedProcess[str]:
    source = directory / (re.search(r"class (\w+)", program).group(1) + ".java")
    source.write_text(program, encoding="utf-8")
    driver = environment.CLIENTS / "trino-jdbc.jar"
    return run_program(server, [*JAVA_CLIENT, "-cp", driver, source], directory)


def run_go(server: TrinoServer, program: str, directory: Path) -> subprocess.CompletedProcess[str]:
    if environment.GO_CLIENT is None:
        pytest.skip("Go 1.25.5 or newer is missing: install it from https://go.dev/dl and put it on PATH")
    source = directory / "main.go"
    source.write_text(program, encoding="utf-8")
    # The flags of ./dev's build, whose results are then at hand.
    flags = {"GOFLAGS": "-mod=vendor -trimpath", "GOTOOLCHAIN": "local"}
    return run_program(server, ["go", "run", source], environment.GO_CLIENT, flags)


def run_js(server: TrinoServer, program: str, directory: Path) -> subprocess.CompletedProcess[str]:
    if environment.JS_CLIENT is None:
        pytest.skip("node or npm is missing: install Node.js 18 or newer, on Debian 'apt-get install nodejs npm'")
    (directory / "node_modules").symlink_to(environment.JS_CLIENT / "node_modules")
    source = directory / "main.mjs"
    source.write_text(program, encoding="utf-8")
    return run_program(server, ["node", source], directory)


RUNS: dict[str, Run] = {
    "cli": run_shell,
    "jdbc": run_java,
    "python": run_python,
    "sqlalchemy": run_python,
    "go": run_go,
    "js": run_js,
    "http": run_shell,
}


def run_block(server: TrinoServer, name: str, directory: Path, target: str = "alice") -> str:
    """Everything that the block printed, with another target in alice's place where asked to."""
    run = RUNS[name.split("-", 1)[0]]
    result = run(server, for_server(server, BLOCKS[name].replace("alice", target)), directory)
    if target == "alice":
        assert result.returncode == 0, result.stdout + result.stderr
        return words(result.stdout)
    return result.stdout + result.stderr


def words(output: str) -> str:
    """Each client has its own way to separate and quote values."""
    lines = [" ".join(re.findall(r"\w+", line)) for line in output.splitlines()]
    return "\n".join(line for line in lines if line)


def test_every_block_of_the_page_is_run() -> None:
    paths = {name for client in RUNS for name in (client, f"{client}-property")}
    assert set(BLOCKS) == {*paths, "jdbc-switch", "dbt"}


@pytest.mark.parametrize("client", RUNS)
def test_the_native_path_makes_the_session_the_targets(server: TrinoServer, client: str, tmp_path: Path) -> None:
    assert run_block(server, client, tmp_path) == NATIVE


@pytest.mark.parametrize("client", RUNS)
def test_the_property_path_gives_the_targets_rows(server: TrinoServer, client: str, tmp_path: Path) -> None:
    assert run_block(server, f"{client}-property", tmp_path) == PROPERTY


@pytest.mark.parametrize("client", RUNS)
def test_a_refused_target_is_an_error_with_our_sentence(server: TrinoServer, client: str, tmp_path: Path) -> None:
    for name in [client, f"{client}-property"]:
        directory = tmp_path / name
        directory.mkdir()
        output = run_block(server, name, directory, "carol")
        assert REFUSAL in output, (name, output)
        assert not re.search(r"\b(svc_bi|carol) \d+", words(output)), (name, output)


def test_jdbc_switches_the_user_between_statements(server: TrinoServer, tmp_path: Path) -> None:
    assert run_block(server, "jdbc-switch", tmp_path) == "svc_bi 25\nalice 5\nsvc_bi 25"


# --- dbt --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def alice(server: TrinoServer) -> Iterator[HttpSession]:
    """Logged in herself, to see what dbt made."""
    session = HttpSession(server, "alice")
    yield session
    assert session.run("DROP SCHEMA IF EXISTS memory.alice CASCADE").error is None


def dbt_run(server: TrinoServer, directory: Path, target: str, user: str = "alice") -> str:
    """Makes the same rows as a table and as a view, and returns dbt's output in one line."""
    project = directory / "project"
    shutil.copytree(CLIENT_FILES / "dbt", project)
    profiles = for_server(server, BLOCKS["dbt"]).replace("impersonation_user: alice", f"impersonation_user: {user}")
    (project / "profiles.yml").write_text(profiles, encoding="utf-8")
    # Neither a look for newer versions nor statistics may leave this machine.
    options = ["--no-version-check", "--no-send-anonymous-usage-stats", "--no-use-colors"]
    result = run_program(server, [environment.dbt(), *options, "run", "--target", target], project)
    return " ".join((result.stdout + result.stderr).split())


def nations(session: HttpSession, table: str) -> list[str]:
    answer = session.run(f"SELECT name FROM {table} ORDER BY name")
    assert answer.error is None, answer.error
    return [row[0] for row in answer.rows]


def test_dbt_makes_tables_and_views_of_the_targets_rows(
    server: TrinoServer, alice: HttpSession, tmp_path: Path
) -> None:
    output = dbt_run(server, tmp_path, "native")
    assert "Completed successfully" in output, output
    hers = nations(alice, "tpch.tiny.nation")
    assert len(hers) == 5
    assert nations(alice, "memory.alice.as_table") == hers
    assert nations(alice, "memory.alice.as_view") == hers


def test_dbt_makes_tables_but_no_views_on_the_property_path(
    server: TrinoServer, alice: HttpSession, tmp_path: Path
) -> None:
    output = dbt_run(server, tmp_path, "property")
    assert "it would belong to svc_bi and have the rights of svc_bi" in output, output
    assert alice.run("SHOW TABLES FROM memory.alice").rows == [["as_table"]]
    assert nations(alice, "memory.alice.as_table") == nations(alice, "tpch.tiny.nation")


def test_dbt_is_told_why_a_target_is_refused(server: TrinoServer, tmp_path: Path) -> None:
    output = dbt_run(server, tmp_path, "native", "carol")
    assert REFUSAL in output, output
