"""What those who run a server see and do by SQL and JMX, with users from the stand-in for Immuta."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .audit import AuditFile
from .clients import CURRENT_USER, PROPERTY, Answer, HttpSession
from .conftest import ServerMaker
from .expectations import refused, value
from .immuta import API_KEY, KEY_FILE, FakeImmuta, immuta_files
from .jmx import Jmx
from .policy import AUDIT_FILE, DELEGATE_FILE, IMMUTA_CATALOG, RULES_FILE
from .server import Configuration, TrinoServer, properties_text
from .waiting import wait_until

SCHEMA = "immuta.impersonation"
GROUP_FILE = "etc/groups.txt"
SETTINGS = {
    "immuta.user.admin": "admin_.+",
    "immuta.group.admin": "operators",
    "immuta.group-file": GROUP_FILE,
    # So that a service account may be one here.
    "immuta.impersonation.protect-admins": "false",
    "immuta.impersonation.cache.ttl": "1h",
    "immuta.impersonation.cache.negative-ttl": "1h",
    "immuta.delegate.config-file": DELEGATE_FILE,
}
# Nobody may call a procedure or see the catalog by these.
RULES = {"catalogs": [{"catalog": "tpch|system", "allow": "all"}], "procedures": []}


@dataclass
class World:
    """The server, whom it asks, and where it tells its numbers."""

    server: TrinoServer
    immuta: FakeImmuta
    jmx: Jmx

    def session(self, user: str) -> HttpSession:
        return HttpSession(self.server, user)

    def numbers(self) -> dict[str, int]:
        return self.jmx.numbers(self.server)

    def flushes(self) -> list[dict[str, Any]]:
        text = self.server.file(AUDIT_FILE).read_text(encoding="utf-8")
        return [line for line in map(json.loads, text.splitlines()) if line["type"] == "flush"]


@pytest.fixture(scope="module")
def world(start_server: ServerMaker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with FakeImmuta(tmp_path_factory.mktemp("immuta")) as immuta:
        for name in ("alice", "plain", "admin_omar", "nightshift"):
            immuta.put_user(name)
        immuta.grant("svc")
        immuta.put_user("carol", disabled=True)
        files = immuta_files(immuta, **SETTINGS)
        # The key itself instead of the file, to look for it in what is shown.
        control = files.pop("etc/access-control.properties").replace(
            f"immuta.apikey-file={KEY_FILE}", f"immuta.apikey={API_KEY}"
        )
        jmx = Jmx()
        configuration = Configuration(
            {
                **IMMUTA_CATALOG,
                "etc/access-control.properties": control,
                DELEGATE_FILE: properties_text({"access-control.name": "file", "security.config-file": RULES_FILE}),
                RULES_FILE: json.dumps(RULES),
                GROUP_FILE: "operators:nightshift\n",
            },
            ["svc", "alice", "plain", "admin_omar", "nightshift"],
            jvm_flags=jmx.flags,
        )
        yield World(start_server("operators", configuration), immuta, jmx)


@pytest.fixture
def granted(world: World) -> World:
    """Everybody is as at first, and nobody is remembered otherwise."""
    world.immuta.grant("svc")
    assert world.session("admin_omar").run(f"CALL {SCHEMA}.flush()").error is None
    return world


def on_path(session: HttpSession, path: str, target: str) -> HttpSession:
    return session.as_user(target) if path == "native" else session.with_property(PROPERTY, target)


def pairs(answer: Answer) -> Counter:
    assert answer.error is None, answer.error
    return Counter(tuple(row) for row in answer.rows)


PAIRS = f"SELECT impersonator, target, path, reason FROM {SCHEMA}.decisions"
BOTH = pytest.mark.parametrize("path", ["native", "property"])


# --- the tables -------------------------------------------------------------------------------------------------------


def test_administrators_see_every_decision_and_others_what_concerns_them(granted: World) -> None:
    before = pairs(granted.session("admin_omar").run(PAIRS))
    assert value(granted.session("svc").as_user("alice").run(CURRENT_USER)) == "alice"
    refused(granted.session("plain").as_user("alice").run(CURRENT_USER), "plain", "alice")
    refused(granted.session("svc").with_property(PROPERTY, "carol").run("SHOW SCHEMAS FROM tpch"), "svc", "carol")
    of_alice = {("svc", "alice", "native", "permission"), ("plain", "alice", "native", "no-permission")}
    of_carol = ("svc", "carol", "property", "target-disabled")
    for administrator in ("admin_omar", "nightshift"):
        seen = pairs(granted.session(administrator).run(PAIRS)) - before
        assert seen == Counter({*of_alice, of_carol}), administrator
    assert of_alice <= set(hers := pairs(granted.session("alice").run(PAIRS)))
    assert all("alice" in pair[:2] for pair in hers)
    mine = pairs(granted.session("plain").run(PAIRS))
    assert mine and all("plain" in pair[:2] for pair in mine)


@BOTH
def test_a_query_shows_what_its_target_may_see(granted: World, path: str) -> None:
    svc = granted.session("svc")
    everything = on_path(svc, path, "admin_omar").run(PAIRS)
    assert {pair[0] for pair in pairs(everything)} >= {"svc"}
    assert ("svc", "admin_omar", path, "permission") in pairs(everything)
    hers = on_path(svc, path, "alice").run(PAIRS)
    assert ("svc", "alice", path, "permission") in pairs(hers)
    assert all("alice" in pair[:2] for pair in pairs(hers))
    assert on_path(svc, path, "admin_omar").run(f"SELECT count(*) FROM {SCHEMA}.config").error is None
    denied = on_path(svc, path, "alice").run(f"SELECT count(*) FROM {SCHEMA}.config")
    assert denied.error_name == "PERMISSION_DENIED"
    assert denied.error.endswith("and user alice is none")
    # An administrator who is somebody else has that user's rights.
    denied = on_path(granted.session("admin_omar"), path, "alice").run(f"SELECT count(*) FROM {SCHEMA}.cache")
    assert denied.error_name == "PERMISSION_DENIED"


@pytest.mark.parametrize("table", ["decisions", "cache", "metrics", "config"])
def test_without_rights_nothing_is_seen(granted: World, table: str) -> None:
    for login in ("svc", "admin_omar"):
        answer = granted.session(login).with_property(PROPERTY, "carol").run(f"SELECT * FROM {SCHEMA}.{table}")
        refused(answer, login, "carol")


def test_a_decision_has_its_query_and_time(granted: World) -> None:
    columns = "decision, principal, query_id, date_diff('minute', time, now())"
    sql = f"SELECT {columns} FROM {SCHEMA}.decisions WHERE path = 'property' ORDER BY time DESC LIMIT 1"
    audit = AuditFile(granted.server.file(AUDIT_FILE))
    row = granted.session("svc").with_property(PROPERTY, "alice").run(sql).rows[0]
    assert row == ["allow", "svc", audit.wait_for("svc", "alice")["queryId"], 0]


@pytest.mark.parametrize("table", ["cache", "config"])
def test_the_tables_of_administrators_say_so_to_others(granted: World, table: str) -> None:
    answer = granted.session("plain").run(f"SELECT * FROM {SCHEMA}.{table}")
    assert answer.error_name == "PERMISSION_DENIED"
    assert answer.error == (
        f"Access Denied: Cannot select from table {SCHEMA}.{table}: "
        "it is for administrators (immuta.user.admin, immuta.group.admin), and user plain is none"
    )


def test_the_cache_says_of_whom_it_knows_what(granted: World) -> None:
    granted.session("svc").as_user("alice").run(CURRENT_USER)
    granted.session("svc").as_user("zoe").run(CURRENT_USER)
    sql = f"SELECT user_name, state, known, may_impersonate, groups, age_seconds FROM {SCHEMA}.cache"
    rows = {row[0]: row[1:5] for row in granted.session("admin_omar").run(sql).rows}
    assert rows["svc"] == ["fresh", True, True, 0]
    assert rows["alice"] == ["negative", True, False, 0]
    assert rows["zoe"] == ["negative", False, False, 0]
    assert all(0 <= row[5] < 3600 for row in granted.session("admin_omar").run(sql).rows)


def test_the_settings_are_shown_without_the_key(granted: World) -> None:
    answer = granted.session("admin_omar").run(f"SELECT name, value, is_default FROM {SCHEMA}.config")
    rows = {name: (setting, default) for name, setting, default in answer.rows}
    assert rows["immuta.apikey"] == ("****", False)
    assert rows["immuta.endpoint"] == (granted.immuta.https, False)
    assert rows["immuta.impersonation.allow-chained"] == ("false", True)
    assert rows["immuta.impersonation.policy-file"] == (None, True)
    assert API_KEY not in str(answer.rows)


def test_everybody_sees_numbers_and_what_the_catalog_has(granted: World) -> None:
    plain = granted.session("plain")
    assert int(value(plain.run(f"SELECT count(*) FROM {SCHEMA}.metrics WHERE name LIKE 'decisions_%'"))) == 21
    tables = {row[0] for row in plain.run(f"SHOW TABLES FROM {SCHEMA}").rows}
    assert tables == {"whoami", "decisions", "cache", "metrics", "config"}


def test_the_tables_have_the_documented_columns(granted: World) -> None:
    text = (Path(__file__).parents[2] / "docs" / "sql.md").read_text(encoding="utf-8")
    for table in ("whoami", "decisions", "cache", "metrics", "config"):
        for name, kind, *_ in granted.session("plain").run(f"DESCRIBE {SCHEMA}.{table}").rows:
            assert f"| `{name}` | {kind} |" in text, (table, name, kind)


# --- flush ------------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("arguments", ["", "'svc'", "user_name => 'svc'"])
def test_a_flush_makes_a_revocation_hold_at_once(granted: World, path: str, arguments: str) -> None:
    as_alice = on_path(granted.session("svc"), path, "alice")
    show = "SELECT count(*) FROM tpch.tiny.region"
    assert value(as_alice.run(show)) == "5"
    granted.immuta.revoke("svc")
    assert value(as_alice.run(show)) == "5", "remembered"
    assert granted.session("admin_omar").run(f"CALL {SCHEMA}.flush({arguments})").error is None
    refused(as_alice.run(show), "svc", "alice")


def test_a_flush_of_somebody_else_leaves_what_is_remembered(granted: World) -> None:
    as_alice = granted.session("svc").as_user("alice")
    assert value(as_alice.run(CURRENT_USER)) == "alice"
    granted.immuta.revoke("svc")
    assert granted.session("admin_omar").run(f"CALL {SCHEMA}.flush('plain')").error is None
    assert value(as_alice.run(CURRENT_USER)) == "alice"


def test_a_flush_is_for_administrators_whoever_they_are_and_recorded(granted: World) -> None:
    flush = f"CALL {SCHEMA}.flush('svc')"
    known = len(granted.flushes())
    svc = granted.session("svc")
    for session, user, principal in [
        (svc, "svc", "svc"),
        (svc.as_user("alice"), "alice", "svc"),
        (svc.with_property(PROPERTY, "alice"), "alice", "svc"),
        (granted.session("admin_omar").with_property(PROPERTY, "alice"), "alice", "admin_omar"),
    ]:
        answer = session.run(flush)
        assert answer.error_name == "PERMISSION_DENIED"
        assert answer.error == (
            "Access Denied: Cannot execute procedure immuta.impersonation.flush: "
            f"it is for administrators (immuta.user.admin, immuta.group.admin), and user {user} is none"
        )
        known += 1
        line = wait_until(lambda known=known: granted.flushes()[known - 1 :], "the line of a refused flush")[0]
        assert (line["decision"], line["user"], line["flushed"], line["principal"]) == ("deny", user, "svc", principal)
    for session, user, principal in [
        (granted.session("nightshift"), "nightshift", "nightshift"),
        (svc.as_user("admin_omar"), "admin_omar", "svc"),
        (svc.with_property(PROPERTY, "nightshift"), "nightshift", "svc"),
    ]:
        assert session.run(flush).error is None
        known += 1
        line = wait_until(lambda known=known: granted.flushes()[known - 1 :], "the line of a flush")[0]
        assert (line["decision"], line["user"], line["flushed"], line["principal"]) == ("allow", user, "svc", principal)
        assert line["queryId"]
    refused(svc.with_property(PROPERTY, "carol").run(flush), "svc", "carol")
    refused(granted.session("admin_omar").with_property(PROPERTY, "carol").run(flush), "admin_omar", "carol")
    assert len(granted.flushes()) == known


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_the_numbers_agree_with_the_requests_that_were_made(granted: World) -> None:
    before = granted.numbers()
    lookups = granted.immuta.request_count()
    svc, plain = granted.session("svc"), granted.session("plain")
    for _ in range(7):
        assert value(svc.as_user("alice").run(CURRENT_USER)) == "alice"
    for _ in range(2):
        assert value(svc.with_property(PROPERTY, "alice").run("SELECT count(*) FROM tpch.tiny.region")) == "5"
    for _ in range(3):
        refused(plain.as_user("alice").run(CURRENT_USER), "plain", "alice")
    refused(svc.as_user("carol").run(CURRENT_USER), "svc", "carol")
    after = granted.numbers()
    grown = {name: after[name] - before[name] for name in after}
    assert grown["decisions_allow"] == grown["decisions_allow_permission"] == 9
    assert grown["decisions_deny"] == 4
    assert (grown["decisions_deny_no_permission"], grown["decisions_deny_target_disabled"]) == (3, 1)
    # alice, svc, plain and carol were forgotten, by the flush before.
    assert grown["cache_misses"] == grown["lookup_milliseconds_le_inf"] == 4
    assert granted.immuta.request_count() - lookups >= 4
    assert grown["cache_hits"] > 0
    assert after["cache_size"] >= 4
    assert (after["breaker_open"], after["lookup_failures"], after["audit_lost"], after["audit_failing"]) == (
        0,
        0,
        0,
        0,
    )
    rows = dict(granted.session("alice").run(f"SELECT name, value FROM {SCHEMA}.metrics").rows)
    assert rows == after | {"audit_queue": rows["audit_queue"]}
    buckets = [number for name, number in after.items() if name.startswith("lookup_milliseconds_le_")]
    assert max(buckets) == after["lookup_milliseconds_le_inf"]


def test_the_numbers_have_the_documented_names_and_name_nobody(granted: World) -> None:
    text = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    for name in granted.numbers():
        assert f"`{name}`" in text, name
