"""The property path where users log in by certificate: Trino hands their principal on to parts of a query as a text."""

from pathlib import Path

import pytest

from . import environment
from .clients import Answer, Cli
from .conftest import ServerMaker
from .credentials import STORE_PASSWORD, Certificate, client_key
from .policy import IMMUTA_CATALOG, guarded_files, person, service
from .server import Configuration, TrinoServer

RULES = {
    "catalogs": [
        {"user": "svc", "allow": "all"},
        {"user": "alice", "catalog": "tpch|system", "allow": "read-only"},
        {"allow": "none"},
    ],
    "tables": [
        {"user": "alice", "catalog": "tpch", "schema": "tiny", "table": "nation", "privileges": ["SELECT"]},
        {"user": "svc", "privileges": ["SELECT"]},
        {"catalog": "system", "privileges": ["SELECT"]},
        {"privileges": []},
    ],
}
LISTINGS = [
    "SELECT table_name FROM tpch.information_schema.tables WHERE table_schema = 'tiny'",
    "SELECT DISTINCT table_name FROM tpch.information_schema.columns WHERE table_schema = 'tiny'",
    "SELECT table_name FROM system.jdbc.tables WHERE table_cat = 'tpch' AND table_schem = 'tiny'",
    "SELECT table_name FROM system.metadata.table_comments WHERE catalog_name = 'tpch' AND schema_name = 'tiny'",
]


@pytest.fixture(scope="module")
def key_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return client_key(tmp_path_factory.mktemp("client"), "CN=svc, O=Tests")


@pytest.fixture(scope="module")
def server(start_server: ServerMaker, key_store: Path) -> TrinoServer:
    files = {**IMMUTA_CATALOG, **guarded_files(RULES, [service("svc"), person("alice")])}
    config = {
        "http-server.authentication.type": "CERTIFICATE," + ("PASSWORD" if environment.HAS_PASSWORDS else "JWT"),
        "http-server.authentication.certificate.user-mapping.pattern": "CN=([^,]*),.*",
        "http-server.https.truststore.path": str(key_store),
        "http-server.https.truststore.key": STORE_PASSWORD,
    }
    return start_server("certificate", Configuration(files, ["svc"], config))


class CertificateCli(Cli):
    """Logs in by the certificate."""

    def __init__(self, server: TrinoServer, certificate: Certificate, key_store: Path, *options: str) -> None:
        super().__init__(server)
        stores = {"truststore": certificate.trust_store, "keystore": key_store}
        self._options = [
            *(text for name, path in stores.items() for text in (f"--{name}-path", str(path))),
            *(text for name in stores for text in (f"--{name}-password", STORE_PASSWORD)),
            *options,
        ]

    def command(self, user: str, session_user: str | None = None) -> list[str]:
        return ["--server", self._server.url, "--user", user, *self._options]


def test_metadata_is_listed_with_the_targets_rights(
    server: TrinoServer, certificate: Certificate, key_store: Path
) -> None:
    svc = CertificateCli(server, certificate, key_store)
    as_alice = CertificateCli(server, certificate, key_store, "--session", "immuta.immuta_user=alice")
    whoami = "SELECT principal, effective_user FROM immuta.impersonation.whoami"
    everything = svc.run("svc", None, *LISTINGS)
    assert len(everything) > 4 * len(LISTINGS)
    answers = as_alice.run("svc", None, whoami, *LISTINGS)
    assert answers == [Answer(value="CN=svc, O=Tests\talice"), *[Answer(value="nation")] * len(LISTINGS)]
