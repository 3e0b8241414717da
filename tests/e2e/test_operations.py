"""The walk of docs/operations.md, word for word, and what the server's log says at its start."""

import itertools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import environment
from .audit import AuditFile
from .credentials import Certificate
from .documentation import for_server, marked_blocks, run_shell
from .policy import AUDIT_FILE, IMMUTA_CATALOG, POLICY_FILE, control_text, person, policy_text, service
from .server import Configuration, TrinoServer

PAGE = "docs/operations.md"
WALK = marked_blocks(PAGE, "walk")
ANSWERS = marked_blocks(PAGE, "walk-answer")
STEPS = ["grant", "use", "see", "revoke", "refused", "audit"]
CONTROL = control_text(
    **{
        "immuta.user.admin": "ops",
        # So long that only the call in the walk can have made a change hold.
        "immuta.impersonation.policy-file.refresh": "1h",
    }
)
VOLATILE = {
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| UTC)": "TIME",
    r"Query \d{8}_\d{6}_\d{5}_\w{5} failed": "QUERY failed",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, certificate: Certificate) -> Iterator[TrinoServer]:
    files = {
        **IMMUTA_CATALOG,
        "etc/access-control.properties": CONTROL,
        POLICY_FILE: policy_text([service("nobody_yet"), person("alice")]),
    }
    server = TrinoServer(tmp_path_factory.mktemp("walk"), certificate, Configuration(files, ["ops", "svc_bi"]))
    with server.running():
        yield server


def walk(server: TrinoServer, tools: Path, step: str) -> subprocess.CompletedProcess[str]:
    block = WALK[step]
    script = for_server(server, block) if "trino " in block else block
    return run_shell(server, f'cd "{server.directory}"\n{script}', tools)


def lines(text: str) -> list[str]:
    for pattern, word in VOLATILE.items():
        text = re.sub(pattern, word, text)
    return [line.rstrip() for line in text.splitlines() if line.strip()]


@pytest.mark.skipif(not environment.HAS_PASSWORDS, reason="docs/operations.md logs in with a password")
def test_the_walk_goes_as_the_page_says(server: TrinoServer, tmp_path: Path) -> None:
    assert list(WALK) == list(ANSWERS) == STEPS
    # The operator's tool beside the CLI.
    (tmp_path / "immuta-impersonation").symlink_to(environment.ENGINE_CLI)
    audit = AuditFile(server.file(AUDIT_FILE))
    for step in STEPS:
        if step == "audit":
            audit.wait_for_decisions(2)
        result = walk(server, tmp_path, step)
        expected = lines(ANSWERS[step])
        printed = lines(result.stdout)
        # On standard error the JVM speaks of itself, too.
        told = [line for line in lines(result.stderr) if line in expected]
        assert printed + told == expected, result.stdout + result.stderr
        assert result.returncode == (1 if step == "refused" else 0), result


def test_the_log_says_at_the_start_what_holds(server: TrinoServer) -> None:
    log = server.log.splitlines()
    (first,) = [number for number, line in enumerate(log) if "impersonation engine " in line]
    assert "EngineLogPump" in log[first]
    block = list(itertools.takewhile(lambda line: line.startswith("  "), log[first + 1 :]))
    assert "  * immuta.user.admin=ops" in block
    assert "  * immuta.impersonation.policy-file.refresh=1h" in block
    assert "    immuta.impersonation.protect-admins=true" in block
    assert "    immuta.apikey=(not set)" in block
