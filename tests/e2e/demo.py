"""The main job as a transcript: the real server, the real clients, every answer compared with the expected one."""

import json
import sys
import tempfile
import time
from pathlib import Path

from . import environment
from .audit import AuditFile
from .clients import CURRENT_USER, Answer, Cli, HttpSession, Jdbc
from .example import example_server
from .policy import AUDIT_FILE, PERMISSION, POLICY_FILE
from .server import ServerFailedError, TrinoServer
from .waiting import wait_until

# What the client is told after Trino's own text, by the reason in the audit line.
WORDS = {
    "no-permission": PERMISSION,
    "protected-target": "administrator",
    "target-disabled": "disabled or has expired",
    "unknown-target": "not known",
    "out-of-scope": "no rule",
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


class Demo:
    """The steps on one server."""

    def __init__(self, server: TrinoServer, transcript: Transcript) -> None:
        self._server = server
        self._transcript = transcript
        self._decisions: list[tuple[str, str, str]] = []
        self._audit = AuditFile(server.file(AUDIT_FILE))

    def run(self) -> None:
        title = self._transcript.title
        title("A service account that holds IMPERSONATE_USER runs a query as alice.")
        self._allowed("svc_bi", "alice", "permission")
        self._reads_data("svc_bi", "alice")
        title("An account without the permission is refused.")
        self._refused("reporting", "alice", "no-permission")
        title("A user who matches immuta.user.admin needs no entry in the policy.")
        self._allowed("admin_dana", "bob", "admin-user")
        title("An administrator is a protected target, carol is disabled, zoe is unknown, a scope keeps erin out.")
        self._refused("svc_bi", "immuta_admin", "protected-target")
        self._refused("svc_bi", "carol", "target-disabled")
        self._refused("svc_bi", "zoe", "unknown-target")
        self._refused("svc_bi", "erin", "out-of-scope")
        title("The permission is taken out of the policy file; the next query after the reload is refused.")
        self._revoke()
        self._refused("svc_bi", "alice", "no-permission")
        title(f"The audit lines of all of it, from {AUDIT_FILE}:")
        self._show_audit()

    def _allowed(self, login: str, target: str, reason: str) -> None:
        for command, answer in self._ask(login, target):
            is_expected = answer == Answer(value=target)
            self._transcript.check(command, answer, is_expected, f"it runs as {target}")
            self._decisions.append((login, target, reason))

    def _reads_data(self, login: str, target: str) -> None:
        sql = "SELECT count(*) FROM tpch.tiny.nation"
        answer = Cli(self._server).run(login, target, sql)[-1]
        command = f'trino --user {login} --session-user {target} --execute "{sql}"'
        self._transcript.check(command, answer, answer == Answer(value="25"), "25 nations")
        self._decisions.append((login, target, "permission"))

    def _refused(self, login: str, target: str, reason: str) -> None:
        text = f"Access Denied: User {login} cannot impersonate user {target}: "
        for command, answer in self._ask(login, target):
            is_expected = answer.error is not None and answer.error.startswith(text) and WORDS[reason] in answer.error
            self._transcript.check(command, answer, is_expected, f"{text}... {WORDS[reason]} ...")
            self._decisions.append((login, target, reason))

    def _ask(self, login: str, target: str):
        cli, jdbc = Cli(self._server), Jdbc(self._server)
        command = f'trino --user {login} --session-user {target} --execute "{CURRENT_USER}"'
        yield command, cli.run(login, target, CURRENT_USER)[-1]
        command = f'jdbc:trino://... user={login} sessionUser={target}: "{CURRENT_USER}"'
        yield command, jdbc.run(login, target, CURRENT_USER)[-1]

    def _revoke(self) -> None:
        path = self._server.file(POLICY_FILE)
        policy = json.loads(path.read_text(encoding="utf-8"))
        for user in policy["users"]:
            if user["name"] == "svc_bi":
                user["permissions"].remove(PERMISSION)
        path.write_text(json.dumps(policy, indent=2), encoding="utf-8")
        session = HttpSession(self._server, "svc_bi").as_user("alice")

        def is_refused() -> bool:
            refused = session.run(CURRENT_USER).error is not None
            self._decisions.append(("svc_bi", "alice", "no-permission" if refused else "permission"))
            return refused

        started = time.monotonic()
        wait_until(is_refused, "the reload")
        print(f"  (etc/impersonation.json edited; the change was in force after {time.monotonic() - started:.1f} s)")

    def _show_audit(self) -> None:
        def complete() -> list[dict]:
            found = self._audit.decisions()
            return found if len(found) >= len(self._decisions) else []

        lines = wait_until(complete, "all audit lines")
        for line in lines:
            print("    " + json.dumps(line, ensure_ascii=False))
        seen = [(line["impersonator"], line["target"], line["reason"]) for line in lines]
        expectation = f"one line for each request, in order: {self._decisions}"
        self._transcript.check(f"grep -c decision {AUDIT_FILE}", len(seen), seen == self._decisions, expectation)


def main() -> int:
    transcript = Transcript()
    with tempfile.TemporaryDirectory(prefix="immuta-impersonation-demo-") as directory:
        print(f"starting Trino {environment.TRINO_VERSION} with HTTPS and the plugin (about 15 s)")
        try:
            with example_server(Path(directory)).running() as server:
                print(f"it runs at {server.url}")
                Demo(server, transcript).run()
        except ServerFailedError as failure:
            print(failure, file=sys.stderr)
            return 1
    return transcript.finish()


if __name__ == "__main__":
    sys.exit(main())
