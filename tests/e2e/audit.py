"""Reading the audit file of a running server."""

import json
from pathlib import Path
from typing import Any

from .waiting import wait_until


class AuditFile:
    """The decision lines written since this object was made or last told to start afresh."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._skip = 0
        self.start_afresh()

    def start_afresh(self) -> None:
        self._skip = len(self._complete_lines())

    def decisions(self) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self._complete_lines()[self._skip :]) if line["type"] == "decision"]

    def wait_for_decisions(self, count: int) -> list[dict[str, Any]]:
        """All of them, once there are as many; more than expected are a failure, too."""
        decisions = wait_until(lambda: len(found := self.decisions()) >= count and found, f"{count} audit lines")
        assert len(decisions) == count, decisions
        return decisions

    def wait_for_any(self) -> dict[str, Any]:
        """The newest decision, whoever it is about."""
        return wait_until(lambda: self.decisions()[-1:], "an audit line")[0]

    def wait_for(self, impersonator: str, target: str) -> dict[str, Any]:
        """The newest decision about the two; it is written shortly after the answer at the latest."""

        def newest() -> dict[str, Any] | None:
            for decision in reversed(self.decisions()):
                if (decision["impersonator"], decision["target"]) == (impersonator, target):
                    return decision
            return None

        return wait_until(newest, f"an audit line about {impersonator} and {target}")

    def wait_for_reason(self, impersonator: str, target: str, reason: str) -> None:
        """Where earlier decisions about the two had another reason."""
        wait_until(lambda: self.wait_for(impersonator, target)["reason"] == reason, f"the newest reason is {reason}")

    def _complete_lines(self) -> list[str]:
        if not self._path.exists():
            return []
        return self._path.read_text(encoding="utf-8").split("\n")[:-1]
