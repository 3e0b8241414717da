"""What ``./dev`` hands over: where the downloads, the JDK and the built artifacts are."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def from_dev(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise SystemExit(f"{name} is not set: start this through ./dev (see ./dev help)")
    return value


def optional_path(name: str) -> Path | None:
    value = os.environ.get(name)
    return Path(value) if value else None


def dbt() -> Path:
    """The program dbt, which ./dev installs for the tests that log in with a password."""
    return Path(from_dev("E2E_DBT"))


JAVA_HOME = Path(from_dev("E2E_JAVA_HOME"))
JAVA = JAVA_HOME / "bin" / "java"
TRINO_VERSION = int(from_dev("E2E_TRINO_VERSION"))
TRINO_HOME = Path(from_dev("E2E_CACHE")) / f"trino-{TRINO_VERSION}"
CLIENTS = Path(from_dev("E2E_CACHE")) / f"clients-{from_dev('E2E_CLIENTS_VERSION')}"
PLUGIN_ZIP = Path(from_dev("E2E_PLUGIN_ZIP"))
ENGINE_CLI = Path(from_dev("E2E_ENGINE_CLI"))
FAKE_IMMUTA = Path(from_dev("E2E_FAKE_IMMUTA"))
# Of tools that not everybody has: where one is missing, so is what ./dev makes by it.
GO_CLIENT = optional_path("E2E_GO_CLIENT")
JS_CLIENT = optional_path("E2E_JS_CLIENT")
WARM_START = optional_path("E2E_WARM_START")
# Plugins beside those of the release.
CATALOGS = optional_path("E2E_CATALOGS")

# What Maven Central has differs by version. Without the password file authenticator a signed token stands in for it.
PLUGINS = frozenset(path.name for path in TRINO_HOME.glob("plugin/*"))
HAS_PASSWORDS = "password-authenticators" in PLUGINS
