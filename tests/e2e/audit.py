"""Reading the audit file of a running server, and judging every line that a server has left."""

import functools
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from .environment import ROOT
from .waiting import wait_until


@functools.cache
def schema() -> Draft202012Validator:
    schema = json.loads(ROOT.joinpath("docs/audit.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def check_lines(directory: Path) -> int:
    """Judges each line of the audit files below the directory by the schema; says how many there are."""
    count = 0
    for path in sorted(directory.glob("**/*.jsonl*")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            error = best_match(schema().iter_errors(json.loads(line)))
            assert error is None, f"{path}:{number}: {error.message} at {error.json_path}: {line}"
            count += 1
    return count


class AuditFile:
    """The lines written since this object was made or last told to start afresh, also into files set aside since."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._skip = 0
        self.start_afresh()

    def start_afresh(self) -> None:
        self._skip = len(self._complete_lines())

    def decisions(self) -> list[dict[str, Any]]:
        return self._lines("decision")

    def queries(self) -> list[dict[str, Any]]:
        return self._lines("query")

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

    def wait_for_query(self, source: str) -> dict[str, Any]:
        """The line of the query of this source; it is written when Trino says that the query has ended."""

        def line() -> dict[str, Any] | None:
            return next((query for query in self.queries() if query["source"] == source), None)

        return wait_until(line, f"an audit line about the query of {source}")

    def files(self) -> list[Path]:
        """Those set aside, oldest first, and the one that is written to."""
        aside = sorted(self._path.parent.glob(f"{self._path.name}-*"), key=_age)
        return [*aside, *([self._path] if self._path.exists() else [])]

    def _lines(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self._complete_lines()[self._skip :]) if line["type"] == kind]

    def _complete_lines(self) -> list[str]:
        while True:
            files = self.files()
            text = "".join(path.read_text(encoding="utf-8") for path in files if path.exists())
            # Between the list and the last read one may have been set aside.
            if files == self.files():
                return text.split("\n")[:-1]


def _age(path: Path) -> tuple[str, int]:
    """Of several that end in one second the later ones are numbered."""
    _, stamp, *number = path.name.rsplit(".jsonl", 1)[1].split("-")
    return stamp, int(number[0]) if number else 0
