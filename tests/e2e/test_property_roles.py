"""Catalogs that have what memory has not: roles of their own in hive, materialized views in iceberg."""

import shutil
from collections.abc import Iterator

import pytest

from . import environment
from .clients import PROPERTY, Answer, HttpSession
from .conftest import ServerMaker
from .policy import IMMUTA_CATALOG, guarded_files, person, service
from .server import Configuration, TrinoServer, properties_text

pytestmark = pytest.mark.skipif(environment.CATALOGS is None, reason="this server has no catalog with roles")

# The delegate lets everybody do everything: what is refused here is refused by the plugin, or by a catalog.
RULES = {
    "catalogs": [{"allow": "all"}],
    "schemas": [{"owner": True}],
    "tables": [{"privileges": ["SELECT", "INSERT", "DELETE", "UPDATE", "OWNERSHIP", "GRANT_SELECT"]}],
    "functions": [{"privileges": ["EXECUTE", "GRANT_EXECUTE"]}],
}
LOCAL = {"fs.native-local.enabled": "true", "local.location": "lake"}
HIVE = {
    "connector.name": "hive",
    "hive.metastore": "file",
    "hive.metastore.catalog.dir": "local:///hive",
    "hive.security": "sql-standard",
    **LOCAL,
}
ICEBERG = {
    "connector.name": "iceberg",
    "iceberg.catalog.type": "TESTING_FILE_METASTORE",
    "hive.metastore.catalog.dir": "local:///iceberg",
    **LOCAL,
}
REFUSED = "while user svc impersonates user alice"
COUNT = "SELECT count(*) FROM iceberg.sales.few"


@pytest.fixture(scope="module")
def server(start_server: ServerMaker) -> Iterator[TrinoServer]:
    files = {
        **IMMUTA_CATALOG,
        **guarded_files(RULES, [service("svc"), person("alice"), person("admin")]),
        "etc/catalog/hive.properties": properties_text(HIVE),
        "etc/catalog/iceberg.properties": properties_text(ICEBERG),
        "lake/README": "Where the two catalogs keep their files.\n",
    }
    configuration = Configuration(files, ["svc", "alice", "admin"], plugins=["hive", "iceberg"])
    server = start_server("roles", configuration)
    # Of Hive's metastore in files, admin is an administrator.
    admin = HttpSession(server, "admin", ("X-Trino-Role", "hive=ROLE{admin}"))
    for statement in (
        "CREATE SCHEMA hive.sales",
        "CREATE TABLE hive.sales.orders AS SELECT * FROM tpch.tiny.region",
        "CREATE ROLE wizards IN hive",
        "GRANT wizards TO USER svc IN hive",
        "GRANT SELECT ON TABLE hive.sales.orders TO ROLE wizards",
    ):
        done(admin.run(statement))
    svc = HttpSession(server, "svc")
    for statement in (
        "CREATE SCHEMA iceberg.sales",
        "CREATE TABLE iceberg.sales.nation AS SELECT * FROM tpch.tiny.nation",
        "CREATE MATERIALIZED VIEW iceberg.sales.few AS SELECT name FROM iceberg.sales.nation WHERE regionkey = 2",
    ):
        done(svc.run(statement))
    yield server
    shutil.rmtree(server.file("lake"), ignore_errors=True)


def done(answer: Answer) -> Answer:
    assert answer.error is None, answer.error
    return answer


def values(answer: Answer) -> set[str]:
    return {str(row[0]) for row in done(answer).rows}


SHOWING = (
    "SHOW CURRENT ROLES",
    "SHOW ROLE GRANTS",
    "SHOW CURRENT ROLES FROM hive",
    "SHOW ROLE GRANTS FROM hive",
    "SHOW ROLES FROM hive",
    "SHOW GRANTS ON TABLE hive.sales.orders",
    *(
        f"SELECT * FROM {catalog}.information_schema.{table}"
        for catalog in ("hive", "immuta", "tpch")
        for table in ("applicable_roles", "enabled_roles", "roles", "table_privileges")
    ),
)
CHANGING = (
    "CREATE ROLE witches IN hive",
    "DROP ROLE wizards IN hive",
    "GRANT wizards TO USER alice IN hive",
    "REVOKE wizards FROM USER svc IN hive",
    "SET ROLE wizards IN hive",
)


def test_the_impersonator_has_a_role_that_the_target_has_not(svc: HttpSession, alice: HttpSession) -> None:
    for statement in (
        "SHOW CURRENT ROLES FROM hive",
        "SHOW ROLE GRANTS FROM hive",
        "SELECT role_name FROM hive.information_schema.enabled_roles",
        "SELECT role_name FROM hive.information_schema.applicable_roles",
        "SELECT grantee FROM hive.information_schema.table_privileges",
    ):
        assert "wizards" in values(svc.run(statement)), statement
        assert "wizards" not in values(alice.run(statement)), statement
        assert "wizards" not in values(svc.as_user("alice").run(statement)), statement


@pytest.mark.parametrize("statement", SHOWING)
def test_roles_of_the_impersonator_are_not_shown_to_a_target(as_alice: HttpSession, statement: str) -> None:
    answer = as_alice.run(statement)
    assert answer.rows == ()
    assert REFUSED in str(answer.error)


@pytest.mark.parametrize("statement", CHANGING)
def test_roles_of_a_catalog_are_not_changed_in_the_impersonators_name(
    svc: HttpSession, as_alice: HttpSession, statement: str
) -> None:
    session = HttpSession(svc.server, "svc", ("X-Trino-Role", "hive=ROLE{wizards}")).with_property(PROPERTY, "alice")
    for impersonating in (as_alice, session):
        assert REFUSED in str(impersonating.run(statement).error)
    assert "wizards" in values(svc.run("SHOW CURRENT ROLES FROM hive"))


def test_other_metadata_of_such_a_catalog_is_shown(as_alice: HttpSession) -> None:
    assert values(as_alice.run("SHOW TABLES FROM hive.sales")) == {"orders"}
    assert values(
        as_alice.run("SELECT table_name FROM hive.information_schema.tables WHERE table_schema = 'sales'")
    ) == {"orders"}


def test_a_materialized_view_is_not_refreshed_by_a_target(
    svc: HttpSession, as_alice: HttpSession, alice: HttpSession
) -> None:
    assert done(as_alice.run(COUNT)).value == "5"
    done(svc.run("REFRESH MATERIALIZED VIEW iceberg.sales.few"))
    done(svc.run("INSERT INTO iceberg.sales.nation SELECT * FROM tpch.tiny.nation WHERE regionkey = 2"))
    storage = "SELECT freshness FROM system.metadata.materialized_views WHERE name = 'few'"
    before = done(svc.run(storage)).value
    error = str(as_alice.run("REFRESH MATERIALIZED VIEW iceberg.sales.few").error)
    assert error.startswith("Access Denied: Cannot refresh materialized view iceberg.sales.few " + REFUSED)
    assert done(svc.run(storage)).value == before
    for statement in (
        "CREATE OR REPLACE MATERIALIZED VIEW iceberg.sales.few AS SELECT 'x' AS name",
        "CREATE MATERIALIZED VIEW iceberg.sales.new AS SELECT 'x' AS name",
    ):
        assert REFUSED in str(as_alice.run(statement).error)
    done(alice.run("REFRESH MATERIALIZED VIEW iceberg.sales.few"))
    assert done(svc.run(storage)).value != before
