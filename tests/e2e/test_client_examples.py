"""The programs of docs/clients.md, word for word: each client gets alice's rows, and is told why not carol's."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .client_programs import BLOCKS, NEEDS_PASSWORDS, RULES, RUNS, changed, dbt, printed, run_text, words
from .clients import HttpSession
from .conftest import ServerMaker
from .policy import IMMUTA_CATALOG, guarded_files, person, service
from .server import Configuration, TrinoServer

pytestmark = NEEDS_PASSWORDS
NATIVE_BLOCKS = list(RUNS)
PROPERTY_BLOCKS = [*(f"{client}-property" for client in RUNS), "sqlalchemy-checkout", "go-conn", "cli-with-session"]
NATIVE = "alice 5"
PROPERTY = "svc_bi 5"
BELONGS_TO_SVC = "it would belong to svc_bi and have the rights of svc_bi"
REFUSAL = "Access Denied: User svc_bi cannot impersonate user carol: the target's account is disabled"


@pytest.fixture(scope="module")
def server(start_server: ServerMaker) -> TrinoServer:
    users = [service("svc_bi"), person("alice"), person("carol", disabled=True), person("zoë")]
    files = {**IMMUTA_CATALOG, **guarded_files(RULES, users)}
    return start_server("clients", Configuration(files, ["svc_bi", "alice"]))


def test_every_block_of_the_page_is_run() -> None:
    assert set(BLOCKS) == {*NATIVE_BLOCKS, *PROPERTY_BLOCKS, "jdbc-switch", "dbt", "dbt-incremental"}


@pytest.mark.parametrize("name", NATIVE_BLOCKS)
def test_the_native_path_makes_the_session_the_targets(server: TrinoServer, name: str, tmp_path: Path) -> None:
    assert printed(server, name, BLOCKS[name], tmp_path) == NATIVE


@pytest.mark.parametrize("name", PROPERTY_BLOCKS)
def test_the_property_path_gives_the_targets_rows(server: TrinoServer, name: str, tmp_path: Path) -> None:
    assert printed(server, name, BLOCKS[name], tmp_path) == PROPERTY


@pytest.mark.parametrize("name", [*NATIVE_BLOCKS, *PROPERTY_BLOCKS])
def test_a_refused_target_is_an_error_with_our_sentence(server: TrinoServer, name: str, tmp_path: Path) -> None:
    target = "zoë" if "zoë" in BLOCKS[name] else "alice"
    result = run_text(server, name, changed(name, (target, "carol")), tmp_path)
    output = result.stdout + result.stderr
    assert REFUSAL in output, output
    assert not re.search(r"\b(svc_bi|carol) \d+", words(output)), output


def test_jdbc_switches_the_user_between_statements(server: TrinoServer, tmp_path: Path) -> None:
    assert printed(server, "jdbc-switch", BLOCKS["jdbc-switch"], tmp_path) == "svc_bi 25\nalice 5\nsvc_bi 25"


# --- dbt --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def alice(server: TrinoServer) -> Iterator[HttpSession]:
    """Logged in herself, to see what dbt made."""
    session = HttpSession(server, "alice")
    yield session
    assert session.run("DROP SCHEMA IF EXISTS memory.alice CASCADE").error is None


def dbt_run(server: TrinoServer, directory: Path, target: str, more: str = "") -> str:
    """Makes the same rows as a table, as a view, and as a table that the next run adds to."""
    return dbt(server, directory / "project", BLOCKS["dbt"], "run", "--target", target, more=more)


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
    for table in ["as_table", "as_view", "as_incremental"]:
        assert nations(alice, f"memory.alice.{table}") == hers


def test_dbt_makes_tables_but_no_views_on_the_property_path(
    server: TrinoServer, alice: HttpSession, tmp_path: Path
) -> None:
    output = dbt_run(server, tmp_path, "property")
    assert BELONGS_TO_SVC in output, output
    assert alice.run("SHOW TABLES FROM memory.alice").rows == [["as_incremental"], ["as_table"]]
    for table in ["as_table", "as_incremental"]:
        assert nations(alice, f"memory.alice.{table}") == nations(alice, "tpch.tiny.nation")


def test_dbt_adds_to_an_incremental_model_on_the_property_path_without_views_alone(
    server: TrinoServer, alice: HttpSession, tmp_path: Path
) -> None:
    """From the second run on; what the first one made is there."""
    first = "CREATE TABLE memory.alice.as_incremental AS SELECT name, regionkey FROM tpch.tiny.nation"
    assert [alice.run(sql).error for sql in ("CREATE SCHEMA memory.alice", first)] == [None, None]
    hers = nations(alice, "tpch.tiny.nation")
    command = ["run", "--target", "property", "--select", "as_incremental"]
    refused = dbt(server, tmp_path / "with-views", BLOCKS["dbt"], *command)
    assert BELONGS_TO_SVC in refused, refused
    assert nations(alice, "memory.alice.as_incremental") == hers
    added = dbt(server, tmp_path / "without", BLOCKS["dbt"], *command, more=BLOCKS["dbt-incremental"])
    assert "Completed successfully" in added, added
    new = [name for name in hers if name.startswith("I")]
    assert len(new) == 2
    assert nations(alice, "memory.alice.as_incremental") == sorted([*hers, *new])
    assert alice.run("SHOW TABLES FROM memory.alice").rows == [["as_incremental"]]


def test_dbt_is_told_why_a_target_is_refused(server: TrinoServer, tmp_path: Path) -> None:
    profiles = changed("dbt", ("impersonation_user: alice", "impersonation_user: carol"))
    output = dbt(server, tmp_path / "project", profiles, "run", "--target", "native")
    assert REFUSAL in output, output
