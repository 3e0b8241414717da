"""Ways to name the target, and statements of each kind, where alice and svc may do very different things."""

import json

import pytest

from . import environment
from .clients import PROPERTY, HttpSession
from .conftest import ServerMaker
from .data_rules import configuration, set_up
from .expectations import refused, value
from .policy import person, service
from .server import TrinoServer, properties_text

COUNT = "SELECT count(*) FROM tpch.tiny.nation"
# Trino takes defaults of session properties from a plugin that servers made of jars lack.
HAS_DEFAULTS = "session-property-managers" in environment.PLUGINS
DEFAULTS = [
    {"user": "bi", "sessionProperties": {PROPERTY: "alice"}},
    {"user": "wrong", "sessionProperties": {PROPERTY: "carol"}},
]


@pytest.fixture(scope="module")
def server(start_server: ServerMaker) -> TrinoServer:
    files = {}
    plugins = []
    if HAS_DEFAULTS:
        manager = {
            "session-property-config.configuration-manager": "file",
            "session-property-manager.config-file": "etc/defaults.json",
        }
        files = {
            "etc/session-property-config.properties": properties_text(manager),
            "etc/defaults.json": json.dumps(DEFAULTS),
        }
        plugins = ["session-property-managers"]
    people = [service("bi"), service("wrong"), person("carol", disabled=True)]
    server = start_server("statements", configuration(files, people, plugins))
    set_up(server, "mem_a")
    return server


# --- how a query gets its target --------------------------------------------------------------------------------------


@pytest.mark.skipif(not HAS_DEFAULTS, reason="this server has no plugin for defaults of session properties")
def test_a_default_names_the_target_until_the_client_names_another(server: TrinoServer) -> None:
    bi = HttpSession(server, "bi")
    assert value(bi.run(COUNT)) == "5"
    assert bi.run(f"SHOW SESSION LIKE '{PROPERTY}'").rows[0][1] == "alice"
    assert bi.with_property(PROPERTY, "").run(COUNT).error == "Access Denied: Cannot access catalog tpch"
    refused(bi.with_property(PROPERTY, "carol").run(COUNT), "bi", "carol")
    # A default cannot be reset: the next query has it again.
    assert bi.run(f"RESET SESSION {PROPERTY}").error is None
    assert value(bi.run(COUNT)) == "5"


@pytest.mark.skipif(not HAS_DEFAULTS, reason="this server has no plugin for defaults of session properties")
def test_a_default_is_decided_on_like_any_other_value(server: TrinoServer) -> None:
    refused(HttpSession(server, "wrong").run(COUNT), "wrong", "carol")


def test_a_header_may_name_several_properties_and_the_target_among_them(server: TrinoServer) -> None:
    both = HttpSession(server, "svc", ("X-Trino-Session", f"query_max_run_time=1h,{PROPERTY}=alice"))
    assert value(both.run(COUNT)) == "5"


@pytest.mark.parametrize("values", [["alice", ""], ["", "alice"], ["alice", "carol"], ["carol", "alice"]])
def test_of_two_values_in_one_request_the_one_that_is_shown_counts(server: TrinoServer, values: list[str]) -> None:
    """Trino takes the last; the empty one last is nobody, as if it stood alone."""
    session = HttpSession(server, "svc", *(("X-Trino-Session", f"{PROPERTY}={value}") for value in values))
    shown = session.run(f"SHOW SESSION LIKE '{PROPERTY}'").rows[0][1]
    answer = session.run(COUNT)
    expected = HttpSession(server, "svc").with_property(PROPERTY, shown).run(COUNT)
    assert shown == values[-1]
    assert answer == expected


@pytest.mark.skipif(environment.TRINO_VERSION < 470, reason="WITH SESSION came with Trino 470")
@pytest.mark.parametrize("header", ["alice", "carol", ""])
@pytest.mark.parametrize("clause", ["alice", "carol", ""])
def test_a_session_clause_beside_a_header_never_leaves_the_impersonators_rights(
    svc: HttpSession, header: str, clause: str
) -> None:
    """Trino itself fails where both name a property of one catalog, whatever they say."""
    answer = svc.with_property(PROPERTY, header).run(f"WITH SESSION {PROPERTY} = '{clause}' {COUNT}")
    assert (answer.value, answer.error_name) == (None, "GENERIC_INTERNAL_ERROR")


@pytest.mark.parametrize(
    "header",
    [
        ("X-Trino-Role", "system=ALL"),
        ("X-Trino-Role", "system=NONE"),
        ("X-Trino-Role", "mem_a=ROLE{admin}"),
        ("X-Trino-Role", "mem_a=ALL"),
        ("X-Trino-Extra-Credential", "token=secret"),
        ("X-Trino-Original-User", "svc"),
        ("X-Trino-Path", "mem_a.his"),
        ("X-Trino-Resource-Estimate", "EXECUTION_TIME=1h"),
        ("X-Trino-Client-Tags", "alice"),
    ],
)
def test_no_other_header_gives_more_than_the_target_has(server: TrinoServer, header: tuple[str, str]) -> None:
    """The header itself is fine: by it alone svc has svc's rights."""
    svc = HttpSession(server, "svc", header)
    as_alice = svc.with_property(PROPERTY, "alice")
    assert (value(svc.run(COUNT)), value(as_alice.run(COUNT))) == ("25", "5")
    for table in ["mem_a.his.secret", "tpch.tiny.lineitem"]:
        sql = f"SELECT count(*) FROM {table}"
        assert svc.run(sql).error is None
        assert as_alice.run(sql).error == f"Access Denied: Cannot select from table {table}"


def test_a_role_that_nobody_has_makes_no_statement_work(server: TrinoServer) -> None:
    svc = HttpSession(server, "svc", ("X-Trino-Role", "system=ROLE{admin}"))
    for session in [svc, svc.with_property(PROPERTY, "alice")]:
        assert "Access Denied: Cannot set role admin" in str(session.run(COUNT).error)


def test_switching_the_session_authorization_makes_the_property_a_chain(server: TrinoServer, svc: HttpSession) -> None:
    switched = svc.with_property(PROPERTY, "alice")
    assert switched.run("SET SESSION AUTHORIZATION bi").error is None
    refused(switched.run(COUNT), "bi", "alice")


def test_a_query_is_listed_and_cancelled_as_the_one_of_the_sessions_user(
    svc: HttpSession, as_alice: HttpSession, alice: HttpSession
) -> None:
    by_property = as_alice.run("SELECT 'by the property'").query_id
    natively = svc.as_user("alice").run("SELECT 'natively'").query_id

    def listed(session: HttpSession) -> set[str]:
        return {query["queryId"] for query in json.loads(session.request("GET", "/v1/query").body)}

    assert listed(alice) & {by_property, natively} == {natively}
    assert listed(svc) & {by_property, natively} == {by_property, natively}
    assert [alice.request("DELETE", f"/v1/query/{query}").status for query in (by_property, natively)] == [403, 204]
    assert svc.request("DELETE", f"/v1/query/{by_property}").status == 204


# --- functions, procedures, table functions ---------------------------------------------------------------------------


def test_functions_are_those_that_the_target_may_execute(svc: HttpSession, as_alice: HttpSession) -> None:
    closed = "SELECT mem_a.shared.closed_twice(21)"
    assert value(svc.run(closed)) == "42"
    assert "Cannot execute function mem_a.shared.closed_twice" in str(as_alice.run(closed).error)
    assert value(as_alice.run("SELECT mem_a.shared.open_twice(21)")) == "42"


def test_functions_are_dropped_and_shown_with_the_targets_rights(
    svc: HttpSession, as_alice: HttpSession, alice: HttpSession
) -> None:
    drop = "DROP FUNCTION mem_a.shared.closed_twice(bigint)"
    assert as_alice.run(drop).error == "Access Denied: Cannot drop function mem_a.shared.closed_twice"
    shown = "SHOW FUNCTIONS FROM mem_a.shared"
    assert as_alice.run(shown).rows == alice.run(shown).rows != svc.run(shown).rows


def test_procedures_are_those_that_the_target_may_execute(svc: HttpSession, alice: HttpSession) -> None:
    call = "CALL system.runtime.kill_query('20200101_000000_00000_aaaaa', 'x')"
    assert "not found" in str(svc.run(call).error)
    assert "Cannot execute procedure" in str(alice.run(call).error)
    assert "Access Denied" in str(svc.with_property(PROPERTY, "alice").run(call).error)


def test_table_functions_read_what_the_target_may_read(svc: HttpSession, as_alice: HttpSession) -> None:
    counted = "SELECT count(*) FROM TABLE(exclude_columns(TABLE({}), DESCRIPTOR(comment)))"
    assert value(svc.run(counted.format("tpch.tiny.nation"))) == "25"
    assert value(as_alice.run(counted.format("tpch.tiny.nation"))) == "5"
    assert "Cannot select from" in str(as_alice.run(counted.format("mem_a.his.secret")).error)


# --- plans and metadata -----------------------------------------------------------------------------------------------


def test_explain_analyze_runs_with_the_targets_rights(as_alice: HttpSession, svc: HttpSession) -> None:
    explain = "EXPLAIN ANALYZE SELECT name FROM tpch.tiny.nation"
    assert "Output: 5 rows" in str(value(as_alice.run(explain)))
    assert "Output: 25 rows" in str(value(svc.run(explain)))
    denied = as_alice.run("EXPLAIN ANALYZE SELECT * FROM mem_a.his.secret").error
    assert denied == "Access Denied: Cannot select from table mem_a.his.secret"


def test_columns_that_the_target_may_not_see_are_not_shown(as_alice: HttpSession, svc: HttpSession) -> None:
    def names(session: HttpSession, sql: str) -> set[str]:
        return {row[0] for row in session.run(sql).rows}

    for sql in [
        "SHOW COLUMNS FROM tpch.tiny.customer",
        "SELECT column_name FROM tpch.information_schema.columns WHERE table_name = 'customer'",
        "SELECT column_name FROM system.jdbc.columns WHERE table_cat = 'tpch' AND table_name = 'customer'",
    ]:
        assert names(svc, sql) - names(as_alice, sql) == {"address"}
    denied = "Access Denied: Cannot select from table tpch.tiny.customer"
    assert as_alice.run("SELECT address FROM tpch.tiny.customer").error == denied


def test_definitions_are_shown_to_whom_the_target_is(as_alice: HttpSession, svc: HttpSession) -> None:
    for sql in ["SHOW CREATE TABLE mem_a.his.secret", "SHOW CREATE SCHEMA mem_a.his"]:
        assert svc.run(sql).error is None
        assert "Access Denied" in str(as_alice.run(sql).error)
    assert as_alice.run("SHOW CREATE TABLE mem_a.hers.own").error is None


def test_a_function_that_would_belong_to_the_impersonator_is_refused(server: TrinoServer, alice: HttpSession) -> None:
    """It would run with svc's rights, whoever calls it: the path is searched again at each call, for svc then."""
    assert HttpSession(server, "svc").run("CREATE FUNCTION mem_a.his.only() RETURNS bigint RETURN 42").error is None
    as_alice = HttpSession(server, "svc", ("X-Trino-Path", "mem_a.his, mem_a.hers")).with_property(PROPERTY, "alice")
    try:
        assert alice.run("CREATE FUNCTION mem_a.hers.only() RETURNS bigint RETURN 0").error is None
        answer = as_alice.run("CREATE FUNCTION mem_a.hers.wrapper() RETURNS bigint RETURN only()")
        assert alice.run("SELECT mem_a.hers.wrapper()").value != "42"
        assert "Access Denied" in str(answer.error)
    finally:
        alice.run("DROP FUNCTION IF EXISTS mem_a.hers.wrapper()")
        alice.run("DROP FUNCTION IF EXISTS mem_a.hers.only()")
