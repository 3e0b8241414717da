"""Prints what `./dev bench` has measured: one table of times, one of counts."""

import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

# The group of decisions on users who are known already; all others are compared with the fastest of them.
REFERENCE = "hit"


def by_age(paths: Iterable[Path]) -> list[Path]:
    """In the order in which things were measured."""
    return sorted(paths, key=lambda path: path.stat().st_mtime_ns)


class Row(NamedTuple):
    group: str
    name: str
    median: float
    spread: float

    @property
    def title(self) -> str:
        return f"{self.group}: {self.name}"


def read_rows(folder: Path) -> Iterator[Row]:
    """What criterion has left. Times are in nanoseconds."""
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
    events: list[str] = []
    totals: list[int] = []
    for line in path.read_text(encoding="utf-8").splitlines():
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
        path.stem.replace("-", " ").replace("_", " "),
        each("Ir"),
        each("I1mr", "D1mr", "D1mw"),
        each("ILmr", "DLmr", "DLmw"),
    )


def print_table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for first, *others in [header, *rows]:
        cells = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        print("  ".join([first.ljust(widths[0]), *cells]))


def number(value: float) -> str:
    """Three digits are worth showing; thousands are set apart."""
    return f"{value:,.0f}".replace(",", " ") if value >= 100 else f"{value:.1f}"


def machine() -> str:
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    model = models[0] if models else platform.machine()
    date = datetime.now(tz=UTC).date().isoformat()
    return f"{date}, {os.cpu_count()} processors {model}, load {os.getloadavg()[0]:.1f} over the last minute"


def main(results: Path) -> int:
    rows = list(read_rows(results / "criterion"))
    hits = [row.median for row in rows if row.group == REFERENCE]
    if not hits:
        print("table.py: nothing was measured", file=sys.stderr)
        return 1
    print(machine())
    print()
    print_table(
        ("decision", "median ns", "spread", "to fastest hit"),
        [
            (row.title, number(row.median), f"{row.spread / row.median:.1%}", f"{row.median / min(hits):.2f}")
            for row in rows
        ],
    )
    counts = [read_count(path) for path in by_age((results / "counts").glob("*.callgrind"))]
    print()
    if not counts:
        print("instructions and cache misses: not measured, valgrind is not installed")
        return 0
    print_table(
        ("one hit, Zipf", "instructions", "missed in 32 KiB", "missed in 8 MiB"),
        [
            (
                count.workload,
                number(count.instructions),
                f"{count.first_level_misses:.2f}",
                f"{count.last_level_misses:.2f}",
            )
            for count in counts
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
