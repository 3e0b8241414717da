"""Trino's file control as the delegate: it decides on data, for the user that the query runs as."""

import pytest

from .clients import CURRENT_USER, PROPERTY, Answer, Cli, HttpSession
from .conftest import ServerMaker
from .expectations import refused
from .policy import IMMUTA_CATALOG, guarded_files, person, service
from .server import Configuration, TrinoServer

RULES = {
    "catalogs": [{"allow": "all"}],
    "schemas": [{"owner": False}],
    # These hold: svc_legacy may be nobody, svc whomever the engine lets it be, all others themselves.
    "principals": [
        {"principal": "svc_legacy", "user": ".*", "allow": False},
        {"principal": "svc", "user": ".*", "allow": True},
        {"principal": "(.+)", "principal_to_user": "$1", "allow": True},
    ],
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
        {
            "group": "analysts",
            "catalog": "tpch",
            "schema": "tiny",
            "table": "customer",
            "privileges": ["SELECT"],
            "filter": "custkey <= 3",
            "filter_environment": {"user": "alice"},
            "columns": [
                {
                    "name": "name",
                    "mask": "IF(custkey > 1, 'hidden', name)",
                    "mask_environment": {"user": "alice"},
                }
            ],
        },
        {"privileges": []},
    ],
}


@pytest.fixture(scope="module")
def server(start_server: ServerMaker) -> TrinoServer:
    people = [service("svc"), person("alice", groups=["analysts"]), person("plain"), service("svc_legacy")]
    files = {**IMMUTA_CATALOG, **guarded_files(RULES, people)}
    return start_server("delegate", Configuration(files, ["svc", "plain", "svc_legacy"]))


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
    refused(HttpSession(server, "svc").as_user("stranger").run(CURRENT_USER), "svc", "stranger")


def test_tables_that_the_target_cannot_see_are_not_listed(server: TrinoServer) -> None:
    session = HttpSession(server, "svc").as_user("alice")
    assert session.run("SHOW TABLES FROM tpch.tiny LIKE 'region'") == Answer()
    assert session.run("SHOW TABLES FROM tpch.tiny LIKE 'nation'") == Answer(value="nation")


def test_a_filter_and_a_mask_with_the_targets_identity_have_the_targets_groups(server: TrinoServer) -> None:
    """Trino has no group provider here: only the plugin knows that alice is one of the analysts."""
    customers = "SELECT count(*), count_if(name = 'hidden') FROM tpch.tiny.customer"
    svc = HttpSession(server, "svc")
    answer = svc.with_property(PROPERTY, "alice").run(customers)
    assert (answer.error, list(answer.rows)) == (None, [[3, 2]])
    denial = "Access Denied: Cannot select from table tpch.tiny.customer"
    assert svc.run(customers).error == denial
    assert svc.as_user("alice").run(customers).error == denial


@pytest.mark.parametrize("target", [None, "svc_legacy", "alice"])
def test_a_principal_that_the_delegate_refuses_is_nobody(server: TrinoServer, target: str | None) -> None:
    session = HttpSession(server, "svc_legacy")
    answer = (session.as_user(target) if target else session).run(CURRENT_USER)
    assert answer.error == f"Access Denied: Principal svc_legacy cannot become user {target or 'svc_legacy'}"


def test_a_principal_may_be_no_other_user_than_the_delegate_says(server: TrinoServer) -> None:
    assert HttpSession(server, "plain").run(CURRENT_USER) == Answer(value="plain")
    answer = HttpSession(server, "plain").as_user("alice").run(CURRENT_USER)
    assert answer.error == "Access Denied: Principal plain cannot become user alice"
