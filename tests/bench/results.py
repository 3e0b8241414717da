"""Reads what the programs leave behind that `./dev bench` runs."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple


def by_age(paths: Iterable[Path]) -> list[Path]:
    """In the order in which things were measured."""
    return sorted(paths, key=lambda path: path.stat().st_mtime_ns)


class Row(NamedTuple):
    """A decision inside the engine. Times are in nanoseconds."""

    group: str
    name: str
    median: float
    spread: float

    @property
    def title(self) -> str:
        return f"{self.group}: {self.name}"


def read_rows(folder: Path) -> Iterator[Row]:
    """What criterion has left."""
    for path in by_age(folder.rglob("new/estimates.json")):
        estimates = json.loads(path.read_text(encoding="utf-8"))
        benchmark = json.loads(path.with_name("benchmark.json").read_text(encoding="utf-8"))
        yield Row(
            benchmark["group_id"],
            benchmark["function_id"],
            estimates["median"]["point_estimate"],
            estimates["median_abs_dev"]["point_estimate"],
        )


class Count(NamedTuple):
    workload: str
    instructions: float
    first_level_misses: float
    last_level_misses: float


def read_count(path: Path) -> Count:
    """What Valgrind has counted, for one decision. The program says on its output how many it made."""
    decisions = int(path.with_suffix(".decisions").read_text(encoding="utf-8"))
    return count_of(path.stem, path.read_text(encoding="utf-8"), decisions)


def count_of(workload: str, text: str, decisions: int) -> Count:
    """
    >>> count_of("cache-10", "events: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw\\ntotals: 2600 9 9 1 2 1\\n", 2)
    Count(workload='cache 10', instructions=1300.0, first_level_misses=2.0, last_level_misses=0.0)
    """
    events: list[str] = []
    totals: list[int] = []
    for line in text.splitlines():
        key, _, values = line.partition(":")
        if key == "events":
            events = values.split()
        elif key == "totals":
            totals = [int(value) for value in values.split()]
    # Zeros at the end are left out.
    by_name = dict(zip(events, totals + [0] * (len(events) - len(totals)), strict=True))

    def each(*names: str) -> float:
        return sum(by_name[name] for name in names) / decisions

    return Count(
        workload.replace("-", " ").replace("_", " "),
        each("Ir"),
        each("I1mr", "D1mr", "D1mw"),
        each("ILmr", "DLmr", "DLmw"),
    )


class Key(NamedTuple):
    """What was measured through the JVM."""

    jdk: int
    # hit, denial, emptyCall, packedArrayAndLookup
    kind: str
    # Empty where there is none.
    control: str = ""
    threads: int = 1


class Measured(NamedTuple):
    """One operation through the JVM, in nanoseconds and bytes. With several threads each of them takes so long."""

    median: float
    # The 25th percentile: what it takes while nothing else has the machine, if that is so for a quarter of the time.
    lower: float
    spread: float
    garbage: float
    jdk: str


def read_measured(folder: Path) -> dict[Key, Measured]:
    """What JMH has left, of all rounds together."""
    return merge(record for path in by_age(folder.glob("*.json")) if path.name[0].isdigit() for record in load(path))


def load(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text(encoding="utf-8"))


def merge(records: Iterable[dict[str, Any]]) -> dict[Key, Measured]:
    """
    >>> def record(*times):
    ...     return {
    ...         "benchmark": "dev.impersonation.bench.Decisions.hit",
    ...         "threads": 2,
    ...         "jdkVersion": "25.0.3",
    ...         "params": {"name": "opa"},
    ...         "primaryMetric": {"rawData": [list(times)]},
    ...         "secondaryMetrics": {"gc.alloc.rate.norm": {"rawData": [[8.0]]}},
    ...     }
    >>> merge([record(100.0, 110.0), record(104.0)])[Key(25, "hit", "opa", 2)]
    Measured(median=104.0, lower=102.0, spread=4.0, garbage=8.0, jdk='25.0.3')
    """
    times: dict[Key, list[float]] = {}
    garbage: dict[Key, list[float]] = {}
    jdks: dict[Key, str] = {}
    for record in records:
        jdk = record["jdkVersion"]
        control = record.get("params", {}).get("name", "")
        key = Key(int(jdk.split(".")[0]), record["benchmark"].rsplit(".", 1)[1], control, record["threads"])
        times.setdefault(key, []).extend(flat(record["primaryMetric"]))
        garbage.setdefault(key, []).extend(flat(record["secondaryMetrics"]["gc.alloc.rate.norm"]))
        jdks[key] = jdk
    return {
        key: Measured(
            median(all_times), lower_quartile(all_times), deviation(all_times), median(garbage[key]), jdks[key]
        )
        for key, all_times in times.items()
    }


def flat(metric: dict[str, Any]) -> list[float]:
    return [value for fork in metric["rawData"] for value in fork]


def lower_quartile(values: list[float]) -> float:
    """
    >>> lower_quartile([4.0, 1.0, 2.0, 3.0, 9.0])
    2.0
    """
    return quantiles(values, n=4, method="inclusive")[0]


def deviation(values: list[float]) -> float:
    """The median absolute deviation.

    >>> deviation([1.0, 2.0, 3.0, 100.0])
    1.0
    """
    middle = median(values)
    return median(abs(value - middle) for value in values)


class Size(NamedTuple):
    """An engine with so many users, in a process of its own."""

    source: str
    users: int
    # By how many bytes the process has grown, and what the users' names and groups take by themselves.
    resident: int
    text: int
    start_millis: float

    @property
    def for_each(self) -> float:
        """Bytes for each user over the own text."""
        return (self.resident - self.text) / self.users


def read_resident(folder: Path) -> dict[str, int]:
    """By how many bytes a JVM has grown with each control, at the median of its starts."""
    grown: dict[str, list[int]] = {}
    for path in folder.glob("resident-*.txt"):
        control, _, _ = path.stem.removeprefix("resident-").rpartition("-")
        grown.setdefault(control, []).append(int(path.read_text(encoding="utf-8")))
    return {control: int(median(sizes)) for control, sizes in grown.items()}


def read_sizes(path: Path) -> list[Size]:
    if not path.exists():
        return []
    return [size_of(line) for line in path.read_text(encoding="utf-8").splitlines()]


def size_of(line: str) -> Size:
    """
    >>> size_of('{"source": "cache", "users": 10, "resident": 5000, "text": 200, "startMillis": 0.5}').for_each
    480.0
    """
    values = json.loads(line)
    return Size(values["source"], values["users"], values["resident"], values["text"], values["startMillis"])
