"""What the demos are made of: commands with the answers that they should get."""

import itertools
import json
import time
from collections.abc import Iterator
from operator import itemgetter

from .audit import AuditFile
from .clients import CURRENT_USER, Answer, Cli, HttpSession, Jdbc
from .policy import AUDIT_FILE, PERMISSION
from .server import TrinoServer
from .waiting import wait_until

# What the client is told after Trino's own text, by the reason in the audit line.
WORDS = {
    "no-permission": PERMISSION,
    "protected-target": "administrator",
    "target-disabled": "disabled or has expired",
    "unknown-target": "not known",
    "out-of-scope": "no rule",
    "lookup-unavailable": "cannot answer at the moment",
}


class Transcript:
    """Prints what happens and counts what is as expected."""

    def __init__(self) -> None:
        self.expected = 0
        self.unexpected = 0

    def title(self, text: str) -> None:
        print(f"\n{text}")

    def check(self, command: str, answer: object, is_expected: bool, expectation: str) -> None:
        print(f"  $ {command}")
        for line in str(answer).splitlines() or [""]:
            print(f"    {line}")
        if is_expected:
            self.expected += 1
        else:
            self.unexpected += 1
            print(f"    NOT AS EXPECTED: {expectation}")

    def finish(self) -> int:
        print(f"\ndemo: {self.expected} as expected, {self.unexpected} not")
        return 1 if self.unexpected else 0


class Steps:
    """Steps on one server, each printed and checked, and what the audit file must say of them in the end."""

    def __init__(self, server: TrinoServer, transcript: Transcript) -> None:
        self.server = server
        self.transcript = transcript
        self._decisions: list[tuple[str, str, str]] = []
        self._audit = AuditFile(server.file(AUDIT_FILE))

    def allowed(self, login: str, target: str, reason: str) -> None:
        for command, answer in self._ask(login, target):
            is_expected = answer == Answer(value=target)
            self.transcript.check(command, answer, is_expected, f"it runs as {target}")
            self.decided(login, target, reason)

    def reads_data(self, login: str, target: str) -> None:
        sql = "SELECT count(*) FROM tpch.tiny.nation"
        answer = Cli(self.server).run(login, target, sql)[-1]
        command = f'trino --user {login} --session-user {target} --execute "{sql}"'
        self.transcript.check(command, answer, answer == Answer(value="25"), "25 nations")
        self.decided(login, target, "permission")

    def refused(self, login: str, target: str, reason: str) -> None:
        text = f"Access Denied: User {login} cannot impersonate user {target}: "
        for command, answer in self._ask(login, target):
            is_expected = answer.error is not None and answer.error.startswith(text) and WORDS[reason] in answer.error
            self.transcript.check(command, answer, is_expected, f"{text}... {WORDS[reason]} ...")
            self.decided(login, target, reason)

    def decided(self, login: str, target: str, reason: str) -> None:
        """The audit file must tell of it in the end."""
        self._decisions.append((login, target, reason))

    def until_it_turns(self, login: str, target: str, before: str, after: str) -> float:
        """Asks again and again until the reason turns from one to the other; the seconds that it took."""
        session = HttpSession(self.server, login).as_user(target)

        def has_turned() -> bool:
            is_let_in = session.run(CURRENT_USER).value == target
            turned = is_let_in == (after == "permission")
            self.decided(login, target, after if turned else before)
            return turned

        started = time.monotonic()
        wait_until(has_turned, f"{after} for {login} as {target}")
        return time.monotonic() - started

    def show_audit(self) -> None:
        def complete() -> list[dict]:
            found = self._audit.decisions()
            return found if len(found) >= len(self._decisions) else []

        lines = wait_until(complete, "all audit lines")
        for _, alike in itertools.groupby(lines, key=itemgetter("impersonator", "target", "reason")):
            first, *more = alike
            print("    " + json.dumps(first, ensure_ascii=False) + (f"   (and {len(more)} like it)" if more else ""))
        seen = [(line["impersonator"], line["target"], line["reason"]) for line in lines]
        expectation = f"one line for each request, in order: {self._decisions}"
        self.transcript.check(f"grep -c decision {AUDIT_FILE}", len(seen), seen == self._decisions, expectation)

    def _ask(self, login: str, target: str) -> Iterator[tuple[str, Answer]]:
        cli, jdbc = Cli(self.server), Jdbc(self.server)
        command = f'trino --user {login} --session-user {target} --execute "{CURRENT_USER}"'
        yield command, cli.run(login, target, CURRENT_USER)[-1]
        command = f'jdbc:trino://... user={login} sessionUser={target}: "{CURRENT_USER}"'
        yield command, jdbc.run(login, target, CURRENT_USER)[-1]
