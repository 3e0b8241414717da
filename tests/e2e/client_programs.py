"""The programs of docs/clients.md and how each is run, for the tests that take them word for word or with a change."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from . import environment
from .clients import JAVA_CLIENT
from .documentation import for_server, marked_blocks, run_program, run_shell
from .server import TrinoServer

BLOCKS = marked_blocks("docs/clients.md", "client")
ALL = ["SELECT", "INSERT", "DELETE", "UPDATE", "OWNERSHIP", "GRANT_SELECT"]
RULES = {
    "schemas": [{"user": "alice", "catalog": "memory", "schema": "alice", "owner": True}, {"owner": False}],
    "tables": [
        {
            "user": "alice|zoë|李雷",
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
NEEDS_PASSWORDS = pytest.mark.skipif(not environment.HAS_PASSWORDS, reason="docs/clients.md logs in with a password")

Run = Callable[[TrinoServer, str, Path], subprocess.CompletedProcess[str]]


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


def changed(name: str, *changes: tuple[str, str]) -> str:
    """A block with other words in the place of some."""
    block = BLOCKS[name]
    for old, new in changes:
        assert old in block, f"the block {name} has no {old!r}"
        block = block.replace(old, new)
    return block


def run_text(server: TrinoServer, name: str, program: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Runs a program as the block of that name is run."""
    return RUNS[name.split("-", 1)[0]](server, for_server(server, program), directory)


def printed(server: TrinoServer, name: str, program: str, directory: Path) -> str:
    """What a program prints that ends well."""
    result = run_text(server, name, program, directory)
    assert result.returncode == 0, result.stdout + result.stderr
    return words(result.stdout)


def words(output: str) -> str:
    """Each client has its own way to separate and quote values."""
    lines = [" ".join(re.findall(r"\w+", line)) for line in output.splitlines()]
    return "\n".join(line for line in lines if line)


def dbt(server: TrinoServer, project: Path, profiles: str, *command: str, more: str = "") -> str:
    """Runs dbt in the project of the tests, with more in its project file, and returns its output in one line."""
    shutil.copytree(environment.ROOT / "tests" / "clients" / "dbt", project)
    with (project / "dbt_project.yml").open("a", encoding="utf-8") as file:
        file.write(more)
    (project / "profiles.yml").write_text(for_server(server, profiles), encoding="utf-8")
    # Neither a look for newer versions nor statistics may leave this machine.
    options = ["--no-version-check", "--no-send-anonymous-usage-stats", "--no-use-colors"]
    result = run_program(server, [environment.dbt(), *options, *command], project)
    return " ".join((result.stdout + result.stderr).split())
