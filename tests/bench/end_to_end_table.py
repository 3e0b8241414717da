"""What `./dev bench e2e` has measured, as the page on performance has it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NONE, FILE, NATIVE, PROPERTY_PATH = "no access control", "file control", "ours, native path", "ours, property path"


def read_result(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def highest_ratio(result: Mapping[str, Any], variant: str) -> float:
    """
    Of a query's time to that without access control, over all statements.

    >>> slow, quick = ({FILE: {"ratio": {"ratio": ratio}}} for ratio in (1.5, 1.25))
    >>> highest_ratio({"queries": {"a": quick, "b": slow}}, FILE)
    1.5
    """
    return max(found[variant]["ratio"]["ratio"] for found in result["queries"].values())


def ratio_text(ratio: Mapping[str, float]) -> str:
    """
    >>> ratio_text({"ratio": 1.0, "low": 0.9876, "high": 1.0123})
    '1.000 (0.988 to 1.012)'
    """
    return f"{ratio['ratio']:.3f} ({ratio['low']:.3f} to {ratio['high']:.3f})"


def table(result: Mapping[str, Any]) -> str:
    lines = ["| one client, a query after the other | median | ratio (95 % interval) |", "| --- | --- | --- |"]
    for statement, variants in result["queries"].items():
        for name, found in variants.items():
            lines.append(f"| `{statement}`, {name} | {found['median_ms']:.2f} ms | {ratio_text(found['ratio'])} |")
    settings = result["settings"]
    title = f"{settings['clients']} clients, {settings['users']} users, {settings['seconds']:g} s each"
    lines += [
        "",
        f"| {title} | queries a second | throughput ratio (95 % interval) | p99 | lookups for each query |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, found in result["load"].items():
        lookups = found["lookups"] / found["queries"]
        lines.append(
            f"| {name} | {found['queries_per_second']:.0f} | {ratio_text(found['throughput'])} "
            f"| {found['p99_ms']:.0f} ms | {lookups:.2f} |"
        )
    return "\n".join(lines)
