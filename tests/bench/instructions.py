"""Compares how many instructions decisions take with what they took when the baseline was written.

Time tells little on a machine that others use; Valgrind counts the same everywhere, up to where names happen to lie in
hash tables.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from results import Count, read_count

BASELINE = Path(__file__).with_name("instructions.json")
# Seeds of hash tables differ from run to run, and with them which users share a place of a thread.
ALLOWED = 1.1
# Another compiler makes other instructions; that is no change of ours, up to a point.
ALLOWED_TO_ANOTHER_COMPILER = 1.25
# Where a new baseline is worth writing.
BETTER = 0.9


class Verdict(NamedTuple):
    passed: bool
    text: str


def judge(counts: Mapping[str, float], baseline: Mapping[str, float], same_compiler: bool) -> Iterator[Verdict]:
    """
    >>> baseline = {"cache 10": 1000.0, "policy file 10": 800.0}
    >>> for verdict in judge({"cache 10": 1099.0, "policy file 10": 700.0}, baseline, True):
    ...     print(verdict)
    Verdict(passed=True, text='cache 10: 1099 instructions, 1.10 of the baseline')
    Verdict(passed=True, text='policy file 10: 700 instructions, 0.88 of the baseline: worth a new one')
    >>> [verdict.passed for verdict in judge({"cache 10": 1101.0, "policy file 10": 800.0}, baseline, True)]
    [False, True]
    >>> [verdict.passed for verdict in judge({"cache 10": 1240.0, "policy file 10": 1001.0}, baseline, False)]
    [True, False]
    >>> for verdict in judge({"cache 10": 1000.0, "new": 1.0}, baseline, True):
    ...     print(verdict)
    Verdict(passed=True, text='cache 10: 1000 instructions, 1.00 of the baseline')
    Verdict(passed=False, text='new: is not in the baseline')
    Verdict(passed=False, text='policy file 10: was not counted')
    """
    allowed = ALLOWED if same_compiler else ALLOWED_TO_ANOTHER_COMPILER
    for workload, count in counts.items():
        if workload not in baseline:
            yield Verdict(False, f"{workload}: is not in the baseline")
            continue
        ratio = count / baseline[workload]
        hint = ": worth a new one" if ratio < BETTER and same_compiler else ""
        yield Verdict(ratio <= allowed, f"{workload}: {count:.0f} instructions, {ratio:.2f} of the baseline{hint}")
    for workload in baseline:
        if workload not in counts:
            yield Verdict(False, f"{workload}: was not counted")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="where Valgrind's counts are")
    parser.add_argument("--rust", required=True, help="the compiler's version")
    parser.add_argument("--write", action="store_true", help="make these counts the baseline")
    options = parser.parse_args()
    read: list[Count] = [read_count(path) for path in sorted(options.folder.glob("*.callgrind"))]
    counts = {count.workload: round(count.instructions, 1) for count in read}
    if options.write:
        BASELINE.write_text(json.dumps({"rust": options.rust, "counts": counts}, indent=2) + "\n", encoding="utf-8")
        print(f"{BASELINE.name} is written")
        return
    baseline = json.loads(BASELINE.read_text(encoding="utf-8"))
    verdicts = list(judge(counts, baseline["counts"], baseline["rust"] == options.rust))
    for verdict in verdicts:
        print(f"{'   ' if verdict.passed else '!  '}{verdict.text}")
    passed = sum(verdict.passed for verdict in verdicts)
    print(f"instructions: {passed} passed, {len(verdicts) - passed} failed")
    if passed < len(verdicts):
        print(
            "What takes more needs a reason; then ./dev test instructions --write makes it the baseline",
            file=sys.stderr,
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
