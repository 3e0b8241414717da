"""What a query costs on a real server: without access control, with Trino's file control, and with ours on both paths.

All servers run at once and take turns, so that whatever else the machine does meets them alike. Each has as many
queries as the others: one that both paths share would be the warmer one.
"""

import argparse
import base64
import contextlib
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.end_to_end_table import FILE, NATIVE, NONE, PROPERTY_PATH, table
from bench.ratios import percentile, ratio_of_medians
from e2e import environment
from e2e.clients import PROPERTY, Answer, HttpSession, client_environment
from e2e.credentials import Certificate
from e2e.immuta import FakeImmuta, immuta_files
from e2e.policy import DELEGATE_FILE, IMMUTA_CATALOG, RULES_FILE
from e2e.server import Configuration, TrinoServer, properties_text

SERVICE = "svc"
# The servers of the tests have the quick compiler alone.
JVM_FLAGS = ["-XX:TieredStopAtLevel=4"]
STATEMENTS = {
    "SELECT 1": "SELECT 1",
    "join of 5 tables": """
        SELECT n.name, sum(l.extendedprice * (1 - l.discount)) AS revenue
        FROM tpch.tiny.customer c
        JOIN tpch.tiny.orders o ON o.custkey = c.custkey
        JOIN tpch.tiny.lineitem l ON l.orderkey = o.orderkey
        JOIN tpch.tiny.supplier s ON s.suppkey = l.suppkey
        JOIN tpch.tiny.nation n ON n.nationkey = s.nationkey
        GROUP BY n.name ORDER BY revenue DESC""",
}
SLICES = 6


@dataclass(frozen=True)
class Variant:
    """One way to run a query as somebody else."""

    name: str
    server: TrinoServer
    path: str

    def session(self, target: str) -> "KeptSession":
        session = KeptSession(self.server, SERVICE)
        if self.path == "property":
            session.properties = {PROPERTY: target}
        else:
            session.headers = [("X-Trino-User", target)]
        return session


class KeptSession(HttpSession):
    """Keeps its connection, as clients do."""

    def open(self) -> contextlib.closing[http.client.HTTPSConnection]:
        self._kept = self._connection()
        return contextlib.closing(self._kept)

    def run(self, sql: str) -> Answer:
        return self._run(self._kept, sql)


@dataclass
class Series:
    """Times in milliseconds: those of one variant beside those of the others, repetition by repetition."""

    by_variant: dict[str, list[float]] = field(default_factory=dict)

    def add(self, variant: str, milliseconds: float) -> None:
        self.by_variant.setdefault(variant, []).append(milliseconds)

    def summary(self, chance: random.Random) -> dict[str, Any]:
        base = self.by_variant[NONE]
        return {
            name: {"median_ms": statistics.median(times), "ratio": ratio_of_medians(times, base, chance)}
            for name, times in self.by_variant.items()
        }


def measure_queries(
    variants: Sequence[Variant], repetitions: int, warm_up: int, chance: random.Random
) -> dict[str, Any]:
    found = {}
    for name, statement in STATEMENTS.items():
        series = Series()
        with contextlib.ExitStack() as stack:
            sessions = {variant.name: variant.session("user0") for variant in variants}
            for session in sessions.values():
                stack.enter_context(session.open())
            for number in range(-warm_up, repetitions):
                for variant in chance.sample(list(sessions), len(sessions)):
                    began = time.perf_counter()
                    answer = sessions[variant].run(statement)
                    milliseconds = (time.perf_counter() - began) * 1000
                    assert answer.error is None, (variant, answer.error)
                    if number >= 0:
                        series.add(variant, milliseconds)
        found[name] = series.summary(chance)
        print(f"  {name}: {repetitions} repetitions", flush=True)
    return found


@dataclass
class Load:
    """What many clients saw of one variant."""

    milliseconds: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    lookups: int = 0


def measure_load(
    variants: Sequence[Variant], immuta: FakeImmuta, options: argparse.Namespace, chance: random.Random
) -> dict[str, Any]:
    """In slices, so that all variants have the same share of whatever else happens."""
    loads = {variant.name: Load() for variant in variants}
    seconds = options.seconds / SLICES
    for number in range(-1, SLICES):
        for variant in chance.sample(list(variants), len(variants)):
            asked = immuta.request_count()
            # The first slice is for the server to get warm.
            micros = run_clients(variant, options, seconds, chance.randrange(1 << 30))
            if number >= 0:
                load = loads[variant.name]
                load.milliseconds += [value / 1000 for value in micros]
                load.rates.append(len(micros) / seconds)
                load.lookups += immuta.request_count() - asked
        print(f"  slice {number + 1} of {SLICES}", flush=True)
    base = loads[NONE].rates
    return {
        name: {
            "queries": len(load.milliseconds),
            "queries_per_second": statistics.mean(load.rates),
            "throughput": ratio_of_medians(load.rates, base, chance),
            "median_ms": statistics.median(load.milliseconds),
            "p99_ms": percentile(load.milliseconds, 99),
            "lookups": load.lookups,
        }
        for name, load in loads.items()
    }


def run_clients(variant: Variant, options: argparse.Namespace, seconds: float, seed: int) -> list[int]:
    server = variant.server
    login = base64.b64encode(f"{SERVICE}:{server.password}".encode()).decode()
    program = Path(__file__).parent / "java" / "LoadClients.java"
    numbers = map(str, [options.clients, round(seconds * 1000), options.users, seed])
    arguments = [server.url, f"Basic {login}", variant.path, *numbers, "SELECT 1"]
    result = subprocess.run(
        [environment.JAVA, "-Xmx256m", program, *arguments],
        check=False,
        env=client_environment(server),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return [int(line) for line in result.stdout.split()]


def configurations(immuta: FakeImmuta) -> dict[str, Mapping[str, str]]:
    """The files of each server. All let svc act as whoever there is, and everybody read everything."""
    rules = {"impersonation": [{"original_user": SERVICE, "new_user": "user[0-9]+"}], "catalogs": [{"allow": "all"}]}
    file_control = {"access-control.name": "file", "security.config-file": RULES_FILE}
    ours = {
        **IMMUTA_CATALOG,
        **immuta_files(immuta, **{"immuta.iam": "bim", "immuta.delegate.config-file": DELEGATE_FILE}),
        DELEGATE_FILE: properties_text({"access-control.name": "allow-all"}),
    }
    return {
        # What is there without any file refuses every impersonation.
        NONE: {"etc/access-control.properties": properties_text({"access-control.name": "allow-all"})},
        FILE: {"etc/access-control.properties": properties_text(file_control), RULES_FILE: json.dumps(rules)},
        NATIVE: ours,
        PROPERTY_PATH: ours,
    }


@contextlib.contextmanager
def running(options: argparse.Namespace) -> Iterator[tuple[list[Variant], FakeImmuta]]:
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="immuta-impersonation-bench-")))
        certificate = Certificate.create(directory)
        immuta = stack.enter_context(FakeImmuta(directory))
        immuta.grant(SERVICE)
        for number in range(options.users):
            immuta.put_user(f"user{number}")
        variants = []
        for number, (name, files) in enumerate(configurations(immuta).items()):
            configuration = Configuration(files, [SERVICE], jvm_flags=JVM_FLAGS)
            server = TrinoServer(directory / f"server-{number}", certificate, configuration)
            path = "property" if name == PROPERTY_PATH else "native"
            variants.append(Variant(name, stack.enter_context(server.running()), path))
        yield variants, immuta


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench e2e")
    parser.add_argument("--repetitions", type=int, default=300, help="of each statement on each variant")
    parser.add_argument("--warm-up", type=int, default=100, help="repetitions that do not count")
    parser.add_argument("--seconds", type=float, default=120, help="of load on each variant")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=environment.ROOT / "target/bench/end-to-end.json")
    return parser.parse_args()


def main() -> int:
    options = parse_arguments()
    chance = random.Random(options.seed)
    print(f"starting four Trino {environment.TRINO_VERSION} (a minute or two)", flush=True)
    with running(options) as (variants, immuta):
        print("measuring single queries", flush=True)
        queries = measure_queries(variants, options.repetitions, options.warm_up, chance)
        print("measuring load", flush=True)
        load = measure_load(variants, immuta, options, chance)
    settings = {name: value for name, value in vars(options).items() if name != "output"}
    result = {
        "trino": environment.TRINO_VERSION,
        "processors": os.cpu_count(),
        "settings": settings,
        "queries": queries,
        "load": load,
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    text = table(result)
    options.output.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
