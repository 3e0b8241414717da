"""Starts everything, lets faults loose in rounds, and judges each round when all is well again."""

import argparse
import contextlib
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from e2e import environment
from e2e.credentials import Certificate
from e2e.immuta import API_KEY

from . import disk, report, source
from .files import ACCIDENTS
from .load import Client, Load
from .network import Network
from .oracle import Judgement, Request, Violation, judge, judge_counters
from .schedule import Event, Lane, Schedule
from .servers import ChaosServer
from .source import Immuta
from .truth import Truth
from .world import World, sample

CLIENTS = 6
ROUND_SECONDS = 45
# The breaker's longest pause is 30 s.
RECOVERY_SECONDS = 45
LINE_SECONDS = 30
CHANGES = ["permission", "user", "scope", "group"]


class Run:
    """One run on two servers."""

    def __init__(self, seed: int, servers: list[ChaosServer], immuta: Immuta, truth: Truth) -> None:
        self._seed = seed
        self._servers = servers
        self._immuta = immuta
        self._truth = truth
        self._chance = random.Random(f"{seed} changes")
        self._schedule = Schedule(seed, self._lanes())
        self._loads = {
            server.name: Load([Client(server.trino, random.Random(f"{seed} {n}")) for n in range(CLIENTS)])
            for server in servers
        }
        self.faults: Counter[str] = Counter()
        self.changes: Counter[str] = Counter()
        self.requests = 0
        self.slowest_recovery = 0.0
        self.violations: list[Violation] = []

    def _lanes(self) -> list[Lane]:
        names = [server.name for server in self._servers]
        audit = [f"{server.name} {disk.FULL}" for server in self._servers if server.disk.is_small]
        return [
            Lane("source", source.kinds(), 0.5, 6, 4),
            Lane("files", [f"{name} {file} {a}" for name in names for file in ("policy", "groups") for a in ACCIDENTS],
                 0.3, 6, 4),
            Lane("audit", [*audit, f"file {disk.MOVED}"], 0.5, 4, 6),
            Lane("changes", [f"{name} {kind}" for name in names for kind in CHANGES], 0.01, 0.02, 1),
        ]  # fmt: skip

    def rounds(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        number = 0
        with contextlib.ExitStack() as stack:
            for load in self._loads.values():
                stack.enter_context(load)
            while number == 0 or time.monotonic() < end:
                number += 1
                self._round(number, min(ROUND_SECONDS, max(20, end - time.monotonic())))

    def _round(self, number: int, seconds: float) -> None:
        faults = self.faults.total()
        begun = time.time()
        for load in self._loads.values():
            load.go()
        self._let_loose(self._schedule.next_round(seconds))
        ended = time.time()
        answers = {name: load.hold_up() for name, load in self._loads.items()}
        self._check_alive()
        found = []
        for server in self._servers:
            probes, late = self._recover(server, ended)
            answers[server.name] += probes
            found += late
        for server in self._servers:
            found += self._settle(server, answers[server.name])
        self.requests += sum(map(len, answers.values()))
        self.violations += found
        print(
            f"round {number}: {sum(map(len, answers.values()))} queries, {self.faults.total() - faults} faults in "
            f"{ended - begun:.0f} s, {len(found)} violations",
            flush=True,
        )
        for line in report.violations(found, self._seed):
            print(line, flush=True)

    def _let_loose(self, events: list[Event]) -> None:
        begun = time.monotonic()
        for event in events:
            self._wait(begun + event.at)
            if event.edge == "begin":
                (self.changes if event.lane == "changes" else self.faults)[event.kind] += 1
            self._make(event)

    def _wait(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            self._check_alive()
            time.sleep(min(left, 0.5))

    def _check_alive(self) -> None:
        for server in self._servers:
            if not server.trino.is_running:
                raise SystemExit(f"seed {self._seed}: the server {server.name} has ended\n{server.trino.log[-20000:]}")

    def _make(self, event: Event) -> None:
        if event.lane == "source":
            getattr(self._immuta, event.edge)(event.kind)
            return
        name, _, kind = event.kind.partition(" ")
        server = next(server for server in self._servers if server.name == name)
        if event.lane == "audit":
            getattr(server.disk, event.edge)(kind)
        elif event.lane == "files":
            name, _, accident = kind.partition(" ")
            file = server.files[name]
            file.begin(accident) if event.edge == "begin" else file.end()
        elif event.edge == "begin":
            server.change(kind, self._chance)

    def _recover(self, server: ChaosServer, ended: float) -> tuple[list[Request], list[Violation]]:
        """Everything works again, so that who is entitled gets in."""
        pairs = sample(server.world.entitled(self._truth, time.time()), self._chance, each=2)
        client = Client(server.trino, self._chance)
        probes: list[Request] = []

        def is_let_in(pair: tuple[str, str]) -> bool:
            # The first ones may have taken long on a busy machine.
            deadline = time.time() + RECOVERY_SECONDS
            attempts = 0
            while True:
                attempts += 1
                probes.append(client.ask(self._chance.choice(["native", "property"]), *pair))
                if probes[-1].outcome == "allowed":
                    if attempts > 1:
                        self.slowest_recovery = max(self.slowest_recovery, probes[-1].answered - ended)
                    return True
                if probes[-1].answered > deadline:
                    return False
                time.sleep(0.1)

        late = [
            Violation(f"everybody entitled gets in within {RECOVERY_SECONDS} s after the faults", str(probes[-1]))
            for pair in pairs
            if not is_let_in(pair)
        ]
        return probes, late

    def _settle(self, server: ChaosServer, requests: list[Request]) -> list[Violation]:
        judgement = self._judge(server, requests)
        server.decisions += judgement.decisions
        server.lines += judgement.lines
        wrong = self._judge_counters(server)
        server.disk.forget_what_was_moved()
        return judgement.violations + wrong

    def _judge(self, server: ChaosServer, requests: list[Request]) -> Judgement:
        """Lines are written a little after the answer; what is missing in the end was never written."""
        lines: list[dict] = []
        deadline = time.monotonic() + LINE_SECONDS
        while True:
            lines += server.disk.new_lines()
            judgement = judge(requests, lines, self._truth, server.world.needs)
            if not judgement.violations or time.monotonic() > deadline:
                return judgement
            time.sleep(0.5)

    def _judge_counters(self, server: ChaosServer) -> list[Violation]:
        deadline = time.monotonic() + LINE_SECONDS
        while True:
            found = judge_counters(server.counters(), server.decisions)
            if not found or time.monotonic() > deadline:
                return found

    def check_jmx(self) -> None:
        """At the end alone, since reading it takes a program of its own."""
        for server in self._servers:
            self.violations += judge_counters(server.jmx.numbers(server.trino), server.decisions)

    def check_logs(self) -> None:
        for server in self._servers:
            log = server.trino.log
            for words in ("mistake in the engine", "closed while lines were waiting", API_KEY):
                if words in log:
                    line = next(line for line in log.splitlines() if words in line)
                    self.violations.append(Violation("the log tells of no mistake and no secret", line))

    def show(self) -> None:
        for server in self._servers:
            print("\n".join(report.table(f"decisions of the server {server.name}", decisions_of(server))))
        rows = {
            "faults": self.faults.total(),
            "changes of grants, users, groups and scopes": self.changes.total(),
            "queries": self.requests,
            "audit lines": sum(server.lines.total() for server in self._servers),
            "seconds until the last of those refused at first got in": f"{self.slowest_recovery:.1f}",
            "violations": len(self.violations),
        }
        print("\n".join(report.table("faults", report.counted(self.faults))))
        print("\n".join(report.table(f"the run with seed {self._seed}", rows)))


def decisions_of(server: ChaosServer) -> dict[str, object]:
    return report.counted(Counter({f"{decision} {reason}": n for (decision, reason), n in server.decisions.items()}))


@contextlib.contextmanager
def two_servers(seed: int, truth: Truth) -> Iterator[tuple[list[ChaosServer], Immuta]]:
    """Both started, and the stand-in behind its network."""
    chance = random.Random(f"{seed} servers")
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="immuta-impersonation-chaos-")))
        certificate = Certificate.create(directory)
        way = stack.enter_context(Network())
        immuta = stack.enter_context(Immuta(directory, World("immuta"), truth, way))
        servers = [
            ChaosServer("immuta", directory, certificate, truth=truth, chance=chance, immuta=immuta),
            ChaosServer("file", directory, certificate, truth=truth, chance=chance),
        ]
        for server in servers:
            stack.enter_context(server.disk)
            server.prepare()
            stack.enter_context(server.trino.running())
        yield servers, immuta


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev test chaos")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    options = parser.parse_args()
    again = f"./dev test chaos --minutes {options.minutes:g} --seed {options.seed}"
    print(f"seed {options.seed}: {again} makes the same faults")
    print(f"starting two Trino {environment.TRINO_VERSION} (a minute)", flush=True)
    truth = Truth()
    with two_servers(options.seed, truth) as (servers, immuta):
        if not all(server.disk.is_small for server in servers):
            print("no small file system can be mounted here, so that no disk gets full: that needs root")
        run = Run(options.seed, servers, immuta, truth)
        run.rounds(options.minutes * 60)
        run.check_jmx()
    run.check_logs()
    run.show()
    print(f"chaos: {'1 failed' if run.violations else '1 passed'}, seed {options.seed}")
    return 1 if run.violations else 0


if __name__ == "__main__":
    sys.exit(main())
