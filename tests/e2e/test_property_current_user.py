"""Filters and masks that ask for the user and the groups mean the target."""

import pytest

from .clients import HttpSession
from .conftest import ServerMaker
from .policy import IMMUTA_CATALOG, guarded_files, person, service
from .server import Configuration, TrinoServer

RULES = {
    "catalogs": [{"allow": "all"}],
    "tables": [
        {
            "catalog": "tpch",
            "schema": "tiny",
            "table": "region",
            "privileges": ["SELECT"],
            "filter": "current_user IN ('alice', 'svc') AND regionkey < IF(current_user = 'alice', 2, 4)",
            "columns": [
                {"name": "comment", "mask": "cast('for ' || Current_User || ', not \"current_user\"' AS varchar(152))"}
            ],
        },
        {
            "catalog": "tpch",
            "schema": "tiny",
            "table": "nation",
            "privileges": ["SELECT"],
            "filter": "regionkey IN (SELECT regionkey FROM tpch.tiny.region WHERE current_user = 'alice')",
        },
        {
            "catalog": "tpch",
            "schema": "tiny",
            "table": "supplier",
            "privileges": ["SELECT"],
            "filter": "contains(current_groups(), 'analysts') AND suppkey <= 7",
        },
    ],
}


@pytest.fixture(scope="module")
def server(start_server: ServerMaker) -> TrinoServer:
    files = {**IMMUTA_CATALOG, **guarded_files(RULES, [service("svc"), person("alice", groups=["analysts"])])}
    return start_server("current-user", Configuration(files, ["svc", "alice"]))


def test_current_user_in_filters_means_the_target(server: TrinoServer) -> None:
    alice = HttpSession(server, "alice")
    as_alice = HttpSession(server, "svc").with_property("immuta.immuta_user", "alice")
    for sql in [
        "SELECT count(*) FROM tpch.tiny.region",
        "SELECT DISTINCT comment FROM tpch.tiny.region",
        "SELECT count(*) FROM tpch.tiny.nation",
    ]:
        assert as_alice.run(sql) == alice.run(sql), sql
    assert as_alice.run("SELECT count(*) FROM tpch.tiny.region").value == "2"
    assert as_alice.run("SELECT count(*) FROM tpch.tiny.supplier").value == "7"
    # What the query itself says stays the session's.
    assert as_alice.run("SELECT DISTINCT current_user FROM tpch.tiny.region").value == "svc"
