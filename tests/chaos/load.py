"""Clients that ask all the time, and keep what they were told."""

import contextlib
import http.client
import itertools
import random
import threading
import time

from e2e.clients import CURRENT_USER, PROPERTY, Answer, HttpSession
from e2e.server import TrinoServer

from .oracle import Request
from .world import GHOST, IMPERSONATORS, TARGETS, number_of

OWN_ROW = "SELECT nationkey FROM tpch.tiny.nation"
STRANGER_SHARE = 0.03


class Client:
    """Asks one server, one query after the other."""

    _numbers = itertools.count(1)

    def __init__(self, server: TrinoServer, chance: random.Random) -> None:
        self._server = server
        self._chance = chance

    def ask_anything(self) -> Request:
        stranger = self._chance.random() < STRANGER_SHARE
        target = GHOST if stranger else self._chance.choice(TARGETS)
        path = self._chance.choice(["native", "property"])
        return self.ask(path, self._chance.choice(IMPERSONATORS), target)

    def ask(self, path: str, impersonator: str, target: str) -> Request:
        source = f"chaos-{next(self._numbers)}"
        session = HttpSession(self._server, impersonator, ("X-Trino-Source", source))
        statement, right = OWN_ROW, number_of(target)
        if path == "property":
            session = session.with_property(PROPERTY, target)
        else:
            session = session.as_user(target)
            if self._chance.random() < 0.7:
                statement, right = CURRENT_USER, target
        sent = time.time()
        answer = run(session, statement)
        answered = time.time()
        refusal = f"Access Denied: User {impersonator} cannot impersonate user {target}: "
        if answer.error is None:
            outcome = "allowed"
        elif answer.error.startswith(refusal):
            outcome = "refused"
        else:
            outcome = "unexpected"
        return Request(source, path, impersonator, target, sent, answered, outcome, str(answer), right, answer.query_id)


def run(session: HttpSession, statement: str) -> Answer:
    try:
        return session.run(statement)
    except (OSError, http.client.HTTPException) as failure:
        return Answer(error=f"no answer: {failure!r}")


class Load:
    """Clients in threads of their own, from entering to leaving. In between they can be held up."""

    def __init__(self, clients: list[Client]) -> None:
        self._clients = clients
        self._go = threading.Event()
        self._ended = False
        self._busy = 0
        self._idle = threading.Condition()
        self._requests: list[Request] = []
        self._failures: list[BaseException] = []
        self._threads = [threading.Thread(target=self._work, args=(client,), daemon=True) for client in clients]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._go.set()
        for thread in self._threads:
            thread.join()

    def go(self) -> None:
        self._go.set()

    def hold_up(self) -> list[Request]:
        """Waits until every client has its answer; returns all answers since the last time."""
        self._go.clear()
        with self._idle:
            self._idle.wait_for(lambda: self._busy == 0)
        if self._failures:
            raise self._failures[0]
        requests, self._requests = self._requests, []
        return requests

    def _work(self, client: Client) -> None:
        while not self._ended:
            self._go.wait()
            with self._working():
                if self._go.is_set() and not self._ended:
                    self._requests.append(client.ask_anything())

    @contextlib.contextmanager
    def _working(self):
        with self._idle:
            self._busy += 1
        try:
            yield
        except BaseException as failure:
            self._failures.append(failure)
            raise
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()
