"""Each query that ran under impersonation leaves a line when it has ended; files are set aside and no line is lost."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from . import environment
from .audit import AuditFile, check_lines
from .clients import CURRENT_USER, PROPERTY, Answer, HttpSession
from .conftest import ServerMaker
from .policy import AUDIT_FILE, IMMUTA_CATALOG, delegate_files, person, policy_text, service
from .server import Configuration, TrinoServer

SIZE = 8 * 1024
# Trino tells the query's id before it looks at the session's properties.
EARLY_QUERY_ID = 445
PEOPLE = [f"person{number}" for number in range(8)]


@pytest.fixture(scope="module")
def server(start_server: ServerMaker) -> TrinoServer:
    users = [service("svc"), person("alice"), *map(person, PEOPLE)]
    control = {
        "immuta.impersonation.audit.query-text": "true",
        "immuta.impersonation.audit.rotate-size": f"{SIZE}B",
        "immuta.impersonation.audit.max-history": "0",
    }
    files = {
        **IMMUTA_CATALOG,
        **delegate_files({"access-control.name": "allow-all"}, policy_text(users), **control),
    }
    return start_server("trail", Configuration(files, ["svc", "alice"]))


@pytest.fixture
def trail(server: TrinoServer) -> AuditFile:
    return AuditFile(server.file(AUDIT_FILE))


def session(server: TrinoServer, source: str, *headers: tuple[str, str]) -> HttpSession:
    return HttpSession(server, "svc", ("X-Trino-Source", source), *headers)


def fields(line: dict[str, object], names: Iterable[str]) -> dict[str, object]:
    return {name: line[name] for name in names}


def test_a_query_on_the_native_path_is_recorded_with_all_that_is_known(server: TrinoServer, trail: AuditFile) -> None:
    text = "SELECT count(*) FROM tpch.tiny.nation JOIN tpch.tiny.region USING (regionkey)"
    login = session(server, "native", ("X-Trino-Client-Tags", "nightly,bi"))
    assert login.as_user("alice").run(text) == Answer(value="25")
    line = trail.wait_for_query("native")
    expected = {
        "state": "FINISHED",
        "success": True,
        "errorCode": None,
        "impersonator": "svc",
        "target": "alice",
        "userId": "alice",
        "impersonationUser": "svc",
        "principal": "svc",
        "path": "native",
        "reason": "permission",
        "clientAddress": "127.0.0.1",
        "clientTags": ["bi", "nightly"],
        "catalogs": ["tpch"],
        "tables": ["tpch.tiny.nation", "tpch.tiny.region"],
        "inputRows": 30,
        "outputRows": 1,
        "writtenRows": 0,
        "queryText": text,
    }
    assert fields(line, expected) == expected
    assert line["outputBytes"] > 0
    assert line["start"] < line["time"]


def test_the_line_of_a_query_leads_to_the_decision_that_let_it_in(server: TrinoServer, trail: AuditFile) -> None:
    assert session(server, "decided").as_user("alice").run(CURRENT_USER) == Answer(value="alice")
    line = trail.wait_for_query("decided")
    users = ("impersonator", "target", "principal", "path")
    before = [
        decision
        for decision in trail.decisions()
        if fields(decision, users) == fields(line, users) and decision["time"] <= line["decidedAt"]
    ]
    assert before[-1]["reason"] == line["reason"] == "permission"


def test_a_query_on_the_property_path_has_the_id_of_its_decision(server: TrinoServer, trail: AuditFile) -> None:
    login = session(server, "property").with_property(PROPERTY, "alice")
    assert login.run("SELECT count(*) FROM tpch.tiny.region") == Answer(value="5")
    line = trail.wait_for_query("property")
    expected = {"path": "property", "impersonator": "svc", "target": "alice", "principal": "svc", "success": True}
    assert fields(line, expected) == expected
    assert line["tables"] == ["tpch.tiny.region"]
    assert [decision["queryId"] for decision in trail.decisions()] == [line["queryId"]]


def test_a_query_of_a_session_that_switched_its_user_is_recorded(server: TrinoServer, trail: AuditFile) -> None:
    login = HttpSession(server, "svc")
    login.run("SET SESSION AUTHORIZATION alice")
    login.headers.append(("X-Trino-Source", "switched"))
    assert login.run(CURRENT_USER) == Answer(value="alice")
    line = trail.wait_for_query("switched")
    assert fields(line, ["impersonator", "target", "path"]) == {
        "impersonator": "svc",
        "target": "alice",
        "path": "native",
    }
    assert line["queryText"] == CURRENT_USER


@pytest.mark.parametrize("path", ["native", "property"])
def test_a_query_that_fails_names_its_error(server: TrinoServer, trail: AuditFile, path: str) -> None:
    login = session(server, f"failing-{path}")
    login = login.as_user("alice") if path == "native" else login.with_property(PROPERTY, "alice")
    assert login.run("SELECT 1 / (nationkey - nationkey) FROM tpch.tiny.nation").error == "Division by zero"
    line = trail.wait_for_query(f"failing-{path}")
    expected = {"path": path, "state": "FAILED", "success": False, "errorCode": "DIVISION_BY_ZERO"}
    assert fields(line, expected) == expected


@pytest.mark.skipif(environment.TRINO_VERSION < EARLY_QUERY_ID, reason="the query's id is told later")
def test_a_query_that_fails_before_it_begins_is_recorded_as_well(server: TrinoServer, trail: AuditFile) -> None:
    login = session(server, "early").as_user("alice").with_property("no_such_property", "1")
    assert login.run(CURRENT_USER).error is not None
    line = trail.wait_for_query("early")
    assert fields(line, ["target", "success", "errorCode"]) == {
        "target": "alice",
        "success": False,
        "errorCode": "INVALID_SESSION_PROPERTY",
    }


def test_a_query_that_writes_says_where_and_how_much(server: TrinoServer, trail: AuditFile) -> None:
    login = session(server, "writing").as_user("alice")
    assert login.run("CREATE TABLE memory.default.copied AS SELECT * FROM tpch.tiny.region").error is None
    line = trail.wait_for_query("writing")
    assert line["tables"] == ["memory.default.copied", "tpch.tiny.region"]
    assert line["catalogs"] == ["memory", "tpch"]
    assert line["writtenRows"] == 5


def test_people_themselves_and_whoever_is_refused_leave_no_line_of_a_query(
    server: TrinoServer, trail: AuditFile
) -> None:
    assert session(server, "own").run(CURRENT_USER) == Answer(value="svc")
    assert session(server, "refused").as_user("stranger").run(CURRENT_USER).error is not None
    assert session(server, "denied").with_property(PROPERTY, "stranger").run("SELECT 1") == Answer(value="1")
    # Ends of queries are told in no order; those above had more time.
    assert session(server, "last").as_user("alice").run(CURRENT_USER) == Answer(value="alice")
    trail.wait_for_query("last")
    assert [query["source"] for query in trail.queries()] == ["last"]


def test_many_queries_at_once_are_each_recorded_for_their_own_target(server: TrinoServer, trail: AuditFile) -> None:
    def run(number: int) -> tuple[str, str]:
        target = PEOPLE[number % len(PEOPLE)]
        source = f"many-{number}"
        login = session(server, source)
        login = login.as_user(target) if number % 3 else login.with_property(PROPERTY, target)
        assert login.run("SELECT 1") == Answer(value="1")
        return source, target

    with ThreadPoolExecutor(max_workers=8) as executor:
        expected = dict(executor.map(run, range(48)))
    recorded = {source: trail.wait_for_query(source) for source in expected}
    assert {source: line["target"] for source, line in recorded.items()} == expected
    assert {line["impersonator"] for line in recorded.values()} == {"svc"}


def test_files_that_are_full_were_set_aside(trail: AuditFile) -> None:
    files = trail.files()
    assert len(files) > 2
    sizes = [path.stat().st_size for path in files]
    assert max(sizes) <= SIZE, sizes


def test_every_line_is_judged_by_the_schema_as_those_of_all_servers_when_they_stop(
    server: TrinoServer, trail: AuditFile, tmp_path: Path
) -> None:
    judged = check_lines(server.file("var"))
    assert judged >= sum(len(path.read_text(encoding="utf-8").splitlines()) for path in trail.files()[:-1]) > 0
    line = {"type": "start", "schemaVersion": 1, "time": "2026-11-24T05:40:00.123456Z", "engineVersion": "1"}
    file = tmp_path / "audit.jsonl-20261124.054000"
    file.write_text(json.dumps(line) + "\n", encoding="utf-8")
    assert check_lines(tmp_path) == 1
    file.write_text(json.dumps({**line, "password": "secret"}) + "\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="054000:1: "):
        check_lines(tmp_path)
