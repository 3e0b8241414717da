"""The server of ``./dev demo`` and ``./dev run``: the files in ``examples/`` on a real Trino."""

from pathlib import Path

from . import environment
from .credentials import Certificate
from .server import Configuration, TrinoServer

LOGINS = ["svc_bi", "reporting", "admin_dana", "alice"]


def example_server(directory: Path) -> TrinoServer:
    examples = environment.ROOT / "examples"
    files = {
        f"etc/{path.relative_to(examples)}": path.read_text(encoding="utf-8")
        for path in sorted(examples.rglob("*"))
        if path.is_file()
    }
    certificates = directory / "certificates"
    certificates.mkdir()
    return TrinoServer(directory / "trino", Certificate.create(certificates), Configuration(files, LOGINS))
