"""A small disk for the audit file: it fills up, and files are moved away."""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from e2e.audit import schema

SIZE = "16m"
FULL = "disk full"
MOVED = "file moved away"


class AuditDisk:
    """A file system of its own where that can be had, from entering to leaving."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "audit.jsonl"
        self.is_small = False
        self._filler = directory / "filler"
        self._moved = 0
        # How much of each file has been read.
        self._read: dict[int, int] = {}

    def __enter__(self) -> "AuditDisk":
        self.directory.mkdir()
        if os.geteuid() == 0:
            mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", self.directory]
            self.is_small = subprocess.run(mount, check=False, capture_output=True).returncode == 0
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_small:
            subprocess.run(["umount", self.directory], check=True)

    def begin(self, kind: str) -> None:
        if kind == FULL:
            with contextlib.suppress(OSError), self._filler.open("wb", buffering=0) as filler:
                for size in (65536, 512, 1):
                    with contextlib.suppress(OSError):
                        while True:
                            filler.write(bytes(size))
        elif self.file.exists():
            # As logrotate does without copytruncate.
            self._moved += 1
            self.file.rename(self.file.with_name(f"{self.file.name}.moved-{self._moved}"))

    def end(self, kind: str) -> None:
        if kind == FULL:
            self._filler.unlink()

    def new_lines(self) -> Iterator[dict[str, Any]]:
        """What was written since the last time, wherever it lies now. Each line is as documented."""
        for path in sorted(self.directory.glob(f"{self.file.name}*")):
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                inode = os.fstat(file.fileno()).st_ino
                file.seek(self._read.get(inode, 0))
                text = file.read()
                whole = text[: text.rfind(b"\n") + 1]
                self._read[inode] = self._read.get(inode, 0) + len(whole)
                for line in whole.splitlines():
                    yield parse(line)

    def forget_what_was_moved(self) -> None:
        """Makes room. Only when all lines are read, and nobody writes."""
        for path in self.directory.glob(f"{self.file.name}?*"):
            path.unlink()


def parse(line: bytes) -> dict[str, Any]:
    parsed = json.loads(line)
    schema().validate(parsed)
    return {**parsed, "seconds": datetime.fromisoformat(parsed["time"]).timestamp()}
