"""What a run did and found, as a table."""

from collections import Counter
from collections.abc import Iterable, Mapping

from .oracle import Violation

MOST_SHOWN = 20


def table(title: str, rows: Mapping[str, object]) -> list[str]:
    width = max(map(len, rows), default=0)
    return [title, *(f"  {name:<{width}}  {value:>8}" for name, value in rows.items()), ""]


def counted(counter: Counter) -> dict[str, object]:
    """Most first, and in the order of the alphabet where there are as many."""
    return dict(sorted(((str(name), number) for name, number in counter.items()), key=lambda row: (-row[1], row[0])))


def violations(found: Iterable[Violation], seed: int) -> list[str]:
    found = list(found)
    shown = [f"VIOLATION (seed {seed}): {violation.promise}: {violation.what}" for violation in found[:MOST_SHOWN]]
    more = len(found) - len(shown)
    return shown + ([f"... and {more} more"] if more > 0 else [])
