"""Roles are those of the session's user: in a catalog that has them, a target is shown none and changes none."""

import pytest

from . import environment
from .clients import HttpSession
from .conftest import ServerMaker
from .policy import IMMUTA_CATALOG, delegate_files, person, policy_text, service
from .server import Configuration, TrinoServer, properties_text

pytestmark = pytest.mark.skipif(environment.CATALOGS is None, reason="this server has no catalog with roles")
# Whom the file metastore takes for one of its administrators.
OWNER = "hive"
ROLE = "keeper"
GRANTED = [f"CREATE ROLE {ROLE} IN warehouse", f"GRANT {ROLE} TO USER svc WITH ADMIN OPTION IN warehouse"]


@pytest.fixture(scope="module")
def server(start_server: ServerMaker, tmp_path_factory: pytest.TempPathFactory) -> TrinoServer:
    catalog = {
        "connector.name": "hive",
        "hive.metastore": "file",
        "hive.metastore.catalog.dir": "local:///warehouse",
        "hive.security": "sql-standard",
        "fs.native-local.enabled": "true",
        "local.location": str(tmp_path_factory.mktemp("warehouse")),
    }
    files = {
        **IMMUTA_CATALOG,
        **delegate_files({"access-control.name": "allow-all"}, policy_text([service("svc"), person("alice")])),
        "etc/catalog/warehouse.properties": properties_text(catalog),
    }
    server = start_server("roles", Configuration(files, ["svc", "alice", OWNER], plugins=["hive"]))
    owner = HttpSession(server, OWNER, ("X-Trino-Role", "warehouse=ROLE{admin}"))
    for sql in GRANTED:
        answer = owner.run(sql)
        assert answer.error is None, (sql, answer.error)
    return server


SHOWN = [
    "SHOW ROLE GRANTS FROM warehouse",
    "SHOW CURRENT ROLES FROM warehouse",
    "SELECT role_name FROM warehouse.information_schema.applicable_roles",
    "SELECT role_name FROM warehouse.information_schema.enabled_roles",
]


@pytest.mark.parametrize("sql", SHOWN)
def test_the_roles_of_the_impersonator_are_not_shown_to_the_target(
    svc: HttpSession, as_alice: HttpSession, alice: HttpSession, sql: str
) -> None:
    assert [ROLE] in svc.run(sql).rows
    hers = alice.run(sql)
    assert hers.error is None
    assert [ROLE] not in hers.rows
    answer = as_alice.run(sql)
    assert answer.rows == ()
    assert str(answer.error).startswith("Access Denied: Cannot ")
    assert "while user svc impersonates user alice" in str(answer.error)


@pytest.mark.parametrize("sql", [f"GRANT {ROLE} TO USER alice IN warehouse", f"SET ROLE {ROLE} IN warehouse"])
def test_the_roles_of_the_impersonator_do_nothing_for_the_target(
    svc: HttpSession, as_alice: HttpSession, alice: HttpSession, sql: str
) -> None:
    answer = as_alice.run(sql)
    assert str(answer.error).startswith("Access Denied: Cannot ")
    assert "while user svc impersonates user alice" in str(answer.error)
    assert [ROLE] not in alice.run("SHOW ROLE GRANTS FROM warehouse").rows
    assert svc.run(sql).error is None
    svc.run(f"REVOKE {ROLE} FROM USER alice IN warehouse")


@pytest.mark.parametrize("table", ["roles", "table_privileges"])
def test_what_a_catalog_tells_of_privileges_is_not_told_of_the_impersonator(as_alice: HttpSession, table: str) -> None:
    answer = as_alice.run(f"SELECT * FROM warehouse.information_schema.{table}")
    assert "while user svc impersonates user alice" in str(answer.error)
