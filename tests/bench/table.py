"""Prints what `./dev bench` has measured. After a run of all parts it writes docs/performance.md and its picture."""

import argparse
import json
import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import end_to_end_table
from aims import OF_TEN_USERS, Aim, Figures, aims
from plot import Curve, Plot, page
from results import (
    Count,
    Key,
    Measured,
    Row,
    Size,
    by_age,
    read_count,
    read_measured,
    read_resident,
    read_rows,
    read_sizes,
)

DOCS = Path(__file__).resolve().parents[2] / "docs"
BEGIN = "<!-- What follows is written by ./dev bench. -->"
PICTURE = "performance.svg"
# The group of decisions on users who are known already; all others are compared with the fastest of them.
REFERENCE = "hit"
# With what everything through the JVM is compared.
OURS = "policy-1000"
ONE_RULE = "file-1"
CROSSING = {
    "emptyCall": "an empty call into the library",
    "packedArrayAndLookup": "a call with one packed array, one lookup",
}
MIB = 1024 * 1024


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """
    For Markdown and for the eye: the first column to the left, the others to the right.

    >>> print("\\n".join(table(("decision", "ns"), [("hit", "200"), ("denial", "1 700")])))
    | decision |    ns |
    | :------- | ----: |
    | hit      |   200 |
    | denial   | 1 700 |
    """
    lines = [header, *rows]
    widths = [max(3, *(len(line[column]) for line in lines)) for column in range(len(header))]
    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    for line in [header, rule, *lines[1:]]:
        first, *others = line
        cells = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        yield f"| {' | '.join([first.ljust(widths[0]), *cells])} |"


def number(value: float) -> str:
    """
    Three digits are worth showing; thousands are set apart.

    >>> number(3.14159), number(1234567.8)
    ('3.1', '1 234 568')
    """
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


def engine_tables(rows: Sequence[Row], counts: Sequence[Count]) -> Iterator[str]:
    fastest = min(row.median for row in rows if row.group == REFERENCE)
    yield from table(
        ("inside the engine", "median ns", "spread", "to fastest hit"),
        [
            (row.title, number(row.median), f"{row.spread / row.median:.1%}", f"{row.median / fastest:.2f}")
            for row in rows
        ],
    )
    yield ""
    if not counts:
        yield "Instructions and cache misses: not measured, valgrind is not installed."
        return
    yield from table(
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


def title_of(key: Key, titles: Mapping[str, str]) -> str:
    """
    >>> title_of(Key(25, "hit", "opa", 16), {"opa": "OPA"}), title_of(Key(25, "emptyCall"), {})
    ('hit: OPA, 16 threads', 'an empty call into the library')
    """
    if key.kind in CROSSING:
        return CROSSING[key.kind]
    threads = f", {key.threads} threads" if key.threads > 1 else ""
    return f"{key.kind}: {titles[key.control]}{threads}"


def jvm_tables(measured: Mapping[Key, Measured], titles: Mapping[str, str]) -> Iterator[str]:
    for jdk in sorted({key.jdk for key in measured}, reverse=True):
        rows = []
        for key, figure in measured.items():
            if key.jdk != jdk:
                continue
            ours = measured[Key(jdk, "denial" if key.kind == "denial" else "hit", OURS)].median
            rows.append(
                (
                    title_of(key, titles),
                    number(figure.median),
                    number(figure.lower),
                    f"{figure.spread / figure.median:.1%}",
                    ratio(figure.median / ours),
                    number(key.threads * 1e9 / figure.median),
                    f"{figure.garbage:.0f}",
                )
            )
        version = next(figure.jdk for key, figure in measured.items() if key.jdk == jdk)
        trino = 435 if jdk == 17 else 476
        yield from table(
            (f"JDK {version}, Trino {trino}", "median ns", "p25", "spread", "to ours", "a second", "bytes of garbage"),
            rows,
        )
        yield ""
    if not any(key.control == "opa" for key in measured):
        yield "OPA: not measured, because Go is missing, which builds its server."
        yield ""


def ratio(value: float) -> str:
    """
    >>> ratio(0.5), ratio(12.34), ratio(1234.5)
    ('0.50', '12.3', '1 234')
    """
    return f"{value:.2f}" if value < 10 else number(value)


def growth_table(sizes: Sequence[Size], resident: Mapping[str, int]) -> Iterator[str]:
    yield from table(
        ("users", "start ms", "resident MiB", "bytes each", "over the own text"),
        [
            (
                f"{size.source}, {number(size.users)}",
                number(size.start_millis),
                f"{size.resident / MIB:.1f}",
                number(size.resident / size.users),
                number(size.for_each),
            )
            for size in sizes
        ],
    )
    if resident:
        ours, peers = (f"{resident[control] / MIB:.1f}" for control in (OF_TEN_USERS, ONE_RULE))
        yield ""
        yield (
            "A JVM that has JMX and logging, as each server has, grows by "
            f"{ours} MiB when it starts our control on a policy file of ten users,"
        )
        yield f"and by {peers} MiB when it starts Trino's file control with a single rule."


def reload_list(path: Path) -> Iterator[str]:
    """What the program that reads the policy file again says of the decisions meanwhile."""
    if path.exists():
        yield ""
        yield "From one decision to the next, with a policy file of 1 000 000 users:"
        yield ""
        for line in path.read_text(encoding="utf-8").splitlines():
            yield f"* {line}"


def aims_table(found: Sequence[Aim]) -> Iterator[str]:
    words = {True: "yes", False: "no", None: "not measured"}
    yield from table(("aim", "measured", "met"), [(aim.asked, aim.measured, words[aim.met]) for aim in found])


def plots(rows: Sequence[Row], sizes: Sequence[Size]) -> list[Plot]:
    """
    >>> rows = [Row("hit", "cache, 10 users, Zipf", 200.0, 1.0), Row("scopes", "10, plain", 300.0, 1.0)]
    >>> for plot in plots(rows, [Size("policy file", 1000, MIB, 1, 2.0)]):
    ...     print(plot.title, *plot.curves)
    a decision, ns Curve(name='cache', points=[(10.0, 200.0)])
    a decision, ns Curve(name='plain', points=[(10.0, 300.0)])
    loading the policy file, ms Curve(name='policy file', points=[(1000.0, 2.0)])
    resident memory, MiB Curve(name='policy file', points=[(1000.0, 1.0)])
    """
    by_users: dict[str, list[tuple[float, float]]] = {}
    by_scopes: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        users = re.fullmatch(r"(policy file|cache), (\d+) users, Zipf", row.name)
        scopes = re.fullmatch(r"(\d+), (.+)", row.name)
        if row.group == "hit" and users:
            by_users.setdefault(users[1], []).append((float(users[2]), row.median))
        elif row.group == "scopes" and scopes and scopes[1] != "0":
            by_scopes.setdefault(scopes[2], []).append((float(scopes[1]), row.median))
    loading = [(float(size.users), size.start_millis) for size in sizes if size.source == "policy file"]
    memory: dict[str, list[tuple[float, float]]] = {}
    for size in sizes:
        memory.setdefault(size.source, []).append((float(size.users), size.resident / MIB))

    def curves(of: Mapping[str, list[tuple[float, float]]]) -> list[Curve]:
        return [Curve(name, points) for name, points in of.items()]

    return [
        Plot("a decision, ns", "users", curves(by_users)),
        Plot("a decision, ns", "scopes", curves(by_scopes)),
        Plot("loading the policy file, ms", "users", [Curve("policy file", loading)]),
        Plot("resident memory, MiB", "users", curves(memory)),
    ]


def replaced(text: str, generated: str) -> str:
    """
    What is written by hand stays.

    >>> replaced(f"# Title\\n\\n{BEGIN}\\n\\nold\\n", "new\\n") == f"# Title\\n\\n{BEGIN}\\n\\nnew\\n"
    True
    """
    by_hand, mark, _ = text.partition(BEGIN)
    if not mark:
        raise ValueError(f"the page lacks the line {BEGIN}")
    return f"{by_hand}{BEGIN}\n\n{generated}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("results", type=Path)
    parser.add_argument("parts", nargs="+", choices=["engine", "growth", "jvm"])
    parser.add_argument("--page", action="store_true", help="write the page, which needs all parts")
    arguments = parser.parse_args()
    results, parts = arguments.results, arguments.parts

    sections: list[tuple[str, list[str]]] = []
    rows = list(read_rows(results / "criterion"))
    sizes = read_sizes(results / "growth.jsonl")
    resident: Mapping[str, int] = {}
    # Measured by a command of its own, which takes as long as all others.
    end_to_end = end_to_end_table.read_result(results / "end-to-end.json") if arguments.page else None
    if "jvm" in parts:
        resident = read_resident(results / "jvm")
        measured = read_measured(results / "jvm")
        titles = json.loads((results / "jvm" / "titles.json").read_text(encoding="utf-8"))
        figures = Figures(measured, sizes if "growth" in parts else [], resident, end_to_end)
        sections.append(("Aims", list(aims_table(aims(figures)))))
        sections.append(("Beside others, through the JVM", list(jvm_tables(measured, titles))))
    if "growth" in parts:
        sections.append(
            (
                "With the number of users and scopes",
                [*growth_table(sizes, resident), *reload_list(results / "reload.txt")],
            )
        )
    if end_to_end:
        sections.append(("On a server", end_to_end_table.table(end_to_end).splitlines()))
    if "engine" in parts:
        counts = [read_count(path) for path in by_age((results / "counts").glob("*.callgrind"))]
        sections.append(("Inside the engine", list(engine_tables(rows, counts))))

    print(machine())
    for title, lines in sections:
        print("", title, "", *lines, sep="\n")
    if arguments.page:
        (DOCS / PICTURE).write_text(page(plots(rows, sizes)), encoding="utf-8")
        text = "\n\n".join(f"## {title}\n\n" + "\n".join(lines).rstrip() for title, lines in sections)
        text = text.replace(
            "## With the number of users and scopes\n",
            f"## With the number of users and scopes\n\n![Cost, loading and memory over users and scopes]({PICTURE})\n",
        )
        path = DOCS / "performance.md"
        path.write_text(
            replaced(path.read_text(encoding="utf-8"), f"Measured on {machine()}.\n\n{text}\n"), encoding="utf-8"
        )
        print(f"\n{path} and {PICTURE} are written")


if __name__ == "__main__":
    main()
