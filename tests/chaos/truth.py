"""What was true when: who held what, in whatever the servers learn it from."""

import bisect
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

Fact = Hashable
NEVER = float("inf")


class Truth:
    """Facts over time. Nothing is true that nobody said.

    A change takes effect at an unknown moment between the beginning and the end of the call that made it. What
    becomes true counts from the beginning, what becomes false from the end, so that no doubt speaks against the server.
    """

    def __init__(self) -> None:
        self._changes: dict[Fact, list[tuple[float, bool]]] = {}

    def say(self, fact: Fact, value: bool, begin: float, end: float) -> None:
        changes = self._changes.setdefault(fact, [])
        at = begin if value else end
        # What was to happen later has been overtaken.
        while changes and changes[-1][0] > at:
            changes.pop()
        if value != bool(changes and changes[-1][1]):
            changes.append((at, value))

    def is_true(self, fact: Fact, at: float) -> bool:
        changes = self._changes.get(fact, [])
        place = bisect.bisect_right(changes, (at, True))
        return place > 0 and changes[place - 1][1]

    def was_ever_true(self, fact: Fact, since: float, until: float) -> bool:
        """Whether it was true at any moment of this time, both ends included."""
        changes = self._changes.get(fact, [])
        first = bisect.bisect_left(changes, (since, False))
        later = changes[first : bisect.bisect_right(changes, (until, True))]
        return self.is_true(fact, since) or any(value for _, value in later)


@dataclass(frozen=True)
class Version:
    """What a file said for a time: which facts are true by it, or nothing that can be read."""

    facts: Mapping[Fact, bool] | None


class FileTruth:
    """What a watched file makes true. The last good version serves a while longer when the next cannot be read."""

    def __init__(self, truth: Truth, max_stale: float) -> None:
        self._truth = truth
        self._max_stale = max_stale
        self._facts: set[Fact] = set()
        self._broken = False

    def holds(self, version: Version, begin: float, end: float) -> None:
        if version.facts is not None:
            self._broken = False
            self._facts |= version.facts.keys()
            for fact in self._facts:
                self._truth.say(fact, version.facts.get(fact, False), begin, end)
        elif not self._broken:
            # A second broken version must not extend the time.
            self._broken = True
            for fact in self._facts:
                self._truth.say(fact, False, end + self._max_stale, end + self._max_stale)
