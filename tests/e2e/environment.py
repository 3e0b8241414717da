"""What ``./dev`` hands over: where the downloads, the JDK and the built artifacts are."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def from_dev(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise SystemExit(f"{name} is not set: start this through ./dev (see ./dev help)")
    return value


JAVA_HOME = Path(from_dev("E2E_JAVA_HOME"))
JAVA = JAVA_HOME / "bin" / "java"
TRINO_VERSION = int(from_dev("E2E_TRINO_VERSION"))
TRINO_HOME = Path(from_dev("E2E_CACHE")) / f"trino-{TRINO_VERSION}"
CLIENTS = Path(from_dev("E2E_CACHE")) / f"clients-{from_dev('E2E_CLIENTS_VERSION')}"
PLUGIN_ZIP = Path(from_dev("E2E_PLUGIN_ZIP"))
ENGINE_CLI = Path(from_dev("E2E_ENGINE_CLI"))
FAKE_IMMUTA = Path(from_dev("E2E_FAKE_IMMUTA"))

# Maven Central has Trino's password file authenticator for 476 but not for 435, where a signed token stands in for it.
HAS_PASSWORDS = TRINO_VERSION >= 476
