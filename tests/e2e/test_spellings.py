"""However a client spells a name, the rules that the delegate has for the person hold."""

import json
from dataclasses import dataclass

import pytest

from .audit import AuditFile
from .clients import CURRENT_USER, PROPERTY, Answer, HttpSession
from .conftest import ServerMaker
from .expectations import refused
from .policy import AUDIT_FILE, IMMUTA_CATALOG, guarded_files, person, service
from .server import Configuration, TrinoServer

MAPPING_FILE = "etc/user-mapping.json"
MAPPING = {"rules": [{"pattern": "(.*)", "user": "$1@example.com", "case": "lower"}]}
NATIONS = "SELECT count(*) FROM tpch.tiny.nation"
REGIONS = "SELECT count(*) FROM tpch.tiny.region"
WHOAMI = "SELECT effective_user FROM immuta.impersonation.whoami"

# Each takes something from a person by name that everybody has who has another name.
RULES = {
    "catalogs": [{"user": "bob", "catalog": "tpch", "allow": "none"}, {"allow": "all"}],
    "tables": [
        {"user": "alice", "table": "nation", "privileges": ["SELECT"], "filter": "regionkey = 2"},
        {"user": "alice", "table": "region", "privileges": []},
        {"privileges": ["SELECT"]},
    ],
}


@dataclass(frozen=True)
class World:
    """A server, and whether it takes several spellings for one user."""

    server: TrinoServer
    folds: bool
    maps: bool

    @property
    def sees_spellings(self) -> bool:
        return self.folds or self.maps

    def as_target(self, target: str) -> HttpSession:
        return HttpSession(self.server, "svc").with_property(PROPERTY, target)


@pytest.fixture(scope="module", params=[(False, False), (True, False), (False, True), (True, True)], ids=str)
def world(request: pytest.FixtureRequest, start_server: ServerMaker) -> World:
    folds, maps = request.param
    control = {"immuta.impersonation.case-insensitive": str(folds).lower()}
    domain = ""
    if maps:
        control["immuta.impersonation.user-mapping.file"] = MAPPING_FILE
        domain = "@example.com"
    users = [service(f"svc{domain}"), person(f"alice{domain}"), person(f"bob{domain}"), person(f"plain{domain}")]
    files = {**guarded_files(RULES, users, **control), **IMMUTA_CATALOG, MAPPING_FILE: json.dumps(MAPPING)}
    server = start_server(f"spellings-{folds}-{maps}", Configuration(files, ["svc", "alice", "plain"]))
    return World(server, folds, maps)


def refused_by_the_delegate(answer: Answer) -> bool:
    return (answer.error or "").startswith("Access Denied: Cannot ")


def test_rules_by_name_hold_for_the_name_that_is_known(world: World) -> None:
    assert world.as_target("alice").run(NATIONS) == Answer(value="5")
    assert refused_by_the_delegate(world.as_target("alice").run(REGIONS))
    assert refused_by_the_delegate(world.as_target("bob").run(NATIONS))
    assert HttpSession(world.server, "svc").as_user("alice").run(NATIONS) == Answer(value="5")


@pytest.mark.parametrize("target", ["ALICE", "Alice", " alice"])
def test_another_spelling_is_the_person_or_nobody_on_the_property_path(world: World, target: str) -> None:
    session = world.as_target(target)
    # Only a user mapping takes blanks away.
    if not world.maps and (target.strip() != target or not world.folds):
        assert session.run(NATIONS).error is not None
        return
    audit = AuditFile(world.server.file(AUDIT_FILE))
    assert session.run(NATIONS) == Answer(value="5")
    assert audit.wait_for("svc", "alice")["reason"] == "permission"
    assert refused_by_the_delegate(session.run(REGIONS))
    assert session.run(WHOAMI) == Answer(value="alice")


def test_another_spelling_of_somebody_without_the_catalog_does_not_have_it_either(world: World) -> None:
    answer = world.as_target("BOB").run(NATIONS)
    assert answer.error is not None
    assert refused_by_the_delegate(answer) == world.sees_spellings


def test_another_spelling_is_refused_on_the_native_path_with_the_name_to_write(world: World) -> None:
    answer = HttpSession(world.server, "svc").as_user("ALICE").run(NATIONS)
    refused(answer, "svc", "ALICE")
    assert (answer.error or "").endswith('write "alice"') == world.sees_spellings


@pytest.mark.parametrize("login", ["plain", "alice"])
def test_nobody_becomes_another_spelling_of_themselves(world: World, login: str) -> None:
    refused(HttpSession(world.server, login).as_user(login.upper()).run(CURRENT_USER), login, login.upper())
    session = HttpSession(world.server, login)
    assert session.run(f"SET SESSION AUTHORIZATION '{login.upper()}'").error is not None
    assert session.run(CURRENT_USER) == Answer(value=login)
