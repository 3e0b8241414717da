"""Trino's file control as the delegate: it decides on data, for the user that the query runs as."""

import pytest

from .clients import CURRENT_USER, Answer, Cli, HttpSession
from .conftest import ServerMaker
from .expectations import refused
from .policy import guarded_files, person, service
from .server import Configuration, TrinoServer

RULES = {
    "catalogs": [{"allow": "all"}],
    "schemas": [{"owner": False}],
    # The delegate's own rules on impersonation would let everybody be everybody; they must have no say.
    "impersonation": [{"new_user": ".*"}],
    "tables": [
        {
            "user": "alice",
            "catalog": "tpch",
            "schema": "tiny",
            "table": "nation",
            "privileges": ["SELECT"],
            "filter": "regionkey = 2",
            "columns": [{"name": "comment", "mask": "'hidden'"}],
        },
        {"user": "svc", "catalog": "tpch", "schema": "tiny", "table": "nation|region", "privileges": ["SELECT"]},
        {"privileges": []},
    ],
}


@pytest.fixture(scope="module")
def server(start_server: ServerMaker) -> TrinoServer:
    files = guarded_files(RULES, [service("svc"), person("alice"), person("plain")])
    return start_server("delegate", Configuration(files, ["svc", "plain"]))


def test_the_service_account_itself_sees_what_the_delegate_gives_it(server: TrinoServer) -> None:
    session = HttpSession(server, "svc")
    assert session.run("SELECT count(*) FROM tpch.tiny.nation") == Answer(value="25")
    assert session.run("SELECT count(*) FROM tpch.tiny.nation WHERE comment = 'hidden'") == Answer(value="0")
    assert session.run("SELECT count(*) FROM tpch.tiny.region") == Answer(value="5")


def test_the_row_filter_of_the_target_applies(server: TrinoServer) -> None:
    session = HttpSession(server, "svc").as_user("alice")
    assert session.run("SELECT count(*) FROM tpch.tiny.nation") == Answer(value="5")
    assert session.run("SELECT count(*) FROM tpch.tiny.nation WHERE regionkey <> 2") == Answer(value="0")


def test_the_column_mask_of_the_target_applies(server: TrinoServer) -> None:
    answers = Cli(server).run("svc", "alice", "SELECT DISTINCT comment FROM tpch.tiny.nation")
    assert answers == [Answer(value="hidden")]


def test_what_only_the_service_account_may_read_is_denied_to_the_target(server: TrinoServer) -> None:
    answer = HttpSession(server, "svc").as_user("alice").run("SELECT * FROM tpch.tiny.region")
    assert answer == Answer(error="Access Denied: Cannot select from table tpch.tiny.region")


def test_the_impersonation_rules_of_the_delegate_have_no_say(server: TrinoServer) -> None:
    refused(HttpSession(server, "plain").as_user("alice").run(CURRENT_USER), "plain", "alice")


def test_tables_that_the_target_cannot_see_are_not_listed(server: TrinoServer) -> None:
    session = HttpSession(server, "svc").as_user("alice")
    assert session.run("SHOW TABLES FROM tpch.tiny LIKE 'region'") == Answer()
    assert session.run("SHOW TABLES FROM tpch.tiny LIKE 'nation'") == Answer(value="nation")
