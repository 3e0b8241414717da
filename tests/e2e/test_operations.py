"""The walk of docs/operations.md, word for word, and what the server's log says at its start."""

import re
import subprocess
from collections.abc import Iterator

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


class ServerOfItsFolder(TrinoServer):
    """With the operator's tool beside the CLI."""

    def walk(self, step: str) -> subprocess.CompletedProcess[str]:
        tools = self.file("tools")
        tools.mkdir(exist_ok=True)
        tool = tools / "immuta-impersonation"
        if not tool.exists():
            tool.symlink_to(environment.ENGINE_CLI)
        block = WALK[step]
        script = for_server(self, block) if "trino " in block else block
        return run_shell(self, f'cd "{self.directory}"\n{script}', tools)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, certificate: Certificate) -> Iterator[ServerOfItsFolder]:
    files = {
        **IMMUTA_CATALOG,
        "etc/access-control.properties": CONTROL,
        POLICY_FILE: policy_text([service("nobody_yet"), person("alice")]),
    }
    server = ServerOfItsFolder(tmp_path_factory.mktemp("walk"), certificate, Configuration(files, ["ops", "svc_bi"]))
    with server.running():
        yield server


def lines(text: str) -> list[str]:
    for pattern, word in VOLATILE.items():
        text = re.sub(pattern, word, text)
    return [line.rstrip() for line in text.splitlines() if line.strip()]


@pytest.mark.skipif(not environment.HAS_PASSWORDS, reason="docs/operations.md logs in with a password")
def test_the_walk_goes_as_the_page_says(server: ServerOfItsFolder) -> None:
    assert list(WALK) == list(ANSWERS) == STEPS
    audit = AuditFile(server.file(AUDIT_FILE))
    for step in STEPS:
        if step == "audit":
            audit.wait_for_decisions(2)
        result = server.walk(step)
        expected = lines(ANSWERS[step])
        printed = lines(result.stdout)
        # On standard error the JVM speaks of itself, too.
        told = [line for line in lines(result.stderr) if line in expected]
        assert printed + told == expected, result.stdout + result.stderr
        assert result.returncode == (1 if step == "refused" else 0), result


def test_the_log_says_at_the_start_what_holds(server: ServerOfItsFolder) -> None:
    lines = server.log.splitlines()
    (first,) = [number for number, line in enumerate(lines) if "impersonation engine " in line]
    assert "EngineLogPump" in lines[first]
    block = []
    for line in lines[first + 1 :]:
        if not line.startswith("  "):
            break
        block.append(line)
    assert "  * immuta.user.admin=ops" in block
    assert "  * immuta.impersonation.policy-file.refresh=1h" in block
    assert "    immuta.impersonation.protect-admins=true" in block
    assert "    immuta.apikey=(not set)" in block
