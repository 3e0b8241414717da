"""The server of ``./dev demo`` and ``./dev run``: the files in ``examples/`` on a real Trino."""

from pathlib import Path

from . import environment
from .credentials import Certificate
from .policy import POLICY_FILE
from .server import Configuration, TrinoServer

LOGINS = ["svc_bi", "reporting", "admin_dana"]


def example_server(directory: Path) -> TrinoServer:
    examples = environment.ROOT / "examples"
    files = {
        "etc/access-control.properties": (examples / "access-control.properties").read_text(encoding="utf-8"),
        POLICY_FILE: (examples / "impersonation.json").read_text(encoding="utf-8"),
    }
    certificates = directory / "certificates"
    certificates.mkdir()
    return TrinoServer(directory / "trino", Certificate.create(certificates), Configuration(files, LOGINS))
