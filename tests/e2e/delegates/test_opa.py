"""OPA's plugin as the delegate: OPA is asked about the target, on both paths."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..clients import Answer, HttpSession
from ..conftest import ServerMaker
from ..policy import IMMUTA_CATALOG, delegate_files, person, policy_text, service
from ..server import Configuration, TrinoServer
from .opa import Opa

POLICY = Path(__file__).with_name("policy.rego")
PROPERTY = "immuta.immuta_user"
NATIONS = "SELECT count(*), count_if(comment = 'hidden') FROM tpch.tiny.nation"
CUSTOMERS = "SELECT count(custkey) FROM tpch.tiny.customer"
REGIONS = "SELECT name FROM tpch.tiny.region"
PEOPLE = [service("svc", groups=["services"]), person("alice", groups=["analysts"]), person("carol", disabled=True)]


@pytest.fixture(scope="module")
def opa() -> Iterator[Opa]:
    with Opa(POLICY) as running:
        yield running


@pytest.fixture(scope="module")
def server(opa: Opa, start_server: ServerMaker) -> Iterator[TrinoServer]:
    delegate = {
        "access-control.name": "opa",
        "opa.policy.uri": "${ENV:OPA_URL}/trino/allow",
        "opa.policy.row-filters-uri": "${ENV:OPA_URL}/trino/rowFilters",
        "opa.policy.batch-column-masking-uri": "${ENV:OPA_URL}/trino/batchColumnMasks",
    }
    files = {**IMMUTA_CATALOG, **delegate_files(delegate, policy_text(PEOPLE))}
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("OPA_URL", opa.url)
        yield start_server("opa", Configuration(files, ["svc"]))


@pytest.fixture
def svc(server: TrinoServer) -> HttpSession:
    return HttpSession(server, "svc")


@pytest.fixture
def by_header(svc: HttpSession) -> HttpSession:
    return svc.as_user("alice")


@pytest.fixture
def by_property(svc: HttpSession) -> HttpSession:
    return svc.with_property(PROPERTY, "alice")


@pytest.fixture(params=["by_header", "by_property"])
def as_alice(request: pytest.FixtureRequest) -> HttpSession:
    return request.getfixturevalue(request.param)


def rows(answer: Answer) -> list[Any]:
    assert answer.error is None, answer.error
    return list(answer.rows)


def denial(column: str, table: str) -> str:
    """The words of OPA's plugin."""
    return f"Access Denied: Cannot select from columns [{column}] in table or view tpch.tiny.{table}"


def identities(inputs: list[dict[str, Any]], *operations: str) -> list[tuple[str, list[str]]]:
    """The users, and their groups, that OPA was asked about in these operations."""
    found = [item["context"]["identity"] for item in inputs if item["action"]["operation"] in operations]
    return [(identity["user"], identity["groups"]) for identity in found]


def test_the_service_account_itself_is_asked_about_by_its_own_name(svc: HttpSession, opa: Opa) -> None:
    with opa.asked() as inputs:
        assert rows(svc.run(NATIONS)) == [[25, 0]]
    assert {user for user, _ in identities(inputs, "SelectFromColumns")} == {"svc"}
    assert len(rows(svc.run(REGIONS))) == 5


def test_opa_is_asked_about_the_target(as_alice: HttpSession, opa: Opa) -> None:
    with opa.asked() as inputs:
        assert as_alice.run(NATIONS).error is None
    for operation in ("AccessCatalog", "SelectFromColumns", "GetRowFilters", "GetColumnMask"):
        asked = identities(inputs, operation)
        assert asked, operation
        assert {user for user, _ in asked} == {"alice"}, operation


def test_the_row_filter_and_the_batched_column_mask_of_the_target_apply(as_alice: HttpSession) -> None:
    assert rows(as_alice.run(NATIONS)) == [[5, 5]]
    assert rows(as_alice.run("SELECT count(*) FROM tpch.tiny.nation WHERE regionkey <> 2")) == [[0]]


def test_what_only_the_service_account_may_read_is_denied_to_the_target(as_alice: HttpSession) -> None:
    assert as_alice.run(REGIONS).error == denial("name", "region")


def test_tables_that_the_target_cannot_see_are_not_listed(as_alice: HttpSession, svc: HttpSession) -> None:
    statement = "SHOW TABLES FROM tpch.tiny LIKE '%ion'"
    assert rows(as_alice.run(statement)) == [["nation"]]
    assert rows(svc.run(statement)) == [["nation"], ["region"]]


def test_on_the_property_path_opa_is_given_the_groups_of_our_policy(by_property: HttpSession, opa: Opa) -> None:
    with opa.asked() as inputs:
        assert rows(by_property.run(CUSTOMERS)) == [[3]]
    assert set(map(repr, identities(inputs, "SelectFromColumns"))) == {repr(("alice", ["analysts"]))}


def test_a_filter_and_a_mask_with_the_targets_identity_have_the_targets_groups(
    by_property: HttpSession, opa: Opa
) -> None:
    with opa.asked() as inputs:
        assert rows(by_property.run("SELECT count(*), count_if(name = 'hidden') FROM tpch.tiny.supplier")) == [[3, 2]]
    assert set(map(repr, identities(inputs, "SelectFromColumns"))) == {repr(("alice", ["analysts"]))}


def test_on_the_native_path_opa_is_given_the_groups_that_trino_knows(by_header: HttpSession, opa: Opa) -> None:
    with opa.asked() as inputs:
        answer = by_header.run(CUSTOMERS)
    assert answer.error == denial("custkey", "customer")
    assert set(map(repr, identities(inputs, "SelectFromColumns"))) == {repr(("alice", []))}


def test_with_a_refused_target_opa_is_not_asked_about_data(svc: HttpSession, opa: Opa) -> None:
    with opa.asked() as inputs:
        answer = svc.with_property(PROPERTY, "carol").run(NATIONS)
    assert answer.error.startswith("Access Denied: ")
    assert "carol" in answer.error
    assert {item["action"]["operation"] for item in inputs} == {"ExecuteQuery"}


def test_the_impersonation_is_not_for_opa_to_decide(svc: HttpSession, by_header: HttpSession, opa: Opa) -> None:
    with opa.asked() as inputs:
        assert rows(by_header.run("SELECT current_user")) == [["alice"]]
        assert svc.as_user("carol").run("SELECT current_user").error.startswith("Access Denied: ")
    assert identities(inputs, "ImpersonateUser", "SetUser") == []


def test_without_opa_nothing_is_let_through(svc: HttpSession, as_alice: HttpSession, opa: Opa) -> None:
    with opa.stopped():
        for session in (svc, as_alice):
            answer = session.run(NATIONS)
            assert answer.error is not None
            assert answer.rows == ()
    assert rows(as_alice.run(NATIONS)) == [[5, 5]]
