"""What the project wants to reach, and whether a run of `./dev bench` has."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from end_to_end_table import NATIVE, PROPERTY_PATH, highest_ratio
from results import Key, Measured, Size

JDK = 25
# Where users are known already. Aims hold for both, so the dearer one counts.
USUAL = ("policy-1000", "immuta-1000")
# Whose start is measured.
OF_TEN_USERS = "policy-10"
MIB = 1024 * 1024


class Aim(NamedTuple):
    asked: str
    # A sentence, if it was not measured.
    measured: str
    met: bool | None


class Figures:
    """The figures of one run, by short names. A figure that was not measured is a KeyError that says why."""

    def __init__(
        self,
        measured: Mapping[Key, Measured],
        sizes: Sequence[Size],
        resident: Mapping[str, int],
        end_to_end: Mapping[str, Any] | None,
    ) -> None:
        self._measured = measured
        self._sizes = sizes
        self._resident = resident
        self._end_to_end = end_to_end

    def time(self, kind: str, control: str = "", threads: int = 1) -> float:
        return self._of(kind, control, threads).median

    def ours(self, kind: str) -> float:
        return max(self.time(kind, control) for control in USUAL)

    def garbage(self) -> float:
        # Whole bytes: JMH counts what other threads leave as well.
        return round(max(self._of("hit", control, 1).garbage for control in USUAL))

    def for_each_cached(self) -> float:
        # Of the most users, where what an engine takes without users does not count.
        cached = [size for size in self._sizes if size.source == "cache"]
        if not cached:
            raise KeyError("not measured in this run")
        return max(cached, key=lambda size: size.users).for_each

    def resident(self) -> float:
        if OF_TEN_USERS not in self._resident:
            raise KeyError("not measured in this run")
        return self._resident[OF_TEN_USERS] / MIB

    def of_query(self, variant: str) -> float:
        if self._end_to_end is None:
            raise KeyError("not measured: ./dev bench e2e comes first")
        return highest_ratio(self._end_to_end, variant)

    def _of(self, kind: str, control: str, threads: int) -> Measured:
        key = Key(JDK, kind, control, threads)
        if key not in self._measured:
            raise KeyError(
                "not measured: Go is missing, which builds OPA" if control == "opa" else "not measured in this run"
            )
        return self._measured[key]


def aims(figures: Figures) -> list[Aim]:
    """
    >>> def of(median, garbage=0.0):
    ...     return Measured(median, median, 1.0, garbage, "25.0.3")
    >>> measured = {Key(25, "hit", "policy-1000"): of(190.0), Key(25, "hit", "immuta-1000"): of(210.0, 48.0)}
    >>> for aim in aims(Figures(measured, [], {OF_TEN_USERS: 10 * MIB}, None)):
    ...     if aim.met is not None:
    ...         print(aim.met, "|", aim.asked, "|", aim.measured)
    False | a hit takes at most 200 ns | 210 ns
    False | a hit leaves no garbage | 48 bytes
    True | an access control takes at most 20 MiB of memory after its start | 10.0 MiB
    """

    def at_most(limit: float, unit: str, value: Callable[[], float], digits: int = 0) -> Callable[[], tuple[str, bool]]:
        def judge() -> tuple[str, bool]:
            found = value()
            return f"{found:.{digits}f} {unit}".strip(), found <= limit

        return judge

    def at_least(limit: float, value: Callable[[], float], digits: int = 0) -> Callable[[], tuple[str, bool]]:
        def judge() -> tuple[str, bool]:
            found = value()
            return f"{found:.{digits}f} times", found >= limit

        return judge

    time, ours = figures.time, figures.ours
    asked = [
        ("a hit takes at most 200 ns", at_most(200, "ns", lambda: ours("hit"))),
        (
            "with the audit on at most 350 ns, in bursts that the writer can follow",
            at_most(350, "ns", lambda: time("hit", "audit-2000")),
        ),
        (
            "a hit takes at most 0.8 of what Trino's file control takes with a single rule",
            at_most(0.8, "", lambda: ours("hit") / time("hit", "file-1"), 2),
        ),
        (
            "file control with 1 000 rules: at least 200 times a hit",
            at_least(200, lambda: time("hit", "file-1000") / ours("hit")),
        ),
        ("OPA: at least 1 000 times a hit", at_least(1000, lambda: time("hit", "opa") / ours("hit"))),
        (
            "a hit takes at most twice what the crossing itself must pay",
            at_most(2, "times", lambda: ours("hit") / time("packedArrayAndLookup"), 2),
        ),
        (
            "a denial takes no longer than the file control's with a single rule",
            at_most(1, "of it", lambda: ours("denial") / time("denial", "file-1"), 2),
        ),
        (
            "with 1 000 000 users a hit takes at most 1.5 times what it takes with 10",
            at_most(1.5, "times", lambda: time("hit", "policy-1000000") / time("hit", "policy-10"), 2),
        ),
        (
            "two threads decide at least 1.7 times as much as one",
            at_least(1.7, lambda: min(2 * time("hit", control) / time("hit", control, 2) for control in USUAL), 2),
        ),
        ("a hit leaves no garbage", at_most(0, "bytes", figures.garbage)),
        (
            "a remembered user takes at most 160 bytes besides the own text",
            at_most(160, "bytes", figures.for_each_cached),
        ),
        ("an access control takes at most 20 MiB of memory after its start", at_most(20, "MiB", figures.resident, 1)),
        (
            "a query takes at most 1.01 of what it takes without access control",
            at_most(1.01, "", lambda: figures.of_query(NATIVE), 3),
        ),
        (
            "on the property path at most 1.02",
            at_most(1.02, "", lambda: figures.of_query(PROPERTY_PATH), 3),
        ),
    ]
    return [judged(text, judge) for text, judge in asked]


def judged(asked: str, judge: Callable[[], tuple[str, bool]]) -> Aim:
    try:
        return Aim(asked, *judge())
    except KeyError as missing:
        return Aim(asked, missing.args[0], None)
