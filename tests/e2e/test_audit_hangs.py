"""An audit file whose writes hang: everybody is answered, nobody impersonates unrecorded, and the server can end."""

import os
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .clients import CURRENT_USER, Answer, HttpSession
from .conftest import ServerMaker
from .policy import POLICY_FILE, control_text, person, policy_text, service
from .server import STOP_SECONDS, Configuration, TrinoServer
from .waiting import wait_until

CLIENTS = 50
REQUESTS = 20_000
# Asks whether the login may be the user, and costs the server nothing else.
CHEAP = ("GET", "/v1/query?state=QUEUED")
MEASURED = 15


class Pipe:
    """A pipe that is held open and only read when a test says so: a disk that hangs for as long as it likes."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path, 0o600)
        self.path = path
        self._end = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._read = b""
        self._works = threading.Event()
        self._closed = threading.Event()
        self._reader = threading.Thread(target=self._read_while_it_works, daemon=True)
        self._reader.start()

    def work(self) -> None:
        self._works.set()

    def hang(self) -> None:
        self._works.clear()

    @property
    def lines(self) -> list[bytes]:
        return self._read.split(b"\n")[:-1]

    def close(self) -> None:
        self._closed.set()
        self._works.set()
        self._reader.join()
        os.close(self._end)

    def _read_while_it_works(self) -> None:
        pause = threading.Event()
        while not self._closed.is_set():
            self._works.wait()
            try:
                self._read += os.read(self._end, 1 << 16)
            except BlockingIOError:
                pause.wait(0.01)


@pytest.fixture(scope="module")
def pipe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipe]:
    pipe = Pipe(tmp_path_factory.mktemp("pipe") / "audit")
    yield pipe
    pipe.close()


@pytest.fixture(scope="module")
def server(pipe: Pipe, start_server: ServerMaker) -> TrinoServer:
    files = {
        "etc/access-control.properties": control_text(
            **{
                "immuta.impersonation.audit.file": str(pipe.path),
                "immuta.impersonation.audit.max-repeated-refusals": "60",
            }
        ),
        POLICY_FILE: policy_text([service("svc"), person("alice")]),
    }
    return start_server("audit-hangs", Configuration(files, ["svc", "plain"]))


def seconds_of_select(server: TrinoServer) -> float:
    """What somebody waits who impersonates nobody."""
    session = HttpSession(server, "plain")
    times = []
    for _ in range(MEASURED):
        start = time.monotonic()
        assert session.run("SELECT 1") == Answer(value="1")
        times.append(time.monotonic() - start)
    return statistics.median(times)


def ask(server: TrinoServer, times: int) -> Counter[str]:
    """What one client is answered that wants to be alice over and over."""
    answers: Counter[str] = Counter()
    for response in HttpSession(server, "svc").as_user("alice").repeated(*CHEAP, times):
        text = response.body.decode()
        if response.status == 200:
            answers["allowed"] += 1
        elif "Access Denied: User svc cannot impersonate user alice: " in text and "recorded" in text:
            # Whose status Trino makes 500, and adds where in its code that was.
            answers["unrecorded"] += 1
        else:
            answers[f"{response.status} {text[:200]}"] += 1
    return answers


def test_a_pipe_that_nobody_reads_holds_nobody_and_lets_nobody_in(server: TrinoServer, pipe: Pipe) -> None:
    svc_as_alice = HttpSession(server, "svc").as_user("alice")
    assert svc_as_alice.run(CURRENT_USER) == Answer(value="alice")
    before = seconds_of_select(server)

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(ask, server, REQUESTS // CLIENTS) for _ in range(CLIENTS)]
        answers = sum((client.result() for client in clients), Counter())
    assert answers.total() == REQUESTS
    assert set(answers) == {"allowed", "unrecorded"}, answers
    server.wait_for_log("cannot be written: the file system has not answered for")
    wait_until(lambda: "recorded" in str(svc_as_alice.run(CURRENT_USER).error), "nobody impersonates")
    assert seconds_of_select(server) < 5 * before + 1

    pipe.work()
    wait_until(lambda: svc_as_alice.run(CURRENT_USER) == Answer(value="alice"), "the pipe is read again")
    server.wait_for_log("can be written again after it hung for")
    # Whoever was let in has a line by now, and refusals that were only counted get one soon.
    wait_until(
        lambda: sum(b'"decision":"allow"' in line for line in pipe.lines) >= answers["allowed"] + 2,
        "a line for each who was let in",
    )
    wait_until(lambda: any(b'"type":"refusals"' in line for line in pipe.lines), "the count of refusals", 90)


def test_a_server_ends_in_time_while_its_audit_file_hangs(server: TrinoServer, pipe: Pipe) -> None:
    pipe.hang()
    svc_as_alice = HttpSession(server, "svc").as_user("alice")

    def is_refused() -> bool:
        answers = ask(server, 100)
        return answers["unrecorded"] > 0

    wait_until(is_refused, "nobody impersonates", 60)
    assert "recorded" in str(svc_as_alice.run(CURRENT_USER).error)
    server.end(STOP_SECONDS)
    server.wait_for_log("were not written")
