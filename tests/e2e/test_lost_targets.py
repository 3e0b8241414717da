"""What loses the target in each client of docs/clients.md, and what keeps it: facts about clients, each shown."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import trino.auth
import trino.dbapi
import trino.exceptions
from sqlalchemy import URL, create_engine, text

from . import environment
from .client_programs import BLOCKS, NEEDS_PASSWORDS, RULES, changed, dbt, printed, run_text, words
from .clients import PROPERTY, Answer, Cli, HttpSession, Jdbc
from .conftest import ServerMaker
from .credentials import TokenSigner
from .policy import IMMUTA_CATALOG, guarded_files, person, service
from .server import Configuration, Jars, TrinoServer

pytestmark = NEEDS_PASSWORDS
PAGE = (environment.ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
NATIONS = "tpch.tiny.nation"
COUNT = f"SELECT current_user || ' ' || CAST((SELECT count(*) FROM {NATIONS}) AS varchar)"
NATIVE, KEPT, LOST = "alice 5", "svc_bi 5", "svc_bi 25"
SET, RESET = f"SET SESSION {PROPERTY} = 'alice'", f"RESET SESSION {PROPERTY}"
SET_OTHER, RESET_OTHER = "SET SESSION query_max_run_time = '1h'", "RESET SESSION query_max_run_time"
BECOME, BECOME_ONESELF = "SET SESSION AUTHORIZATION alice", "RESET SESSION AUTHORIZATION"
SET_ZOE = f"SET SESSION {PROPERTY} = 'zoë'"
WITH_ZOE = f"WITH SESSION {PROPERTY} = 'zoë' {COUNT}"
DOMAIN = "@example.com"
SIGNER = TokenSigner()


@pytest.fixture(scope="module")
def server(start_server: ServerMaker) -> TrinoServer:
    """Who logs in as somebody of example.com is the user of that name; passwords and tokens are good."""
    mapping = r"([^@]+)(?:@example\\.com)?"
    people = [person("alice"), person("carol", disabled=True), person("zoë"), person("李雷")]
    files = {
        **IMMUTA_CATALOG,
        **guarded_files(RULES, [service("svc_bi"), service("svc_bare"), *people]),
        **Jars().authentication_files([], SIGNER),
    }
    config = {
        **Jars().authentication_config(),
        "http-server.authentication.type": "PASSWORD,JWT",
        "http-server.authentication.password.user-mapping.pattern": mapping,
        "http-server.authentication.jwt.user-mapping.pattern": mapping,
    }
    logins = ["svc_bi", "svc_bare", "alice", f"alice{DOMAIN}", f"svc_bi{DOMAIN}"]
    return start_server("lost", Configuration(files, logins, config))


def values(answers: list[Answer]) -> list[str]:
    """Of statements that ended well, those with a value."""
    assert all(answer.error is None for answer in answers), answers
    return [answer.value for answer in answers if answer.value]


# --- the page ---------------------------------------------------------------------------------------------------------


def test_every_client_of_the_page_says_what_loses_the_target_and_what_keeps_it() -> None:
    clients = re.findall(r"^\| \[([^]]+)]\(#", PAGE, re.MULTILINE)
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
    assert len(clients) == 8
    for client in clients:
        section = sections[client.removesuffix(", DB-API")]
        assert section.count("**Loses the target:**") == section.count("**Keeps it:**") == 1, client


def test_an_account_without_rights_of_its_own_is_refused_where_the_target_is_lost(server: TrinoServer) -> None:
    bare = HttpSession(server, "svc_bare")
    assert bare.with_property(PROPERTY, "alice").run(COUNT).value == "svc_bare 5"
    assert bare.run(COUNT).error == f"Access Denied: Cannot select from table {NATIONS}"


# --- the CLI ----------------------------------------------------------------------------------------------------------


def test_the_cli_keeps_its_session_user(server: TrinoServer) -> None:
    assert values(Cli(server).run("svc_bi", "alice", COUNT, BECOME_ONESELF, COUNT)) == [NATIVE, NATIVE]


def test_the_cli_loses_the_property_when_it_is_reset_and_not_when_another_is(server: TrinoServer) -> None:
    statements = [COUNT, SET_OTHER, RESET_OTHER, COUNT, RESET, COUNT]
    answers = Cli(server).run("svc_bi", None, *statements, options=["--session", f"{PROPERTY}=alice"])
    assert values(answers) == [KEPT, KEPT, LOST]


def test_the_cli_goes_on_without_a_target_whose_name_it_cannot_send(server: TrinoServer) -> None:
    went_on, error = Cli(server).run("svc_bi", None, SET_ZOE, COUNT, options=["--ignore-errors"])
    assert went_on == Answer(value=LOST)
    assert "US_ASCII" in error.error
    assert values(Cli(server).run("svc_bi", None, WITH_ZOE, COUNT)) == [KEPT, LOST]


@pytest.mark.parametrize("session_user", ["zoë", None])
def test_the_cli_begins_no_session_with_a_name_that_it_cannot_send(
    server: TrinoServer, session_user: str | None
) -> None:
    options = [] if session_user else ["--session", f"{PROPERTY}=zoë"]
    (answer,) = Cli(server).run("svc_bi", session_user, COUNT, options=options)
    assert "Unexpected char" in str(answer.error) or "not ASCII" in str(answer.error)


# --- JDBC -------------------------------------------------------------------------------------------------------------


def test_jdbc_keeps_its_session_user(server: TrinoServer) -> None:
    assert values(Jdbc(server).run("svc_bi", "alice", COUNT, BECOME_ONESELF, COUNT)) == [NATIVE, NATIVE]


def test_jdbc_loses_the_property_when_it_is_reset_and_not_when_another_is(server: TrinoServer) -> None:
    statements = [COUNT, SET_OTHER, RESET_OTHER, COUNT, RESET, COUNT]
    answers = Jdbc(server).run("svc_bi", None, *statements, more={"sessionProperties": f"{PROPERTY}:alice"})
    assert values(answers) == [KEPT, KEPT, LOST]


def test_a_jdbc_connection_that_is_not_cleared_has_the_last_persons_rights(server: TrinoServer, tmp_path: Path) -> None:
    """The last print is the next one's, whom a pool gives the connection; the block as it stands clears it."""
    uncleared = changed("jdbc-switch", ("trino.clearSessionUser();", ""))
    assert printed(server, "jdbc-switch", uncleared, tmp_path) == f"{LOST}\n{NATIVE}\n{NATIVE}"


def test_a_jdbc_connection_is_dead_after_a_target_whose_name_it_cannot_send(server: TrinoServer) -> None:
    _, *dead = Jdbc(server).run("svc_bi", None, SET_ZOE, COUNT, RESET, COUNT)
    assert len(dead) == 3
    assert all("US_ASCII" in str(answer.error) for answer in dead)
    assert values(Jdbc(server).run("svc_bi", None, WITH_ZOE, COUNT)) == [KEPT, LOST]


def test_jdbc_begins_no_session_with_a_name_that_it_cannot_send(server: TrinoServer) -> None:
    (answer,) = Jdbc(server).run("svc_bi", "zoë", COUNT)
    assert "Unexpected char" in str(answer.error)
    with pytest.raises(AssertionError, match="printable ASCII"):
        Jdbc(server).run("svc_bi", None, COUNT, more={"sessionProperties": f"{PROPERTY}:zoë"})


# --- Python and SQLAlchemy --------------------------------------------------------------------------------------------


@pytest.fixture
def http_session(server: TrinoServer) -> Iterator[requests.Session]:
    with requests.Session() as session:
        # Settings of this machine for other hosts must not replace the certificate.
        session.trust_env = False
        session.verify = str(server.certificate.pem)
        yield session


@contextmanager
def connected(server: TrinoServer, http_session: requests.Session, login: str, user: str, **more: Any):
    """A function that runs a statement on one connection and returns its first value, if it has one."""
    authentication = more.pop("auth", trino.auth.BasicAuthentication(login, server.password))
    where = {"host": "localhost", "port": server.port, "http_scheme": "https", "http_session": http_session}
    connection = trino.dbapi.connect(**where, user=user, auth=authentication, **more)

    def run(sql: str) -> str | None:
        rows = connection.cursor().execute(sql).fetchall()
        return rows[0][0] if rows else None

    try:
        yield run
    finally:
        connection.close()


def test_python_keeps_its_user(server: TrinoServer, http_session: requests.Session) -> None:
    with connected(server, http_session, "svc_bi", "alice") as run:
        assert [run(sql) for sql in (COUNT, BECOME_ONESELF, COUNT)] == [NATIVE, None, NATIVE]


def test_python_loses_the_property_when_it_is_reset_and_not_when_another_is(
    server: TrinoServer, http_session: requests.Session
) -> None:
    with connected(server, http_session, "svc_bi", "svc_bi", session_properties={PROPERTY: "alice"}) as run:
        statements = [COUNT, SET_OTHER, RESET_OTHER, COUNT, RESET, COUNT]
        assert [run(sql) for sql in statements] == [KEPT, None, None, KEPT, None, LOST]


def test_what_python_sets_is_of_one_connection(server: TrinoServer, http_session: requests.Session) -> None:
    with (
        connected(server, http_session, "svc_bi", "svc_bi") as one,
        connected(server, http_session, "svc_bi", "svc_bi") as another,
    ):
        one(SET)
        assert (one(COUNT), another(COUNT)) == (KEPT, LOST)


def test_python_sends_names_in_latin_as_user_and_any_name_as_property(
    server: TrinoServer, http_session: requests.Session
) -> None:
    with connected(server, http_session, "svc_bi", "zoë") as run:
        assert run(COUNT) == "zoë 5"
    with connected(server, http_session, "svc_bi", "李雷") as run, pytest.raises(UnicodeEncodeError):
        run(COUNT)
    for name in ["zoë", "李雷"]:
        with connected(server, http_session, "svc_bi", "svc_bi", session_properties={PROPERTY: name}) as run:
            assert run(COUNT) == KEPT


@pytest.mark.parametrize(
    ("left", "found"), [((SET,), KEPT), ((BECOME,), NATIVE), ((SET, RESET), LOST)], ids=["set", "become", "reset"]
)
def test_an_engine_of_sqlalchemy_hands_a_connection_out_as_it_was_left(
    server: TrinoServer, http_session: requests.Session, left: tuple[str, ...], found: str
) -> None:
    url = URL.create("trino", "svc_bi", server.password, "localhost", server.port)
    engine = create_engine(url, connect_args={"http_scheme": "https", "http_session": http_session})
    with engine.connect() as connection:
        for statement in left:
            connection.execute(text(statement))
    with engine.connect() as connection:
        assert connection.execute(text(COUNT)).scalar_one() == found
    engine.dispose()


def test_a_target_that_is_set_at_checkout_is_there_whatever_the_last_person_left(
    server: TrinoServer, tmp_path: Path
) -> None:
    again = """
with engine.connect() as connection:
    connection.execute(text("RESET SESSION immuta.immuta_user"))
with engine.connect() as connection:
    print(*connection.execute(text("SELECT current_user, (SELECT count(*) FROM nation)")).one())
"""
    program = BLOCKS["sqlalchemy-checkout"] + again
    assert printed(server, "sqlalchemy", program, tmp_path) == f"{KEPT}\n{KEPT}"
    refused = run_text(server, "sqlalchemy", program.replace("alice", "carol"), tmp_path)
    assert refused.returncode != 0
    assert "cannot impersonate user carol" in refused.stderr
    assert not re.search(r"svc_bi \d", words(refused.stdout))


# --- dbt --------------------------------------------------------------------------------------------------------------


def test_dbt_ignores_the_impersonated_user_beside_a_token(server: TrinoServer, tmp_path: Path) -> None:
    profile = f"""
nations:
  target: native
  outputs:
    native:
      type: trino
      method: jwt
      jwt_token: {SIGNER.token("svc_bi")}
      host: localhost
      port: 8443
      cert: true
      database: memory
      schema: alice
"""
    users = {LOST: {"user": "svc_bi", "impersonation_user": "alice"}, NATIVE: {"user": "alice"}}
    for number, (expected, more) in enumerate(users.items()):
        lines = "".join(f"      {key}: {name}\n" for key, name in more.items())
        output = dbt(server, tmp_path / str(number), profile + lines, "show", "--inline", COUNT)
        assert expected in output, output


# --- Go ---------------------------------------------------------------------------------------------------------------


GO_NATIVE = ', sql.Named("X-Trino-User", "alice")'
GO_SET = """conn.ExecContext(ctx, "SET SESSION immuta.immuta_user = 'alice'")"""
GO_BEFORE_THE_QUERY = "\tvar user string"
GO_QUERY = '(SELECT count(*) FROM tpch.tiny.nation)"'
ON_THE_POOL = [("conn.ExecContext", "db.ExecContext"), ("conn.QueryRowContext", "db.QueryRowContext")]


def before_the_query(execute: str, *statements: str) -> tuple[str, str]:
    """A change of a block that runs statements in front of the query."""
    run = "".join(f'\tif _, err := {execute}"{sql}"); err != nil {{\n\t\tlog.Fatal(err)\n\t}}\n' for sql in statements)
    return GO_BEFORE_THE_QUERY, run + GO_BEFORE_THE_QUERY


@pytest.mark.parametrize(
    ("block", "changes", "expected"),
    [
        ("go", [(GO_NATIVE, "")], LOST),
        ("go-conn", ON_THE_POOL, LOST),
        ("go-conn", [(GO_SET, f'conn.ExecContext(ctx, "{BECOME}")')], NATIVE),
        ("go-conn", [(GO_SET, f'conn.ExecContext(ctx, "{BECOME}")'), *ON_THE_POOL], LOST),
        ("go-conn", [("'alice'", "'李雷'")], KEPT),
        ("go-conn", [before_the_query("conn.ExecContext(ctx, ", SET_OTHER, RESET_OTHER)], KEPT),
        ("go-conn", [before_the_query("conn.ExecContext(ctx, ", RESET)], LOST),
        ("go-property", [before_the_query("db.Exec(", SET_OTHER, RESET_OTHER, RESET)], KEPT),
        ("go-property", [(GO_QUERY, f'{GO_QUERY}, sql.Named("X-Trino-Session", "query_max_run_time=1h")')], LOST),
    ],
    ids=[
        "without the argument",
        "set on the pool",
        "become on a connection",
        "become on the pool",
        "any name on a connection",
        "other properties on a connection",
        "reset on a connection",
        "reset on the pool beside the DSN",
        "other properties of the query",
    ],
)
def test_go_keeps_what_the_dsn_or_a_connection_of_ones_own_says(
    server: TrinoServer, tmp_path: Path, block: str, changes: list[tuple[str, str]], expected: str
) -> None:
    assert printed(server, "go", changed(block, *changes), tmp_path) == expected


@pytest.mark.parametrize(
    ("block", "complaint"), [("go", "cannot impersonate user zo"), ("go-property", "not printable ASCII")]
)
def test_go_does_not_run_as_a_name_that_it_cannot_send(
    server: TrinoServer, tmp_path: Path, block: str, complaint: str
) -> None:
    result = run_text(server, "go", changed(block, ("alice", "zoë")), tmp_path)
    assert result.returncode != 0
    assert complaint in result.stderr


# --- JavaScript -------------------------------------------------------------------------------------------------------


JS = """
import { BasicAuth, Trino } from "trino-client";

const [options, steps] = PLAN;
const auth = new BasicAuth("svc_bi", process.env.TRINO_PASSWORD);
const trino = Trino.create({ server: "https://localhost:8443", auth, ...options });

async function ask(query) {
  let answer = "";
  for await (const result of await trino.query(query)) {
    if (result.error) {
      return result.error.message;
    }
    for (const row of result.data ?? []) {
      answer = row[0];
    }
  }
  return answer;
}
for (const step of steps) {
  const answers = await Promise.all(step.map((query) => ask(query).catch((error) => error.message)));
  console.log(JSON.stringify(answers));
}
"""
TARGET = {PROPERTY: "alice"}
HEADER = {"X-Trino-Session": f"{PROPERTY}=alice"}
ASK = {"query": COUNT}


def in_js(server: TrinoServer, directory: Path, options: dict[str, Any], *steps: Any) -> list[Any]:
    """The answers of one client; the queries of a list are asked at the same time."""
    plan = [options, [step if isinstance(step, list) else [step] for step in steps]]
    result = run_text(server, "js", JS.replace("PLAN", json.dumps(plan)), directory)
    assert result.returncode == 0, result.stdout + result.stderr
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    return [answer if isinstance(step, list) else answer[0] for step, answer in zip(steps, answers, strict=True)]


@pytest.mark.parametrize("options", [{"session": TARGET}, {"extraHeaders": HEADER}], ids=["session", "extraHeaders"])
@pytest.mark.parametrize("other", [SET_OTHER, RESET_OTHER])
def test_a_javascript_client_loses_its_target_by_any_change_of_another_property(
    server: TrinoServer, tmp_path: Path, options: dict[str, Any], other: str
) -> None:
    assert in_js(server, tmp_path, options, ASK, other, ASK) == [KEPT, "", LOST]


def test_a_javascript_client_loses_its_target_by_a_querys_own_properties_and_what_it_set_by_setting_another(
    server: TrinoServer, tmp_path: Path
) -> None:
    steps = [{**ASK, "session": {"query_max_run_time": "1h"}}, ASK, SET, ASK, SET_OTHER, ASK]
    assert in_js(server, tmp_path, {"session": TARGET}, *steps) == [LOST, KEPT, "", KEPT, "", LOST]


def test_a_javascript_query_keeps_the_target_that_it_names(server: TrinoServer, tmp_path: Path) -> None:
    named = [{**ASK, "user": "alice"}, {**ASK, "session": TARGET}, {**ASK, "extraHeaders": HEADER}]
    answers = in_js(server, tmp_path, {}, SET_OTHER, [*named, RESET_OTHER, *named], ASK, BECOME)
    kept = [NATIVE, KEPT, KEPT]
    assert answers == ["", [*kept, "", *kept], LOST, "SET SESSION AUTHORIZATION not supported by client"]


def test_javascript_sends_names_in_latin_as_user_and_any_name_encoded(server: TrinoServer, tmp_path: Path) -> None:
    encoded = "%E6%9D%8E%E9%9B%B7"
    steps = [{**ASK, "user": "zoë"}, {**ASK, "session": {PROPERTY: encoded}}, {**ASK, "user": "李雷"}]
    *sent, unsent = in_js(server, tmp_path, {}, *steps)
    assert sent == ["zoë 5", KEPT]
    assert "Invalid character in header" in unsent


def test_a_javascript_client_does_not_encode_a_name(server: TrinoServer, tmp_path: Path) -> None:
    """A blank comes out of the plus, as everywhere in URLs."""
    steps = [{**ASK, "session": {PROPERTY: name}} for name in ("a+b", "a%2Bb")]
    plain, encoded = in_js(server, tmp_path, {}, *steps)
    assert "cannot impersonate user a b: " in plain
    assert "cannot impersonate user a+b: " in encoded


# --- HTTP -------------------------------------------------------------------------------------------------------------


def test_over_http_what_a_statement_sets_holds_if_the_client_sends_it_again(server: TrinoServer) -> None:
    session = HttpSession(server, "svc_bi")
    assert values([session.run(SET), session.run(COUNT)]) == [KEPT]
    assert HttpSession(server, "svc_bi").run(COUNT).value == LOST


def test_over_http_names_are_sent_in_latin_as_user_and_encoded_as_property(server: TrinoServer) -> None:
    svc = HttpSession(server, "svc_bi")
    assert svc.as_user("zoë".encode("latin-1")).run(COUNT).value == "zoë 5"
    assert svc.with_property(PROPERTY, "李雷").run(COUNT).value == KEPT


# --- login names that the server maps ---------------------------------------------------------------------------------


ALICE, SVC = f"alice{DOMAIN}", f"svc_bi{DOMAIN}"
DOCUMENTED = re.findall(rf"^    (Access Denied: .* user {ALICE}: .*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("client", [Cli, Jdbc])
def test_a_session_of_a_login_name_is_refused_until_the_mapped_name_is_sent(
    server: TrinoServer, client: type[Cli] | type[Jdbc]
) -> None:
    (refused,) = client(server).run(ALICE, None, COUNT)
    assert str(refused.error) in DOCUMENTED
    assert values(client(server).run(ALICE, "alice", COUNT)) == [NATIVE]
    assert values(client(server).run(SVC, "alice", COUNT)) == [NATIVE]


def test_on_the_property_path_the_account_sends_its_own_mapped_name(server: TrinoServer) -> None:
    options = ["--session", f"{PROPERTY}=alice"]
    more = {"sessionProperties": f"{PROPERTY}:alice"}
    answers = [*Cli(server).run(SVC, None, COUNT, options=options), *Jdbc(server).run(SVC, None, COUNT, more=more)]
    for answer in answers:
        assert str(answer.error).replace("svc_bi", "alice") in DOCUMENTED
    assert values(Cli(server).run(SVC, "svc_bi", COUNT, options=options)) == [KEPT]
    assert values(Jdbc(server).run(SVC, "svc_bi", COUNT, more=more)) == [KEPT]


def test_with_a_password_python_may_send_either_name_and_with_a_token_the_mapped_one_alone(
    server: TrinoServer, http_session: requests.Session
) -> None:
    for login, user, expected in [(ALICE, ALICE, NATIVE), (ALICE, "alice", NATIVE), (SVC, "alice", NATIVE)]:
        with connected(server, http_session, login, user) as run:
            assert run(COUNT) == expected
    with connected(server, http_session, SVC, SVC, session_properties=TARGET) as run:
        assert run(COUNT) == KEPT
    token = trino.auth.JWTAuthentication(SIGNER.token(ALICE))
    with connected(server, http_session, ALICE, "alice", auth=token) as run:
        assert run(COUNT) == NATIVE
    with (
        connected(server, http_session, ALICE, ALICE, auth=token) as run,
        pytest.raises(trino.exceptions.TrinoUserError) as refused,
    ):
        run(COUNT)
    assert refused.value.message in DOCUMENTED


@pytest.mark.parametrize("name", ["go", "js", "http", "sqlalchemy"])
def test_with_a_password_other_clients_go_on_as_without_a_mapping(
    server: TrinoServer, tmp_path: Path, name: str
) -> None:
    for block, expected in [(name, NATIVE), (f"{name}-property", KEPT)]:
        directory = tmp_path / block
        directory.mkdir()
        assert printed(server, name, changed(block, ("svc_bi", SVC)), directory) == expected
