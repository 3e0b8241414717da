"""Headers that no well-behaved client sends never widen who somebody may be."""

import pytest

from .audit import AuditFile
from .clients import CURRENT_USER, PROPERTY, Answer, HttpSession
from .expectations import refused
from .server import TrinoServer

USER = "X-Trino-User"
ORIGINAL = "X-Trino-Original-User"


def test_of_two_user_headers_the_one_that_counts_is_the_one_that_is_checked(
    main_server: TrinoServer, audit: AuditFile
) -> None:
    refused(HttpSession(main_server, "svc", (USER, "carol"), (USER, "alice")).run(CURRENT_USER), "svc", "carol")
    answer = HttpSession(main_server, "svc", (USER, "alice"), (USER, "carol")).run(CURRENT_USER)
    assert answer == Answer(value="alice")
    assert [decision["target"] for decision in audit.wait_for_decisions(2)] == ["carol", "alice"]


def test_an_empty_user_header_is_nobody_else(main_server: TrinoServer, audit: AuditFile) -> None:
    assert HttpSession(main_server, "svc", (USER, "")).run(CURRENT_USER) == Answer(value="svc")
    assert audit.decisions() == []


def test_an_empty_user_header_does_not_let_a_second_one_through_unchecked(main_server: TrinoServer) -> None:
    answer = HttpSession(main_server, "plain", (USER, ""), (USER, "alice")).run(CURRENT_USER)
    assert answer == Answer(value="plain")


def test_a_chain_through_somebody_else_is_refused(main_server: TrinoServer, audit: AuditFile) -> None:
    headers = [(ORIGINAL, "middle"), (USER, "alice")]
    refused(HttpSession(main_server, "svc", *headers).run(CURRENT_USER), "middle", "alice")
    assert audit.wait_for("svc", "middle")["decision"] == "allow"
    assert audit.wait_for("middle", "alice")["reason"] == "chained"


def test_an_original_user_alone_does_not_lead_back_to_oneself(main_server: TrinoServer, audit: AuditFile) -> None:
    refused(HttpSession(main_server, "svc", (ORIGINAL, "middle")).run(CURRENT_USER), "middle", "svc")
    assert audit.wait_for("middle", "svc")["reason"] == "chained"


def test_a_chain_is_refused_at_its_first_forbidden_step(main_server: TrinoServer, audit: AuditFile) -> None:
    headers = [(ORIGINAL, "svc"), (USER, "alice")]
    refused(HttpSession(main_server, "plain", *headers).run(CURRENT_USER), "plain", "svc")
    assert audit.wait_for_decisions(1)[0]["reason"] == "no-permission"


def test_naming_oneself_as_original_user_is_no_chain(main_server: TrinoServer) -> None:
    headers = [(ORIGINAL, "svc"), (USER, "alice")]
    assert HttpSession(main_server, "svc", *headers).run(CURRENT_USER) == Answer(value="alice")


def test_the_next_request_of_a_real_user_is_no_chain_of_the_last_one(main_server: TrinoServer) -> None:
    for _ in range(20):
        assert HttpSession(main_server, "svc").as_user("user").run(CURRENT_USER) == Answer(value="user")
        assert HttpSession(main_server, "user").as_user("user_alice").run(CURRENT_USER) == Answer(value="user_alice")


@pytest.mark.parametrize("target", ["Alice", "ALICE", "alicE", "alice.", "ali ce"])
def test_a_name_that_only_looks_like_the_target_is_unknown(
    main_server: TrinoServer, audit: AuditFile, target: str
) -> None:
    refused(HttpSession(main_server, "svc").as_user(target).run(CURRENT_USER), "svc", target)
    assert audit.wait_for("svc", target)["reason"] == "unknown-target"


def test_the_session_property_is_refused_where_its_catalog_is_not(main_server: TrinoServer) -> None:
    answer = HttpSession(main_server, "svc").with_property(PROPERTY, "alice").run(CURRENT_USER)
    assert answer.value is None
    assert "immuta" in str(answer.error)


@pytest.mark.parametrize("login", ["svc", "plain"])
def test_headers_by_which_gateways_name_their_users_name_nobody(
    main_server: TrinoServer, audit: AuditFile, login: str
) -> None:
    names = ["X-Remote-User", "X-Auth-Request-User", "X-Authenticated-User"]
    old = ["X-Presto-User", "X-Trino-Authenticated-User", "X-Trino-Set-Authorization-User"]
    session = HttpSession(main_server, login, *((name, "alice") for name in [*names, *old]))
    assert session.run(CURRENT_USER) == Answer(value=login)
    # Trino refuses requests with such a header unless it is told that a gateway stands in front of it.
    forwarded = HttpSession(main_server, login, ("X-Forwarded-User", "alice")).run(CURRENT_USER)
    assert forwarded == Answer(value=login) or "X-Forwarded-User" in forwarded.error
    assert audit.decisions() == []


def test_management_resources_ask_as_well(main_server: TrinoServer, audit: AuditFile) -> None:
    assert HttpSession(main_server, "svc").as_user("alice").request("GET", "/v1/query").status == 200
    assert audit.wait_for("svc", "alice")["decision"] == "allow"
    answer = HttpSession(main_server, "plain").as_user("alice").request("GET", "/v1/query")
    assert answer.status >= 400
    assert audit.wait_for("plain", "alice")["decision"] == "deny"
