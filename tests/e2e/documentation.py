"""The blocks of the documentation that tests take word for word, and how one is run as its reader would."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import environment
from .clients import CLIENT_SECONDS, JAVA_CLIENT, client_environment
from .server import TrinoServer

DOCUMENTED_PORT = "8443"


def marked_blocks(document: str, mark: str) -> dict[str, str]:
    """The code below each ``<!-- mark:NAME -->`` of a document, by its name."""
    text = (environment.ROOT / document).read_text(encoding="utf-8")
    marked = re.findall(rf"<!-- {mark}:(\S+) -->\s*\n```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    blocks = dict(marked)
    assert len(blocks) == len(marked), f"two blocks of {document} have the same name"
    return blocks


def for_server(server: TrinoServer, block: str) -> str:
    assert DOCUMENTED_PORT in block, "the block connects to the server"
    return block.replace(DOCUMENTED_PORT, str(server.port))


def run_program(
    server: TrinoServer, command: Sequence[str | Path], directory: Path, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a program in the environment of a user who trusts the server and has a password."""
    return subprocess.run(
        command,
        env={**client_environment(server), **(more or {})},
        cwd=directory,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=CLIENT_SECONDS,
    )


def run_shell(server: TrinoServer, script: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Runs a shell script for which ``trino`` is the CLI."""
    trino = directory / "trino"
    java = " ".join(f'"{word}"' for word in [*JAVA_CLIENT, "-jar", str(environment.CLIENTS / "trino-cli.jar")])
    trino.write_text(f'#!/bin/sh\nexec {java} "$@"\n', encoding="utf-8")
    trino.chmod(0o755)
    path = {"PATH": f"{directory}:{client_environment(server)['PATH']}"}
    return run_program(server, ["bash", "-euo", "pipefail", "-c", script], directory, path)
