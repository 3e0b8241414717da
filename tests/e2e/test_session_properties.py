"""The session property configuration manager: the session tells the truth where Trino itself impersonates."""

import json

import pytest

from . import environment
from .audit import AuditFile
from .clients import PROPERTY, Answer, Cli, HttpSession
from .conftest import ServerMaker
from .expectations import refused
from .policy import AUDIT_FILE, POLICY_FILE, control_text, person, policy_text, service
from .server import Configuration, TrinoServer, properties_text

SHOW = f"SHOW SESSION LIKE '{PROPERTY}'"
MANAGER = "session-property-config.configuration-manager"
# Servers made of jars lack the plugin with Trino's own manager.
HAS_MANAGERS = "session-property-managers" in environment.PLUGINS


@pytest.fixture(scope="module")
def server(start_server: ServerMaker) -> TrinoServer:
    manager = {MANAGER: "immuta"}
    if HAS_MANAGERS:
        manager["immuta.delegate.config-file"] = "etc/session-property-delegate.properties"
    files = {
        "etc/access-control.properties": control_text(),
        "etc/catalog/immuta.properties": "connector.name=immuta\n",
        "etc/session-property-config.properties": properties_text(manager),
        "etc/session-property-delegate.properties": properties_text(
            {MANAGER: "file", "session-property-manager.config-file": "etc/defaults.json"}
        ),
        "etc/defaults.json": json.dumps([{"user": "alice", "sessionProperties": {"query_max_run_time": "7h"}}]),
        POLICY_FILE: policy_text([service("svc"), service("alice"), person("bob")]),
    }
    plugins = ["session-property-managers"] if HAS_MANAGERS else []
    return start_server("session-properties", Configuration(files, ["svc", "alice"], plugins=plugins))


@pytest.fixture
def svc_as_alice(server: TrinoServer) -> HttpSession:
    return HttpSession(server, "svc").as_user("alice")


def test_the_session_of_an_impersonated_user_names_him(server: TrinoServer, svc_as_alice: HttpSession) -> None:
    assert svc_as_alice.run(SHOW).rows[0][1] == "alice"
    shown = Cli(server).run("svc", "alice", SHOW)
    assert [str(answer).split("\t")[:2] for answer in shown] == [[PROPERTY, "alice"]]


@pytest.mark.parametrize("login", ["svc", "alice"])
def test_a_session_of_ones_own_names_nobody(server: TrinoServer, login: str) -> None:
    assert HttpSession(server, login).run(SHOW).rows[0][1] == ""


def test_nothing_but_what_is_shown_changes(server: TrinoServer, svc_as_alice: HttpSession) -> None:
    """There is no delegate, so that data would be refused if this were the property path."""
    audit = AuditFile(server.file(AUDIT_FILE))
    assert svc_as_alice.run("SELECT count(*) FROM tpch.tiny.nation").value == "25"
    assert svc_as_alice.run("SELECT effective_user, path, reason FROM immuta.impersonation.whoami").rows == [
        ["alice", "native", "permission"]
    ]
    assert [line["path"] for line in audit.wait_for_decisions(2)] == ["native", "native"], "one for each query"


def test_a_target_whose_rights_nothing_could_hold_up_is_refused_and_recorded(server: TrinoServer) -> None:
    audit = AuditFile(server.file(AUDIT_FILE))
    answer = HttpSession(server, "svc").with_property(PROPERTY, "alice").run("SELECT count(*) FROM tpch.tiny.nation")
    refused(answer, "svc", "alice")
    [line] = audit.wait_for_decisions(1)
    found = {name: line[name] for name in ("decision", "reason", "path", "impersonator", "target")}
    assert found == {
        "decision": "deny",
        "reason": "not-enforceable",
        "path": "property",
        "impersonator": "svc",
        "target": "alice",
    }


def test_both_paths_at_once_are_a_chain(svc_as_alice: HttpSession) -> None:
    assert svc_as_alice.run(f"SET SESSION {PROPERTY} = 'bob'").error is None
    refused(svc_as_alice.run("SELECT count(*) FROM tpch.tiny.nation"), "alice", "bob")
    assert svc_as_alice.run(f"RESET SESSION {PROPERTY}").error is None
    assert svc_as_alice.run(SHOW).rows[0][1] == "alice", "still the truth"


@pytest.mark.skipif(not HAS_MANAGERS, reason="this server lacks Trino's own manager")
def test_the_delegates_defaults_apply(server: TrinoServer, svc_as_alice: HttpSession) -> None:
    show = "SHOW SESSION LIKE 'query_max_run_time'"
    assert svc_as_alice.run(show).rows[0][1] == "7h"
    assert HttpSession(server, "alice").run(show).rows[0][1] == "7h"
    assert HttpSession(server, "svc").run(show).rows[0][1] != "7h"
    assert Cli(server).run("svc", "alice", "SELECT 1") == [Answer(value="1")]
