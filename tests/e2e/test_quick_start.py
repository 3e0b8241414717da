"""The README's files and commands, word for word, on a Trino that has the zip in its plugin directory."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import environment
from .clients import run_java
from .credentials import Certificate
from .documentation import for_server, marked_blocks, run_program, run_shell
from .installation import InstalledTrino
from .server import Configuration, TrinoServer

pytestmark = pytest.mark.skipif(not environment.HAS_PASSWORDS, reason="the README logs in with a password")


def blocks() -> dict[str, str]:
    return marked_blocks("README.md", "quickstart")


def block(server: TrinoServer, name: str) -> str:
    return for_server(server, blocks()[name])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, certificate: Certificate) -> Iterator[TrinoServer]:
    files = {f"etc/{name}": text for name, text in blocks().items() if name.endswith((".properties", ".json"))}
    assert {"etc/access-control.properties", "etc/impersonation.json"} <= set(files)
    installed = InstalledTrino(tmp_path_factory.mktemp("installed"), certificate, Configuration(files, ["svc_bi"]))
    with installed.running() as started:
        yield started


def test_the_cli_command_of_the_readme_runs_as_alice(server: TrinoServer, tmp_path: Path) -> None:
    result = run_shell(server, block(server, "cli"), tmp_path)
    assert result.returncode == 0, result.stderr
    assert re.search(r"\balice\b", result.stdout)


def test_the_jdbc_program_of_the_readme_runs_as_alice(server: TrinoServer, tmp_path: Path) -> None:
    program = block(server, "jdbc")
    source = tmp_path / (re.search(r"class (\w+)", program).group(1) + ".java")
    source.write_text(program, encoding="utf-8")
    assert re.search(r"\balice\b", run_java(server, source))


def test_the_python_program_of_the_readme_runs_as_alice(server: TrinoServer, tmp_path: Path) -> None:
    result = run_program(server, [sys.executable, "-c", block(server, "python")], tmp_path)
    assert result.returncode == 0, result.stderr
    assert re.search(r"\balice\b", result.stdout)


def test_the_readmes_files_of_the_property_path_are_those_of_the_demo() -> None:
    shown = marked_blocks("README.md", "examples")
    assert list(shown) == ["catalog/immuta.properties", "delegate.properties"]
    for name, text in shown.items():
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
