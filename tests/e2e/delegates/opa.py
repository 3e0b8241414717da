"""A real OPA server with a policy, and the decisions that it has been asked for."""

import contextlib
import json
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import environment
from ..server import free_port
from ..waiting import wait_until

OPA = Path(environment.from_dev("E2E_OPA"))
STOP_SECONDS = 30
# Loopback only, whatever proxies the environment names.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Opa:
    """Runs from entering to leaving the context, and can be stopped in between."""

    def __init__(self, policy: Path) -> None:
        self._policy = policy
        self._port = free_port()
        self._process: subprocess.Popen | None = None
        self._reader: threading.Thread | None = None
        self._decisions: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._marks = 0

    def __enter__(self) -> "Opa":
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1/data"

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        self._stop()
        try:
            yield
        finally:
            self._start()

    @contextlib.contextmanager
    def asked(self) -> Iterator[list[dict[str, Any]]]:
        """Fills the list with the inputs of the decisions that were asked for inside the context, when that is left."""
        inputs: list[dict[str, Any]] = []
        first = self._mark()
        yield inputs
        last = self._mark()
        with self._changed:
            inputs += [decision["input"] for decision in self._decisions[first + 1 : last]]

    def _mark(self) -> int:
        """Asks for a decision of our own: when it is in the log, all that were asked for before it are, too."""
        self._marks += 1
        mark = {"mark": self._marks}
        request = urllib.request.Request(
            f"{self.url}/trino/allow", json.dumps({"input": mark}).encode(), {"Content-Type": "application/json"}
        )
        with _opener.open(request, timeout=STOP_SECONDS):
            pass

        def position() -> int | None:
            return next((n for n, decision in enumerate(self._decisions) if decision["input"] == mark), None)

        with self._changed:
            assert self._changed.wait_for(lambda: position() is not None, STOP_SECONDS), (
                "the decision is not in the log"
            )
            return position()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [
                *(OPA, "run", "--server", "--skip-version-check"),
                *("--addr", f"127.0.0.1:{self._port}"),
                *("--set", "decision_logs.console=true"),
                self._policy,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read_log, args=(self._process,), daemon=True)
        self._reader.start()
        wait_until(self._is_healthy, "OPA serves")

    def _is_healthy(self) -> bool:
        assert self._process.poll() is None, "OPA ended instead of starting"
        try:
            with _opener.open(f"http://127.0.0.1:{self._port}/health", timeout=STOP_SECONDS) as response:
                return response.status == 200
        except urllib.error.URLError:
            return False

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(STOP_SECONDS)
        self._process.stdout.close()

    def _read_log(self, process: subprocess.Popen) -> None:
        for line in process.stdout:
            entry = json.loads(line)
            if entry.get("msg") == "Decision Log":
                with self._changed:
                    self._decisions.append(entry)
                    self._changed.notify_all()
