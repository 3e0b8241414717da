"""Measures decisions through the JVM for `./dev bench jvm`: ours beside its peers, by JMH.

Every round measures everything once, each time in a JVM of its own, so that what the machine does meanwhile
meets all alike.
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from controls import PERMISSION, Control, Controls, person_names, service_names
from e2e import environment
from e2e.immuta import API_KEY, FakeImmuta
from e2e.server import free_port, unzip_plugin
from e2e.waiting import wait_until

PROGRAMS = environment.ROOT / "build" / "bench"
POLICY = Path(__file__).with_name("policy.rego")
# Enough for the writer of the audit file to end the 64 lines.
PAUSE_MICROS = 2000
# Loopback only, whatever proxies the environment names.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Jvm(NamedTuple):
    """A JDK and the Trino whose parts are measured on it."""

    trino: int
    java_home: Path
    jars: Path


class Run(NamedTuple):
    """What one start of JMH measures."""

    benchmark: str
    controls: Sequence[Control] = ()
    threads: int = 1


class Bench:
    """Runs JMH and keeps its results."""

    def __init__(self, results: Path, crossing_library: Path, quick: bool) -> None:
        self._results = results
        self._crossing_library = crossing_library
        self._pace = (
            ["-wi", "1", "-w", "50ms", "-i", "2", "-r", "50ms"]
            if quick
            else ["-wi", "5", "-w", "500ms", "-i", "5", "-r", "200ms"]
        )
        self._count = 0

    def run(self, jvm: Jvm, run: Run) -> None:
        self._count += 1
        name = f"{self._count:03}-{run.benchmark}-{jvm.trino}-{run.threads}"
        command = [
            *self.java(jvm),
            "org.openjdk.jmh.Main",
            rf"bench\.{run.benchmark}",
            *("-f", "1", "-foe", "true", "-prof", "gc", "-t", str(run.threads), *self._pace),
            *("-rf", "json", "-rff", str(self._results / f"{name}.json")),
        ]
        if run.controls:
            command += ["-p", "name=" + ",".join(control.name for control in run.controls)]
        self._start(command, name)
        for written in (self._results / "controls").glob("*.jsonl*"):
            written.unlink()

    def resident(self, jvm: Jvm, control: Control, number: int) -> None:
        """By how much the JVM grows with a control."""
        names = [next(service_names(10)), next(person_names(10))]
        heap = ["-Xms64m", "-Xmx64m", "-XX:+AlwaysPreTouch"]
        command = [*self.java(jvm, heap), "dev.impersonation.bench.Resident", control.name, *names]
        self._start([*command, str(self._results / f"resident-{control.name}-{number}.txt")], "resident")

    def java(self, jvm: Jvm, options: Sequence[str] = ("-Xms1g", "-Xmx2g")) -> list[str]:
        places = [PROGRAMS / "classes", PROGRAMS / "jmh/*", jvm.jars / "spi/*", jvm.jars / "toolkit/*"]
        return [
            str(jvm.java_home / "bin/java"),
            *options,
            "--enable-native-access=ALL-UNNAMED",
            f"-Dbench.controls={self._results / 'controls'}",
            f"-Dbench.plugins={self._results / 'plugins'}",
            f"-Dbench.crossing-library={self._crossing_library}",
            "-cp",
            os.pathsep.join(map(str, places)),
        ]

    def _start(self, command: Sequence[str], name: str) -> None:
        log = self._results / f"{name}.log"
        with log.open("w") as output:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False
            )
        if done.returncode != 0:
            last = "\n".join(log.read_text(encoding="utf-8").splitlines()[-30:])
            raise SystemExit(f"{last}\nthe benchmark {name} failed; the whole output is in {log}")


@contextmanager
def opa(program: Path) -> Iterator[str]:
    """OPA's server, without a log of its decisions."""
    url = f"http://127.0.0.1:{free_port()}"
    address = url.removeprefix("http://")
    command = [program, "run", "--server", "--skip-version-check", "--log-level", "error", "--addr", address, POLICY]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def is_healthy() -> bool:
        assert process.poll() is None, "OPA ended instead of starting"
        try:
            with _opener.open(f"{url}/health", timeout=30) as response:
                return response.status == 200
        except urllib.error.URLError:
            return False

    try:
        wait_until(is_healthy, "OPA serves")
        yield url
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def stand_in(users: int) -> Iterator[dict[str, object]]:
    """A stand-in for Immuta that knows so many users; gives the properties by which it is reached."""
    with tempfile.TemporaryDirectory() as folder, FakeImmuta(Path(folder)) as immuta:
        for name in service_names(users):
            immuta.put_user(name, [PERMISSION])
        for name in person_names(users):
            immuta.put_user(name)
        yield {
            "immuta.endpoint": immuta.https,
            "immuta.apikey": API_KEY,
            "immuta.ca-file": immuta.ca_file,
        }


def runs(stack: ExitStack, controls: Controls, opa_program: Path | None, quick: bool) -> tuple[list[Run], list[Run]]:
    """What is measured on the newer Trino, and what on the older."""
    sizes = [10, 1000] if quick else [10, 1000, 100_000, 1_000_000]
    policies = [controls.policy(users) for users in sizes]
    remembered = [controls.immuta(users, stack.enter_context(stand_in(users))) for users in (10, 1000)]
    files = [controls.file(rules) for rules in (1, 10, 100, 1000, 10_000)]
    audits = [controls.audit(PAUSE_MICROS), controls.audit(0)]
    usual = [policies[1], remembered[1]]
    newer = [
        Run("Crossing"),
        Run("Decisions.hit", [*files, *policies, *remembered, *audits]),
        Run("Decisions.denial", [*files, *usual, audits[0]]),
        Run("Decisions.hit", [files[0], *policies[1:2], *policies[3:], *remembered], threads=2),
    ]
    if opa_program:
        peer = [controls.opa(stack.enter_context(opa(opa_program)))]
        newer += [Run(f"Decisions.{what}", peer, threads) for what in ("hit", "denial") for threads in (1, 16)]
    older = [Run("Crossing")] + [Run(f"Decisions.{what}", [files[0], files[3], *usual]) for what in ("hit", "denial")]
    return newer, older


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("results", type=Path)
    parser.add_argument("--crossing-library", type=Path, required=True)
    parser.add_argument("--newer", type=Path, required=True, help="the jars of Trino 476")
    parser.add_argument("--older", type=Path, required=True, help="the jars of Trino 435")
    parser.add_argument("--java17", type=Path, required=True)
    parser.add_argument("--opa", type=Path, help="the program; without it OPA is left out")
    parser.add_argument("--opa-plugin", type=Path)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()

    newer = Jvm(476, environment.JAVA_HOME, arguments.newer)
    older = Jvm(435, arguments.java17, arguments.older)
    shutil.rmtree(arguments.results, ignore_errors=True)
    plugins = arguments.results / "plugins"
    plugins.mkdir(parents=True)
    unzip_plugin(plugins)
    (plugins / "immuta-impersonation").rename(plugins / "immuta")
    if arguments.opa:
        (plugins / "opa").symlink_to(arguments.opa_plugin)
    bench = Bench(arguments.results, arguments.crossing_library, arguments.quick)
    controls = Controls(arguments.results / "controls")
    with ExitStack() as stack:
        on_newer, on_older = runs(stack, controls, arguments.opa, arguments.quick)
        titles = {control.name: control.title for run in on_newer for control in run.controls}
        (arguments.results / "titles.json").write_text(json.dumps(titles))
        started = (controls.policy(10), controls.file(1))
        # One start is quick, but a JVM is never twice the same size.
        for number in range(1 if arguments.quick else 5):
            for control in started:
                bench.resident(newer, control, number)
        for _ in range(1 if arguments.quick else 4):
            for jvm, its_runs in ((newer, on_newer), (older, on_older)):
                for run in its_runs:
                    bench.run(jvm, run)


if __name__ == "__main__":
    main()
