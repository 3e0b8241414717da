"""The README's files and commands, word for word, on a Trino that has the zip in its plugin directory."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import environment
from .clients import CLIENT_SECONDS, client_environment, run_java
from .credentials import Certificate
from .installation import InstalledTrino
from .server import Configuration, TrinoServer

pytestmark = pytest.mark.skipif(not environment.HAS_PASSWORDS, reason="the README logs in with a password")
README_PORT = "8443"


def blocks() -> dict[str, str]:
    readme = (environment.ROOT / "README.md").read_text(encoding="utf-8")
    marked = re.findall(r"<!-- quickstart:(\S+) -->\s*\n```[^\n]*\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    return dict(marked)


def block(server: TrinoServer, name: str) -> str:
    text = blocks()[name]
    assert README_PORT in text, "the block connects to the server"
    return text.replace(README_PORT, str(server.port))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, certificate: Certificate) -> Iterator[TrinoServer]:
    files = {f"etc/{name}": text for name, text in blocks().items() if name.endswith((".properties", ".json"))}
    assert {"etc/access-control.properties", "etc/impersonation.json"} <= set(files)
    installed = InstalledTrino(tmp_path_factory.mktemp("installed"), certificate, Configuration(files, ["svc_bi"]))
    with installed.running() as started:
        yield started


def test_the_cli_command_of_the_readme_runs_as_alice(server: TrinoServer, tmp_path: Path) -> None:
    trino = tmp_path / "trino"
    trino.write_text(f'#!/bin/sh\nexec "{environment.JAVA}" -jar "{environment.CLIENTS}/trino-cli.jar" "$@"\n')
    trino.chmod(0o755)
    variables = client_environment(server)
    variables["PATH"] = f"{tmp_path}{os.pathsep}{variables['PATH']}"
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block(server, "cli")],
        env=variables,
        cwd=tmp_path,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=CLIENT_SECONDS,
    )
    assert result.returncode == 0, result.stderr
    assert re.search(r"\balice\b", result.stdout)


def test_the_jdbc_program_of_the_readme_runs_as_alice(server: TrinoServer, tmp_path: Path) -> None:
    program = block(server, "jdbc")
    source = tmp_path / (re.search(r"class (\w+)", program).group(1) + ".java")
    source.write_text(program, encoding="utf-8")
    assert re.search(r"\balice\b", run_java(server, source))


def test_the_python_program_of_the_readme_runs_as_alice(server: TrinoServer, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", block(server, "python")],
        env=client_environment(server),
        cwd=tmp_path,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=CLIENT_SECONDS,
    )
    assert result.returncode == 0, result.stderr
    assert re.search(r"\balice\b", result.stdout)


def test_the_readmes_files_of_the_property_path_are_those_of_the_demo() -> None:
    readme = (environment.ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"<!-- examples:(\S+) -->\s*\n```[^\n]*\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in shown] == ["catalog/immuta.properties", "delegate.properties"]
    for name, text in shown:
        assert (environment.ROOT / "examples" / name).read_text(encoding="utf-8") == text


def test_the_zip_holds_one_folder_with_the_jar_alone() -> None:
    listing = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", str(environment.PLUGIN_ZIP)],
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    names = [line.split()[0] for line in listing.stdout.splitlines()[1:]]
    files = [name for name in names if not name.endswith("/")]
    assert len(files) == 1, files
    assert re.fullmatch(r"immuta-impersonation/immuta-impersonation-[0-9.]+\.jar", files[0])
