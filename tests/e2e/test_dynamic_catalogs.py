"""Whatever becomes of the catalog immuta on a server with dynamic catalogs, while sessions hold the property."""

import pytest

from .clients import PROPERTY, Answer, HttpSession
from .conftest import ServerMaker
from .policy import IMMUTA_CATALOG, guarded_files, person, service
from .server import Configuration, TrinoServer, properties_text
from .waiting import wait_until

RULES = {
    "catalogs": [{"user": "admin", "allow": "owner"}, {"allow": "all"}],
    "schemas": [{"user": "admin", "owner": True}, {"owner": False}],
    "tables": [
        {"user": "admin", "privileges": ["SELECT", "INSERT", "OWNERSHIP"]},
        {"user": "svc", "catalog": "tpch", "privileges": ["SELECT"]},
        {"user": "alice", "catalog": "tpch", "table": "nation", "privileges": ["SELECT"], "filter": "regionkey = 2"},
        {"privileges": []},
    ],
}
NATIONS = "SELECT count(*) FROM tpch.tiny.nation"
WHOAMI = "SELECT effective_user FROM immuta.impersonation.whoami"
SHOW = f"SHOW SESSION LIKE '{PROPERTY}'"
MAKE = "CREATE CATALOG immuta USING immuta"
TIMES = 5


@pytest.fixture(scope="module")
def server(start_server: ServerMaker) -> TrinoServer:
    files = {
        **IMMUTA_CATALOG,
        **guarded_files(RULES, [service("svc"), person("alice"), person("admin"), person("plain")]),
        "etc/session-property-config.properties": properties_text(
            {"session-property-config.configuration-manager": "immuta"}
        ),
    }
    # Trino ends the connector of a dropped catalog soon, if no query needs it. Here it lives on, as where one does.
    config = {"catalog.management": "dynamic", "catalog.prune.update-interval": "1h"}
    return start_server("dynamic", Configuration(files, ["svc", "admin", "alice", "plain"], config))


@pytest.fixture
def admin(server: TrinoServer) -> HttpSession:
    return HttpSession(server, "admin")


@pytest.fixture(autouse=True)
def made_again(admin: HttpSession, svc: HttpSession) -> None:
    """Before each test the catalog is ours, whatever the last one left."""
    admin.run("DROP CATALOG IF EXISTS immuta")
    done(admin.run(MAKE))
    wait_until(lambda: tells_the_truth(svc), "the catalog is known to be there")


def done(answer: Answer) -> Answer:
    assert answer.error is None, answer.error
    return answer


def tells_the_truth(svc: HttpSession) -> bool:
    """Whether the session of an impersonated user names that user."""
    return done(svc.as_user("alice").run(SHOW)).rows[0][1] == "alice"


def native_goes_on(svc: HttpSession) -> None:
    """Each of many queries: none is broken by what the session property manager gives it."""
    for _ in range(TIMES):
        assert svc.as_user("alice").run(NATIONS) == Answer(value="5")
        assert svc.as_user("alice").run("SELECT current_user") == Answer(value="alice")
        assert svc.as_user("alice").run(SHOW).error is None
    assert svc.run(NATIONS) == Answer(value="25")


def has_nobodys_rights(held: HttpSession) -> None:
    for statement in (NATIONS, "SELECT count(*) FROM tpch.tiny.region", "SHOW TABLES FROM tpch.tiny", WHOAMI):
        answer = held.run(statement)
        assert answer.error is not None, f"{statement}: {answer.rows}"


def test_while_it_is_there_both_paths_work(svc: HttpSession, as_alice: HttpSession) -> None:
    assert as_alice.run(NATIONS) == Answer(value="5")
    assert tells_the_truth(svc)
    native_goes_on(svc)


def test_while_it_is_dropped_sessions_that_hold_the_property_have_nobodys_rights(
    admin: HttpSession, svc: HttpSession, as_alice: HttpSession
) -> None:
    assert as_alice.run(NATIONS) == Answer(value="5")
    done(admin.run("DROP CATALOG immuta"))
    has_nobodys_rights(as_alice)
    native_goes_on(svc)


def test_a_transaction_from_before_the_drop_keeps_its_target(admin: HttpSession, as_alice: HttpSession) -> None:
    done(as_alice.run("START TRANSACTION"))
    assert as_alice.run(NATIONS) == Answer(value="5")
    done(admin.run("DROP CATALOG immuta"))
    assert as_alice.run(NATIONS) == Answer(value="5")
    done(as_alice.run("ROLLBACK"))


def test_made_again_at_once_it_is_ours_again(
    admin: HttpSession, svc: HttpSession, as_alice: HttpSession, server: TrinoServer
) -> None:
    for _ in range(TIMES):
        done(admin.run("DROP CATALOG immuta"))
        has_nobodys_rights(as_alice)
        done(admin.run(MAKE))
        assert as_alice.run(NATIONS) == Answer(value="5")
        assert HttpSession(server, "plain").run(WHOAMI) == Answer(value="plain")
    native_goes_on(svc)
    wait_until(lambda: tells_the_truth(svc), "the session tells the truth again")


def test_under_another_name_it_is_refused_and_changes_nothing(
    admin: HttpSession, svc: HttpSession, as_alice: HttpSession
) -> None:
    assert "must have the name immuta, not other" in str(admin.run("CREATE CATALOG other USING immuta").error)
    assert as_alice.run(NATIONS) == Answer(value="5")
    native_goes_on(svc)


def test_made_of_another_connector_it_is_the_delegates_to_decide_on(
    admin: HttpSession, svc: HttpSession, as_alice: HttpSession, server: TrinoServer
) -> None:
    done(admin.run("DROP CATALOG immuta"))
    done(admin.run("CREATE CATALOG immuta USING memory"))
    done(admin.run("CREATE SCHEMA immuta.impersonation"))
    # By the names of our own tables, while our own connector still lives.
    done(admin.run("CREATE TABLE immuta.impersonation.whoami AS SELECT 'secret' AS effective_user"))
    done(admin.run("CREATE TABLE immuta.default.salaries AS SELECT 1 AS amount"))
    assert admin.run(WHOAMI) == Answer(value="secret")
    for login in ("plain", "svc", "alice"):
        session = HttpSession(server, login)
        assert "Cannot select from" in str(session.run(WHOAMI).error)
        assert "Cannot select from" in str(session.run("SELECT * FROM immuta.default.salaries").error)
        assert "Cannot show tables" in str(session.run("SHOW TABLES FROM immuta.default").error)
    has_nobodys_rights(as_alice)
    native_goes_on(svc)
    server.wait_for_log("was made again of what may be another connector")
