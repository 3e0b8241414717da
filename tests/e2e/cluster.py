"""A coordinator that runs no tasks and its workers, each a process of its own."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .clients import HttpSession
from .credentials import Certificate
from .server import Configuration, TrinoServer, free_port
from .waiting import wait_until


class Coordinator(TrinoServer):
    """Keeps its address when it is started again, so that the workers find it."""

    node_id = "coordinator"

    def __init__(self, directory: Path, certificate: Certificate, configuration: Configuration) -> None:
        super().__init__(directory, certificate, configuration)
        self.http_port = free_port()

    def _node_config(self) -> dict[str, str]:
        return {
            **super()._node_config(),
            "node-scheduler.include-coordinator": "false",
            "discovery.uri": f"http://127.0.0.1:{self.http_port}",
            "http-server.http.port": str(self.http_port),
        }

    def _wait_until_data_is_served(self) -> None:
        """It is, once there are workers."""


class Worker(TrinoServer):
    def __init__(self, node_id: str, directory: Path, coordinator: Coordinator, configuration: Configuration) -> None:
        super().__init__(directory, coordinator.certificate, configuration)
        self.node_id = node_id
        self._coordinator = coordinator

    def _node_config(self) -> dict[str, str]:
        return {
            "coordinator": "false",
            "discovery.uri": f"http://127.0.0.1:{self._coordinator.http_port}",
            "http-server.http.port": str(free_port()),
        }

    def _wait_until_data_is_served(self) -> None:
        """By whom, the coordinator knows."""


class Cluster:
    """Two workers from the start; more may come and go."""

    def __init__(self, directory: Path, certificate: Certificate, configuration: Configuration) -> None:
        self.coordinator = Coordinator(directory / "coordinator", certificate, configuration)
        self.workers: list[Worker] = []
        self._directory = directory
        self._configuration = configuration
        self._ends = contextlib.ExitStack()
        self._count = 0

    @contextlib.contextmanager
    def running(self) -> Iterator["Cluster"]:
        with self._ends, ThreadPoolExecutor(3) as threads:
            workers = [self._new_worker(self._configuration) for _ in range(2)]
            starts = [threads.submit(self._start, server) for server in (self.coordinator, *workers)]
            for start in starts:
                start.result()
            self.wait_for_workers()
            yield self

    def add_worker(self, configuration: Configuration | None = None) -> Worker:
        worker = self._new_worker(configuration or self._configuration)
        self._start(worker)
        self.wait_for_workers()
        return worker

    def wait_for_workers(self) -> None:
        """Until the coordinator gives tasks to all that run."""
        expected = sorted(worker.node_id for worker in self.workers if worker.is_running)
        sql = "SELECT node_id FROM system.runtime.nodes WHERE NOT coordinator AND state = 'active' ORDER BY 1"
        session = HttpSession(self.coordinator, self._configuration.users[0])
        wait_until(lambda: [row[0] for row in session.run(sql).rows] == expected, f"nodes {expected}", 120)

    def _new_worker(self, configuration: Configuration) -> Worker:
        self._count += 1
        name = f"worker-{self._count}"
        worker = Worker(name, self._directory / name, self.coordinator, configuration)
        self.workers.append(worker)
        return worker

    def _start(self, server: TrinoServer) -> None:
        self._ends.callback(server.stop)
        server.start()
