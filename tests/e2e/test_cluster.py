"""A coordinator and two workers with the plugin on all three, users from the stand-in for Immuta."""

import contextlib
import http.client
import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest

from . import environment
from .clients import PROPERTY, Answer, HttpSession
from .cluster import Cluster, Worker
from .credentials import Certificate
from .expectations import refused
from .immuta import FakeImmuta, immuta_files
from .policy import AUDIT_FILE, DELEGATE_FILE, IMMUTA_CATALOG, RULES_FILE
from .server import Configuration, properties_text
from .waiting import wait_until

EXCHANGE = "exchange-filesystem"
HAS_EXCHANGE = EXCHANGE in environment.PLUGINS
RULES = {
    "catalogs": [{"allow": "all"}],
    "tables": [
        {"user": "svc", "privileges": ["SELECT"]},
        {"user": "alice", "catalog": "tpch", "table": "nation", "privileges": ["SELECT"], "filter": "regionkey = 2"},
        {"user": "alice", "catalog": "tpch", "table": "orders", "privileges": ["SELECT"], "filter": "custkey < 100"},
        {"catalog": "system", "privileges": ["SELECT"]},
        {"privileges": []},
    ],
}
NATIONS = "SELECT count(*) FROM tpch.tiny.nation"
ORDERS = "SELECT count(*) FROM tpch.tiny.orders"
# Reads the table at once and counts for seconds after that on every worker. What reads the table could not be repeated
# elsewhere: tpch binds each of its splits to a worker.
COUNTED = 20_000_000
LONG = f"""
    SELECT count(*) FROM TABLE(sequence(1, {COUNTED})) CROSS JOIN tpch.tiny.nation WHERE sequential_number % 2 = 0"""
ALICE_COUNTS = Answer(str(5 * COUNTED // 2))


@pytest.fixture(scope="module")
def immuta(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeImmuta]:
    with FakeImmuta(tmp_path_factory.mktemp("immuta")) as started:
        started.grant("svc")
        started.put_user("alice")
        yield started


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory, immuta: FakeImmuta) -> Configuration:
    control = {
        "immuta.delegate.config-file": DELEGATE_FILE,
        # Nobody is looked up a second time unless a process has never seen him.
        "immuta.impersonation.cache.ttl": "1h",
        "immuta.impersonation.cache.negative-ttl": "1h",
    }
    delegate = {"access-control.name": "file", "security.config-file": RULES_FILE}
    files = {
        **IMMUTA_CATALOG,
        **immuta_files(immuta, **control),
        DELEGATE_FILE: properties_text(delegate),
        RULES_FILE: json.dumps(RULES),
    }
    # A worker that is gone takes ten minutes to be noticed otherwise.
    config = {"query.remote-task.max-error-duration": "10s"}
    if not HAS_EXCHANGE:
        return Configuration(files, ["svc", "alice"], config)
    exchange = {
        "exchange-manager.name": "filesystem",
        "exchange.base-directories": tmp_path_factory.mktemp("exchange").as_uri(),
    }
    # Small enough for these servers.
    memory = {
        "fault-tolerant-execution-task-memory": "64MB",
        "fault-tolerant-execution-coordinator-task-memory": "64MB",
    }
    files["etc/exchange-manager.properties"] = properties_text(exchange)
    return Configuration(files, ["svc", "alice"], {**config, **memory}, [EXCHANGE])


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, certificate: Certificate, configuration: Configuration
) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster"), certificate, configuration).running() as started:
        yield started


@pytest.fixture
def svc(cluster: Cluster) -> HttpSession:
    return HttpSession(cluster.coordinator, "svc")


@pytest.fixture
def as_alice(svc: HttpSession) -> HttpSession:
    return svc.with_property(PROPERTY, "alice")


def test_both_paths_give_the_targets_rights_on_every_worker(
    cluster: Cluster, svc: HttpSession, as_alice: HttpSession
) -> None:
    assert svc.run(ORDERS).value == "15000"
    hers = HttpSession(cluster.coordinator, "alice").run(ORDERS)
    assert hers.value not in (None, "0", "15000")
    assert as_alice.run(ORDERS) == hers
    assert svc.as_user("alice").run(ORDERS) == hers
    refused(as_alice.with_property(PROPERTY, "nobody").run(ORDERS), "svc", "nobody")
    refused(svc.as_user("nobody").run(ORDERS), "svc", "nobody")
    assert nodes_of_tasks(svc) == {"coordinator", *(worker.node_id for worker in cluster.workers)}


def test_workers_look_nobody_up(cluster: Cluster, immuta: FakeImmuta, svc: HttpSession, as_alice: HttpSession) -> None:
    assert as_alice.run(NATIONS).value == "5"
    known = immuta.request_count()
    for _ in range(3):
        assert as_alice.run(ORDERS).error is None
        assert svc.as_user("alice").run(ORDERS).error is None
    assert immuta.request_count() == known
    for worker in cluster.workers:
        lines = worker.file(AUDIT_FILE).read_text(encoding="utf-8").splitlines()
        assert [json.loads(line)["type"] for line in lines] == ["start"]


def test_a_killed_worker_takes_its_queries_along_and_its_successor_serves_with_the_same_rights(
    cluster: Cluster, svc: HttpSession, as_alice: HttpSession
) -> None:
    answers = answers_across_a_kill(cluster, svc, [as_alice, svc.as_user("alice")])
    assert any(answer.error is not None for answer in answers)
    assert all(answer == ALICE_COUNTS for answer in answers if answer.error is None)
    cluster.add_worker()
    assert as_alice.run(NATIONS).value == "5"
    assert svc.as_user("alice").run(NATIONS).value == "5"
    assert "Cannot select" in str(as_alice.run("SELECT count(*) FROM tpch.tiny.region").error)


@pytest.mark.skipif(not HAS_EXCHANGE, reason=f"this server lacks {EXCHANGE}, without which no task can be repeated")
def test_repeated_tasks_have_the_targets_rights(cluster: Cluster, svc: HttpSession, as_alice: HttpSession) -> None:
    sessions = [session.with_property("retry_policy", "TASK") for session in (as_alice, svc.as_user("alice"))]
    assert answers_across_a_kill(cluster, svc, sessions) == [ALICE_COUNTS, ALICE_COUNTS]
    cluster.add_worker()


def test_clients_that_retry_while_the_coordinator_is_killed_and_restarts_never_get_other_rights(
    cluster: Cluster, svc: HttpSession, as_alice: HttpSession
) -> None:
    sessions = [as_alice, svc.as_user("alice")]
    answers: list[list[Answer]] = [[] for _ in sessions]
    restarted = threading.Event()
    given_up = threading.Event()

    def retry(session: HttpSession, seen: list[Answer]) -> None:
        while not given_up.is_set():
            # Nobody listens while the coordinator is away, and what it was saying when it went is cut off.
            with contextlib.suppress(OSError, http.client.HTTPException, json.JSONDecodeError):
                seen.append(session.run(NATIONS))
                if restarted.is_set() and seen[-1].error is None:
                    return

    with ThreadPoolExecutor(len(sessions)) as threads:
        clients = [threads.submit(retry, *pair) for pair in zip(sessions, answers, strict=True)]
        try:
            wait_until(lambda: all(answers), "answers before the end")
            cluster.coordinator.kill()
            cluster.coordinator.start(cluster.coordinator.port)
            restarted.set()
            for client in clients:
                client.result(120)
        finally:
            given_up.set()
    cluster.wait_for_workers()
    assert {answer.value for seen in answers for answer in seen if answer.error is None} == {"5"}


def test_a_worker_without_the_catalog_immuta_serves_with_the_same_rights(
    cluster: Cluster, configuration: Configuration, svc: HttpSession, as_alice: HttpSession
) -> None:
    files = {name: text for name, text in configuration.files.items() if name not in IMMUTA_CATALOG}
    lacking = cluster.add_worker(replace(configuration, files=files))
    hers = HttpSession(cluster.coordinator, "alice").run(ORDERS)
    assert hers.error is None
    assert as_alice.run(ORDERS) == hers

    def is_answered_on_it() -> bool:
        assert svc.as_user("alice").run(ORDERS) == hers
        return lacking.node_id in nodes_of_tasks(svc)

    # The coordinator knows a new worker for some seconds before it gives it work.
    wait_until(is_answered_on_it, "the worker without the catalog has worked")


def answers_across_a_kill(cluster: Cluster, svc: HttpSession, sessions: Sequence[HttpSession]) -> list[Answer]:
    """Runs the long query in each session and kills a worker that is busy with one of them.

    On a busy machine the query may have ended before anybody has seen it run; then it runs again.
    """
    with ThreadPoolExecutor(len(sessions)) as threads:
        for _ in range(5):
            answers = [threads.submit(session.run, LONG) for session in sessions]

            def busy_or_ended(answers: Sequence[Future[Answer]] = answers) -> Worker | bool:
                return busy_worker(cluster, svc) or all(answer.done() for answer in answers)

            worker = wait_until(busy_or_ended, "a worker is busy with a query", 120)
            if isinstance(worker, Worker):
                worker.kill()
                return [answer.result() for answer in answers]
    raise AssertionError("five times the queries ended before a worker was seen to be busy with them")


def busy_worker(cluster: Cluster, svc: HttpSession) -> Worker | None:
    """One that counts, for a query that has read its table on every worker."""
    running = {worker.node_id: worker for worker in cluster.workers if worker.is_running}
    sql = f"""
        SELECT node_id FROM system.runtime.tasks
        WHERE stage_id LIKE '%.1' AND state = 'RUNNING' AND running_splits > 0 AND query_id IN (
            SELECT query_id FROM system.runtime.tasks WHERE stage_id LIKE '%.2' AND state = 'FINISHED'
            GROUP BY query_id HAVING count(*) = {len(running)})"""
    return next((running[row[0]] for row in svc.run(sql).rows if row[0] in running), None)


def nodes_of_tasks(svc: HttpSession) -> set[str]:
    return {row[0] for row in svc.run("SELECT DISTINCT node_id FROM system.runtime.tasks").rows}
