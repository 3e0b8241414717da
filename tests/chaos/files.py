"""Policy and group files, replaced in every way that operators and accidents have."""

import os
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from .truth import Fact, FileTruth, Truth, Version
from .world import MAX_STALE

MANNERS = ["moved over", "written in place", "another link"]
ACCIDENTS = [
    "truncated in place",
    "emptied in place",
    "deleted",
    "replaced by a directory",
    "replaced by garbage",
    "moved over by garbage",
    "replaced by a pipe",
    "a link to nowhere",
]


class LocalFile:
    """One file of a server, what it should say, and what is made of it."""

    def __init__(
        self,
        path: Path,
        facts: Callable[[bytes], Mapping[Fact, bool] | None],
        truth: Truth,
        chance: random.Random,
    ) -> None:
        self.path = path
        self._facts = facts
        self._truth = FileTruth(truth, MAX_STALE)
        self._chance = chance
        self._wanted = b""
        self._spoilt = False
        self._links = 0

    def write(self, text: str) -> None:
        """A new version, now or when the accident is over."""
        self._wanted = text.encode()
        if not self._spoilt:
            self._put(self._chance.choice(MANNERS))

    def begin(self, accident: str) -> None:
        self._spoilt = True
        begin = time.time()
        content = self._spoil(accident)
        self._say(content, begin)

    def end(self) -> None:
        self._spoilt = False
        if self.path.is_dir():
            self.path.rmdir()
        self._put("moved over")

    def _put(self, manner: str) -> None:
        begin = time.time()
        match manner:
            case "written in place" if self.path.is_file():
                self.path.write_bytes(self._wanted)
            case "another link":
                self._move_over(lambda new: new.symlink_to(self._version()))
            case _:
                self._move_over(lambda new: new.write_bytes(self._wanted))
        self._say(self._wanted, begin)

    def _spoil(self, accident: str) -> bytes | None:
        """Returns what can be read there now."""
        garbage = b"\xff" + self._chance.randbytes(200)
        match accident:
            case "truncated in place":
                length = self._chance.randrange(1, len(self._wanted))
                os.truncate(self.path, length)
                return self._wanted[:length]
            case "emptied in place":
                os.truncate(self.path, 0)
                return b""
            case "replaced by garbage":
                self.path.write_bytes(garbage)
                return garbage
            case "moved over by garbage":
                self._move_over(lambda new: new.write_bytes(garbage))
                return garbage
            case "a link to nowhere":
                self._move_over(lambda new: new.symlink_to("nowhere"))
            case "replaced by a pipe":
                self._move_over(os.mkfifo)
            case _:
                self.path.unlink()
                if accident == "replaced by a directory":
                    self.path.mkdir()
        return None

    def _version(self) -> Path:
        """A file of its own for this version, as a link needs it. No more than the last ones are kept."""
        self._links += 1
        folder = self.path.with_name(f"{self.path.name}.versions")
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            if int(old.name) < self._links - 3:
                old.unlink()
        version = folder / str(self._links)
        version.write_bytes(self._wanted)
        return version

    def _move_over(self, make: Callable[[Path], object]) -> None:
        new = self.path.with_name(f"{self.path.name}.new")
        new.unlink(missing_ok=True)
        make(new)
        os.replace(new, self.path)

    def _say(self, content: bytes | None, begin: float) -> None:
        facts = None if content is None else self._facts(content)
        self._truth.holds(Version(facts), begin, time.time())
