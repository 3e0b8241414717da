"""A session property names the user to impersonate: Trino keeps the identity, the delegate is asked for the target."""

from collections.abc import Iterator

import pytest

from . import environment
from .audit import AuditFile
from .clients import CURRENT_USER, PROPERTY, Answer, Cli, HttpSession
from .conftest import ServerMaker, server_maker
from .credentials import Certificate
from .expectations import refused, value
from .jmx import Jmx
from .policy import AUDIT_FILE, IMMUTA_CATALOG, POLICY_FILE, control_text, guarded_files, person, policy_text, service
from .server import Configuration, TrinoServer, TrinoWithoutThePlugin

ALL = ["SELECT", "INSERT", "DELETE", "UPDATE", "OWNERSHIP", "GRANT_SELECT"]
RULES = {
    # The catalog immuta is nobody's here, and works all the same.
    "catalogs": [
        {"user": "alice", "catalog": "tpch|memory|system", "allow": "all"},
        {"user": "svc", "catalog": "tpch|memory|system|vault", "allow": "all"},
        {"catalog": "system", "allow": "read-only"},
        {"allow": "none"},
    ],
    "schemas": [
        {"user": "alice", "catalog": "memory", "schema": "alice", "owner": True},
        {"user": "svc", "catalog": "memory", "owner": True},
        {"owner": False},
    ],
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
        {
            "group": "analysts",
            "catalog": "tpch",
            "schema": "tiny",
            "table": "customer",
            "privileges": ["SELECT"],
            "filter": "custkey <= 3",
        },
        # Nobody tells Trino of alice's groups when she logs in herself.
        {
            "user": "alice",
            "catalog": "tpch",
            "schema": "tiny",
            "table": "customer",
            "privileges": ["SELECT"],
            "filter": "custkey = 1",
        },
        {"user": "alice", "catalog": "memory", "schema": "alice", "privileges": ALL},
        {"user": "svc", "catalog": "tpch", "schema": "tiny", "privileges": ["SELECT"]},
        {"user": "svc", "catalog": "memory|vault", "privileges": ALL},
        {"catalog": "system", "privileges": ["SELECT"]},
        {"privileges": []},
    ],
}
PEOPLE = [
    service("svc", groups=["services"]),
    service("middle"),
    person("alice", groups=["analysts"]),
    person("carol", disabled=True),
    person("plain"),
    person("ops"),
]
ADMINISTRATORS = {"immuta.user.admin": "ops"}


@pytest.fixture(scope="module")
def server(start_server: ServerMaker) -> Iterator[TrinoServer]:
    jmx = Jmx()
    files = {
        **IMMUTA_CATALOG,
        "etc/catalog/vault.properties": "connector.name=tpch\n",
        **guarded_files(RULES, PEOPLE, **ADMINISTRATORS),
    }
    logins = ["svc", "alice", "plain", "middle", "ops"]
    server = start_server("property", Configuration(files, logins, jvm_flags=jmx.flags))
    audit = AuditFile(server.file(AUDIT_FILE))
    yield server
    jmx.check_against_audit(server, audit)


@pytest.fixture(scope="module", autouse=True)
def tables(server: TrinoServer) -> Iterator[None]:
    """What svc prepares: alice's schema is hers by the delegate's rules, the other is svc's alone."""
    session = HttpSession(server, "svc")
    for statement in [
        "CREATE SCHEMA memory.alice",
        "CREATE SCHEMA memory.svc",
        "CREATE SCHEMA memory.empty",
        "CREATE TABLE memory.svc.secret AS SELECT name, regionkey FROM tpch.tiny.nation",
        "CREATE TABLE memory.alice.own AS SELECT name, regionkey FROM tpch.tiny.nation",
        "CREATE VIEW memory.alice.definer AS SELECT name, regionkey FROM memory.svc.secret",
        "CREATE VIEW memory.alice.ungranted AS SELECT name, regionkey FROM tpch.tiny.nation",
        "CREATE VIEW memory.alice.invoker SECURITY INVOKER AS SELECT name, regionkey FROM tpch.tiny.nation",
        "CREATE VIEW memory.alice.invoker_of_secret SECURITY INVOKER AS SELECT name FROM memory.svc.secret",
        "CREATE VIEW memory.alice.queries AS SELECT query FROM system.runtime.queries",
    ]:
        answer = session.run(statement)
        assert answer.error is None, (statement, answer.error)
    # She may see what it shows, and could not grant it.
    hers = HttpSession(server, "alice").run(
        "CREATE VIEW memory.alice.hers AS SELECT name, comment FROM tpch.tiny.nation"
    )
    assert hers.error is None, hers.error
    yield


@pytest.fixture
def as_carol(svc: HttpSession) -> HttpSession:
    """The engine says no: carol is disabled."""
    return svc.with_property(PROPERTY, "carol")


# --- the session ------------------------------------------------------------------------------------------------------


def test_the_property_is_set_shown_and_reset_and_holds_in_between(svc: HttpSession) -> None:
    count = "SELECT count(*) FROM tpch.tiny.nation"
    show = f"SHOW SESSION LIKE '{PROPERTY}'"
    assert value(svc.run(count)) == "25"
    assert svc.run(show).rows[0][:3] == [PROPERTY, "", ""]
    assert svc.run(f"SET SESSION {PROPERTY} = 'alice'").error is None
    assert svc.run(show).rows[0][1] == "alice"
    assert value(svc.run(count)) == "5"
    assert svc.run(f"RESET SESSION {PROPERTY}").error is None
    assert value(svc.run(count)) == "25"


def test_the_empty_name_is_nobody(svc: HttpSession) -> None:
    assert value(svc.with_property(PROPERTY, "").run("SELECT count(*) FROM tpch.tiny.nation")) == "25"


def test_the_cli_sets_it_like_any_session_property(server: TrinoServer) -> None:
    answers = Cli(server).run("svc", None, f"SET SESSION {PROPERTY} = 'alice'", "SELECT count(*) FROM tpch.tiny.nation")
    assert answers == [Answer(value="5")]


@pytest.mark.parametrize("name", ["x" * 257, "é" * 129, "a\tb", "a\u0085b"])
def test_what_cannot_be_a_name_is_refused_when_it_is_set(svc: HttpSession, name: str) -> None:
    answer = svc.run(f"SET SESSION {PROPERTY} = '{name}'")
    assert answer.error is not None
    assert "it is no user name: it is longer than 256 bytes or has control characters" in answer.error
    assert PROPERTY not in svc.properties
    assert "it is no user name" in str(svc.with_property(PROPERTY, name).run("SELECT 1").error)


@pytest.mark.parametrize(
    "name", ["Immuta.immuta_user", "IMMUTA.immuta_user", "immuta.IMMUTA_USER", "immuta_user", "immuta.immuta-user"]
)
def test_no_spelling_of_the_property_leaves_the_impersonators_rights(svc: HttpSession, name: str) -> None:
    """There is no such catalog, or no such property, which nobody may set; versions differ in the words."""
    answer = svc.with_property(name, "alice").run("SELECT count(*) FROM tpch.tiny.nation")
    assert answer.error is not None, f"let in to {answer.value} rows"
    # To Trino 483 a catalog in capital letters is a mistake of its own.
    if "catalogName is not lowercase" not in answer.error:
        kinds = ("CATALOG_NOT_FOUND", "NOT_FOUND", "INVALID_SESSION_PROPERTY", "PERMISSION_DENIED")
        assert answer.error_name in kinds, answer.error
    assert any(part in answer.error for part in name.split("."))


@pytest.mark.parametrize("name", [f" {PROPERTY}", f"{PROPERTY} ", f"\t{PROPERTY}"])
def test_blanks_around_the_property_are_none_of_its_name(svc: HttpSession, name: str) -> None:
    assert value(svc.with_property(name, "alice").run("SELECT count(*) FROM tpch.tiny.nation")) == "5"
    refused(svc.with_property(name, "carol").run("SELECT count(*) FROM tpch.tiny.nation"), "svc", "carol")


def test_the_decision_is_made_for_each_query_and_recorded_with_its_id(server: TrinoServer, svc: HttpSession) -> None:
    audit = AuditFile(server.file(AUDIT_FILE))
    assert svc.run(f"SET SESSION {PROPERTY} = 'carol'").error is None
    assert audit.decisions() == []
    refused(svc.run("SELECT * FROM tpch.tiny.nation"), "svc", "carol")
    line = audit.wait_for("svc", "carol")
    assert (line["decision"], line["reason"], line["path"]) == ("deny", "target-disabled", "property")
    assert line["principal"] == "svc"
    audit.start_afresh()
    allowed = svc.with_property(PROPERTY, "alice")
    assert value(allowed.run("SELECT count(*) FROM tpch.tiny.nation")) == "5"
    line = audit.wait_for("svc", "alice")
    assert line["decision"] == "allow"
    assert len(audit.decisions()) == 1
    assert line["queryId"].startswith("20")


# --- a target that the engine refuses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM tpch.tiny.nation",
        "SELECT * FROM memory.svc.secret",
        "SELECT * FROM tpch.information_schema.tables",
        "SELECT * FROM system.runtime.nodes",
        "SELECT * FROM system.metadata.catalogs",
        "SHOW SCHEMAS FROM tpch",
        "SHOW TABLES FROM tpch.tiny",
        "SHOW COLUMNS FROM tpch.tiny.nation",
        "SHOW CREATE TABLE tpch.tiny.nation",
        "SHOW STATS FOR tpch.tiny.nation",
        "DESCRIBE tpch.tiny.nation",
        "EXPLAIN SELECT * FROM tpch.tiny.nation",
        "EXPLAIN ANALYZE SELECT * FROM tpch.tiny.nation",
        "CREATE TABLE memory.svc.new AS SELECT 1 AS one",
        "CREATE TABLE memory.svc.new (one integer)",
        "CREATE SCHEMA memory.new",
        "CREATE VIEW memory.svc.new AS SELECT 1 AS one",
        "INSERT INTO memory.svc.secret VALUES ('x', 1)",
        "TRUNCATE TABLE memory.svc.secret",
        "DROP TABLE memory.svc.secret",
        "ALTER TABLE memory.svc.secret RENAME TO memory.svc.other",
        "COMMENT ON TABLE memory.svc.secret IS 'x'",
        "DROP SCHEMA memory.empty",
        "CALL system.runtime.kill_query('20200101_000000_00000_aaaaa', 'x')",
        "SELECT * FROM TABLE(sequence(1, 2)), tpch.tiny.nation",
        "SET SESSION tpch.base_schema = 'x'",
    ],
)
def test_a_refused_target_leaves_nobodys_rights(as_carol: HttpSession, statement: str) -> None:
    refused(as_carol.run(statement), "svc", "carol")


def test_a_refused_target_opens_no_view_and_no_catalog(as_carol: HttpSession) -> None:
    assert "cannot impersonate user carol" in str(as_carol.run("SELECT * FROM memory.alice.definer").error)
    # Trino asks which catalogs there are, and words the answer itself.
    assert as_carol.run("USE tpch.tiny").error == "Access Denied: Cannot access catalog tpch"


def test_a_refused_target_still_lets_the_session_be_seen_and_ended(as_carol: HttpSession) -> None:
    assert as_carol.run(f"SHOW SESSION LIKE '{PROPERTY}'").rows[0][1] == "carol"
    assert as_carol.run("SHOW CATALOGS").rows == [["immuta"]]
    assert value(as_carol.run("SELECT 1")) == "1"
    assert as_carol.run("SET SESSION query_max_run_time = '1h'").error is None
    assert as_carol.run(f"SET SESSION {PROPERTY} = 'nobody'").error is None
    assert as_carol.run(f"RESET SESSION {PROPERTY}").error is None
    assert value(as_carol.run("SELECT count(*) FROM tpch.tiny.nation")) == "25"


def test_who_may_not_impersonate_is_refused(server: TrinoServer) -> None:
    session = HttpSession(server, "plain").with_property(PROPERTY, "alice")
    refused(session.run("SELECT * FROM tpch.tiny.nation"), "plain", "alice")
    refused(HttpSession(server, "alice").with_property(PROPERTY, "svc").run("SHOW SCHEMAS FROM tpch"), "alice", "svc")


def test_an_administrator_is_nobodys_target_on_either_path(server: TrinoServer, svc: HttpSession) -> None:
    """Neither for data nor for what administrators see and do by SQL."""
    audit = AuditFile(server.file(AUDIT_FILE))
    statements = [
        "SELECT count(*) FROM tpch.tiny.nation",
        "SELECT count(*) FROM immuta.impersonation.config",
        "CALL immuta.impersonation.flush()",
    ]
    for session in [svc.as_user("ops"), svc.with_property(PROPERTY, "ops")]:
        for statement in statements:
            refused(session.run(statement), "svc", "ops")
            assert audit.wait_for("svc", "ops")["reason"] == "protected-target"
            audit.start_afresh()
    assert HttpSession(server, "ops").run("CALL immuta.impersonation.flush()").error is None


@pytest.mark.parametrize("way", ["X-Trino-User", "X-Trino-Original-User"])
def test_both_paths_at_once_are_a_chain(server: TrinoServer, way: str) -> None:
    audit = AuditFile(server.file(AUDIT_FILE))
    headers = [("X-Trino-User", "middle")]
    if way == "X-Trino-Original-User":
        headers.append((way, "svc"))
    session = HttpSession(server, "svc", *headers).with_property(PROPERTY, "alice")
    refused(session.run("SELECT * FROM tpch.tiny.nation"), "middle", "alice")
    assert audit.wait_for("middle", "alice")["reason"] == "chained"
    direct = HttpSession(server, "middle").with_property(PROPERTY, "alice")
    assert value(direct.run("SELECT count(*) FROM tpch.tiny.nation")) == "5"


# --- an allowed target ------------------------------------------------------------------------------------------------


SAME_AS_ALICE = [
    "SELECT count(*) FROM tpch.tiny.nation",
    "SELECT DISTINCT comment FROM tpch.tiny.nation",
    "SELECT count(*) FROM tpch.tiny.nation WHERE regionkey <> 2",
    "SELECT n.name FROM tpch.tiny.nation n JOIN tpch.tiny.nation m ON n.nationkey = m.nationkey ORDER BY 1",
    "SELECT * FROM tpch.tiny.region",
    "SELECT * FROM vault.tiny.nation",
    "SELECT * FROM memory.svc.secret",
    "SELECT count(*) FROM memory.alice.own",
    "SELECT count(*) FROM memory.alice.definer",
    "SELECT count(*) FROM memory.alice.ungranted",
    "SELECT count(*) FROM memory.alice.hers",
    "SELECT DISTINCT comment FROM memory.alice.hers",
    "SELECT count(*) FROM memory.alice.invoker",
    "SELECT count(*) FROM memory.alice.invoker_of_secret",
    "SHOW CATALOGS",
    "SHOW SCHEMAS FROM memory",
    "SHOW SCHEMAS FROM tpch",
    "SHOW SCHEMAS FROM vault",
    "SHOW TABLES FROM tpch.tiny",
    "SHOW TABLES FROM memory.svc",
    "SHOW TABLES FROM memory.alice",
    "SHOW COLUMNS FROM tpch.tiny.nation",
    "SHOW COLUMNS FROM tpch.tiny.region",
    "SHOW CREATE TABLE tpch.tiny.nation",
    "SHOW CREATE TABLE memory.alice.own",
    "SHOW CREATE TABLE memory.svc.secret",
    "SELECT table_schema, table_name FROM memory.information_schema.tables ORDER BY 1, 2",
    "SELECT table_name, column_name FROM tpch.information_schema.columns WHERE table_schema = 'tiny' ORDER BY 1, 2",
    "SELECT schema_name FROM memory.information_schema.schemata ORDER BY 1",
    "SELECT table_name FROM system.jdbc.tables WHERE table_cat = 'tpch' AND table_schem = 'tiny' ORDER BY 1",
    "SELECT table_cat FROM system.jdbc.catalogs ORDER BY 1",
    "EXPLAIN (TYPE VALIDATE) SELECT * FROM tpch.tiny.region",
    "EXPLAIN (TYPE IO) SELECT * FROM tpch.tiny.region",
    "DESCRIBE tpch.tiny.region",
    "SHOW STATS FOR tpch.tiny.region",
    "CREATE TABLE memory.svc.made AS SELECT 1 AS one",
    "CREATE TABLE memory.alice.copy AS SELECT * FROM memory.svc.secret",
    "CREATE SCHEMA memory.made",
    "INSERT INTO memory.svc.secret VALUES ('x', 1)",
    "INSERT INTO memory.alice.own SELECT name, regionkey FROM tpch.tiny.region",
    "DROP TABLE memory.svc.secret",
    "TRUNCATE TABLE memory.svc.secret",
    "ALTER TABLE memory.svc.secret ADD COLUMN more integer",
    "COMMENT ON TABLE memory.svc.secret IS 'x'",
    "SET SESSION vault.base_schema = 'x'",
    "SELECT lower('A'), abs(-1)",
    "SELECT * FROM TABLE(sequence(1, 3))",
    "USE vault.tiny",
    "SHOW FUNCTIONS LIKE 'abs'",
    "SHOW ROLES",
]


@pytest.mark.parametrize("statement", SAME_AS_ALICE)
def test_svc_as_alice_is_answered_as_alice_is(alice: HttpSession, as_alice: HttpSession, statement: str) -> None:
    hers, his = alice.run(statement), as_alice.run(statement)
    assert (his.rows, his.error) == (hers.rows, hers.error)


def test_the_rows_masks_and_tables_are_the_targets(as_alice: HttpSession) -> None:
    assert value(as_alice.run("SELECT count(*) FROM tpch.tiny.nation")) == "5"
    assert value(as_alice.run("SELECT DISTINCT comment FROM tpch.tiny.nation")) == "hidden"
    denied = "Access Denied: Cannot select from table tpch.tiny.region"
    assert as_alice.run("SELECT * FROM tpch.tiny.region").error == denied
    assert "Cannot show tables" in str(as_alice.run("SHOW TABLES FROM memory.svc").error)


def test_the_groups_are_those_that_the_source_gives_the_target(svc: HttpSession, as_alice: HttpSession) -> None:
    assert value(as_alice.run("SELECT count(*) FROM tpch.tiny.customer")) == "3"
    assert value(svc.run("SELECT count(*) FROM tpch.tiny.customer")) == "1500"


def test_the_target_writes_with_the_targets_rights(as_alice: HttpSession) -> None:
    assert as_alice.run("CREATE TABLE memory.alice.made AS SELECT * FROM tpch.tiny.nation").error is None
    assert value(as_alice.run("SELECT count(*) FROM memory.alice.made")) == "5"
    assert as_alice.run("INSERT INTO memory.alice.made SELECT * FROM tpch.tiny.nation").error is None
    assert value(as_alice.run("SELECT count(*) FROM memory.alice.made")) == "10"
    assert as_alice.run("DELETE FROM memory.svc.secret WHERE regionkey = 1").error is not None
    assert as_alice.run("DROP TABLE memory.alice.made").error is None


def test_the_plan_of_explain_has_the_targets_filter(svc: HttpSession, as_alice: HttpSession) -> None:
    explain = "EXPLAIN SELECT name FROM tpch.tiny.nation"
    assert "regionkey" in str(value(as_alice.run(explain)))
    assert "regionkey" not in str(value(svc.run(explain)))
    assert as_alice.run("EXPLAIN SELECT * FROM tpch.tiny.region").error is not None


def test_prepared_statements_have_the_rights_of_the_query_that_executes_them(svc: HttpSession) -> None:
    assert svc.run("PREPARE counted FROM SELECT count(*) FROM tpch.tiny.nation").error is None
    assert value(svc.run("EXECUTE counted")) == "25"
    assert svc.run(f"SET SESSION {PROPERTY} = 'alice'").error is None
    assert value(svc.run("EXECUTE counted")) == "5"
    assert value(svc.run("EXECUTE IMMEDIATE 'SELECT count(*) FROM tpch.tiny.nation'")) == "5"
    assert svc.run(f"SET SESSION {PROPERTY} = 'carol'").error is None
    refused(svc.run("EXECUTE counted"), "svc", "carol")
    refused(svc.run("EXECUTE IMMEDIATE 'SELECT count(*) FROM tpch.tiny.nation'"), "svc", "carol")
    refused(svc.run("DESCRIBE OUTPUT counted"), "svc", "carol")


def test_within_a_transaction_each_query_has_the_rights_that_the_session_names(svc: HttpSession) -> None:
    count = "SELECT count(*) FROM tpch.tiny.nation"
    assert svc.run(f"SET SESSION {PROPERTY} = 'alice'").error is None
    assert svc.run("START TRANSACTION").error is None
    assert value(svc.run(count)) == "5"
    assert svc.run(f"RESET SESSION {PROPERTY}").error is None
    assert value(svc.run(count)) == "25"
    assert svc.run(f"SET SESSION {PROPERTY} = 'carol'").error is None
    refused(svc.run(count), "svc", "carol")
    assert svc.run("ROLLBACK").error is None


@pytest.mark.parametrize("first", [True, False])
def test_the_property_stands_beside_those_of_other_catalogs(svc: HttpSession, first: bool) -> None:
    """Trino checks all of them before it says what any of them is."""
    count = "SELECT count(*) FROM tpch.tiny.nation"
    other = ("memory.no_such_property", "x")
    names = [(PROPERTY, "alice"), other] if first else [other, (PROPERTY, "alice")]
    session = svc
    for name, text in names:
        session = session.with_property(name, text)
    # Up to 468 at least it is "Unknown session property" and the name.
    assert "memory.no_such_property" in str(session.run(count).error)
    assert value(svc.with_property(PROPERTY, "alice").with_property("query_max_run_time", "1h").run(count)) == "5"


@pytest.mark.skipif(environment.TRINO_VERSION < 470, reason="WITH SESSION came with Trino 470")
def test_a_session_clause_sets_the_property_for_its_query(svc: HttpSession) -> None:
    count = "SELECT count(*) FROM tpch.tiny.nation"
    assert value(svc.run(f"WITH SESSION {PROPERTY} = 'alice' {count}")) == "5"
    refused(svc.run(f"WITH SESSION {PROPERTY} = 'carol' {count}"), "svc", "carol")
    assert value(svc.run(count)) == "25"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM memory.{} WHERE regionkey = 1",
        "UPDATE memory.{} SET regionkey = 7 WHERE regionkey = 1",
        "MERGE INTO memory.{} t USING tpch.tiny.nation s ON t.name = s.name WHEN MATCHED THEN DELETE",
        "INSERT INTO memory.{} VALUES ('x', 1)",
        "ALTER TABLE memory.{} ADD COLUMN more integer",
        "COMMENT ON COLUMN memory.{}.name IS 'x'",
        "DROP TABLE memory.{}",
    ],
)
def test_writing_is_decided_for_the_target(as_alice: HttpSession, statement: str) -> None:
    """The connector may refuse what alice may do; only an access control says access denied."""
    denied = as_alice.run(statement.format("svc.secret")).error
    assert "Access Denied" in str(denied), denied
    assert (
        as_alice.run("CREATE TABLE memory.alice.written AS SELECT name, regionkey FROM tpch.tiny.nation").error is None
    )
    try:
        assert "Access Denied" not in str(as_alice.run(statement.format("alice.written")).error)
    finally:
        as_alice.run("DROP TABLE IF EXISTS memory.alice.written")


# --- views ------------------------------------------------------------------------------------------------------------


def test_a_view_with_its_owners_rights_keeps_them(as_alice: HttpSession) -> None:
    assert value(as_alice.run("SELECT count(*) FROM memory.alice.definer")) == "25"


def test_a_view_with_the_callers_rights_has_the_targets(as_alice: HttpSession, svc: HttpSession) -> None:
    assert value(svc.run("SELECT count(*) FROM memory.alice.invoker")) == "25"
    assert value(as_alice.run("SELECT count(*) FROM memory.alice.invoker")) == "5"
    denied = as_alice.run("SELECT count(*) FROM memory.alice.invoker_of_secret").error
    assert "Cannot select from" in str(denied)


@pytest.mark.parametrize("kind", ["VIEW memory.alice.v AS", "VIEW memory.alice.v SECURITY INVOKER AS"])
def test_a_view_that_would_belong_to_the_impersonator_is_refused(as_alice: HttpSession, kind: str) -> None:
    answer = as_alice.run(f"CREATE {kind} SELECT name FROM tpch.tiny.nation")
    assert answer.error == (
        "Access Denied: Cannot create a view while user svc impersonates user alice: "
        "it would belong to svc and have the rights of svc; connect as alice"
    )


def test_killing_queries_is_refused(as_alice: HttpSession) -> None:
    answer = as_alice.run("CALL system.runtime.kill_query('20200101_000000_00000_aaaaa', 'x')")
    assert str(answer.error).startswith("Access Denied: Cannot kill queries while user svc impersonates user alice")


def test_the_queries_of_others_whom_the_impersonator_was_are_not_shown(svc: HttpSession, as_alice: HttpSession) -> None:
    seen = "SELECT query FROM system.runtime.queries WHERE query LIKE '%secret of bob%'"
    assert svc.run("SELECT 'secret of bob'").error is None
    assert svc.run(seen).rows
    assert str(as_alice.run(seen).error).startswith(
        "Access Denied: Cannot select from system.runtime.queries while user svc impersonates user alice"
    )
    assert "Cannot select from system.runtime.queries while" in str(as_alice.run("TABLE memory.alice.queries").error)
    assert as_alice.run("SELECT count(*) FROM system.runtime.nodes").error is None


# --- who am I ---------------------------------------------------------------------------------------------------------


def test_whoami_tells_everybody_whose_rights_a_query_has(
    svc: HttpSession, as_alice: HttpSession, as_carol: HttpSession, alice: HttpSession
) -> None:
    whoami = "SELECT * FROM immuta.impersonation.whoami"
    assert svc.run(whoami).rows == [["svc", "svc", "svc", None, None, None, ""]]
    assert alice.run(whoami).rows == [["alice", "alice", "alice", None, None, None, ""]]
    assert as_alice.run(whoami).rows == [["svc", "svc", "alice", "property", "allow", "permission", "analysts"]]
    assert as_carol.run(whoami).rows == [["svc", "svc", None, "property", "deny", "target-disabled", None]]
    assert svc.as_user("alice").run(whoami).rows == [["svc", "alice", "alice", "native", "allow", "permission", ""]]
    assert svc.with_property(PROPERTY, "svc").run(whoami).rows == [
        ["svc", "svc", "svc", "property", "allow", "self", ""]
    ]


def test_trinos_current_user_stays_the_session_user(as_alice: HttpSession) -> None:
    assert value(as_alice.run(CURRENT_USER)) == "svc"


# --- configurations that cannot hold the target's rights up -----------------------------------------------------------


def test_without_a_delegate_data_is_refused_and_the_property_to_set_is_named(start_server: ServerMaker) -> None:
    files = {**IMMUTA_CATALOG, "etc/access-control.properties": control_text(), POLICY_FILE: policy_text(PEOPLE)}
    server = start_server("no-delegate", Configuration(files, ["svc"]))
    assert "immuta.delegate.config-file is not set" in server.log
    session = HttpSession(server, "svc")
    assert value(session.run("SELECT count(*) FROM tpch.tiny.nation")) == "25"
    answer = session.with_property(PROPERTY, "alice").run("SELECT count(*) FROM tpch.tiny.nation")
    refused(answer, "svc", "alice")
    assert "immuta.delegate.config-file" in str(answer.error)


def test_without_our_access_control_nothing_but_the_empty_name_can_be_set(start_server: ServerMaker) -> None:
    server = start_server("no-control", Configuration(IMMUTA_CATALOG, ["svc"]))
    session = HttpSession(server, "svc")
    sentence = "the server has no access control with access-control.name=immuta"
    assert sentence in str(session.run(f"SET SESSION {PROPERTY} = 'alice'").error)
    assert sentence in str(session.with_property(PROPERTY, "alice").run("SELECT 1").error)
    assert session.run(f"SET SESSION {PROPERTY} = ''").error is None
    assert value(session.run("SELECT count(*) FROM tpch.tiny.nation")) == "25"


def test_a_server_without_the_plugin_refuses_an_old_client_that_goes_on_sending_the_property(
    tmp_path_factory: pytest.TempPathFactory, certificate: Certificate
) -> None:
    count = "SELECT count(*) FROM tpch.tiny.nation"
    with server_maker(tmp_path_factory, certificate, TrinoWithoutThePlugin) as start:
        session = HttpSession(start("no-plugin", Configuration({}, ["svc"])), "svc")
        for target in ["alice", "svc", ""]:
            answer = session.with_property(PROPERTY, target).run(count)
            assert answer.value is None
            assert "immuta" in str(answer.error), target
        assert session.run(f"SET SESSION {PROPERTY} = 'alice'").error is not None
        assert value(session.run(count)) == "25"
