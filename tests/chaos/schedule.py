"""Which fault begins and ends when: a function of the seed."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Lane:
    """Faults of which there is one at a time. All lanes run beside each other; times are in seconds."""

    name: str
    kinds: Sequence[str]
    shortest: float
    longest: float
    gap: float


@dataclass(frozen=True)
class Event:
    """A fault begins or ends, so many seconds after the beginning of the round."""

    at: float
    edge: Literal["begin", "end"]
    lane: str
    kind: str


class Deck:
    """The kinds of a lane in random order, each as often as the others: a short run has as many kinds as it can."""

    def __init__(self, kinds: Sequence[str], chance: random.Random) -> None:
        self._kinds = list(kinds)
        self._chance = chance
        self._left: list[str] = []

    def draw(self) -> str:
        if not self._left:
            self._left = list(self._kinds)
            self._chance.shuffle(self._left)
        return self._left.pop()


class Schedule:
    """The rounds of one run."""

    def __init__(self, seed: int, lanes: Sequence[Lane]) -> None:
        self._lanes = lanes
        # A generator for each lane, so that another kind in one of them leaves the others as they were.
        self._chances = {lane.name: random.Random(f"{seed} {lane.name}") for lane in lanes}
        self._decks: Mapping[str, Deck] = {lane.name: Deck(lane.kinds, self._chances[lane.name]) for lane in lanes}

    def next_round(self, seconds: float) -> list[Event]:
        """The events of the next round in their order. Whatever begins in it ends in it."""
        events: list[Event] = []
        for lane in self._lanes:
            chance = self._chances[lane.name]
            begin = chance.uniform(0, lane.gap)
            while begin + lane.longest <= seconds:
                kind = self._decks[lane.name].draw()
                end = begin + chance.uniform(lane.shortest, lane.longest)
                events += [Event(begin, "begin", lane.name, kind), Event(end, "end", lane.name, kind)]
                begin = end + chance.uniform(0, lane.gap)
        # An end before a beginning at the same moment.
        return sorted(events, key=lambda event: (event.at, event.edge == "begin"))
