"""Writes `docs/compatibility.md` from the reports that `./dev test matrix` leaves, one for each version of Trino.

The page is written once every version has a report of the same zip. Until then it is only printed, so that a run of a
few versions does not take the others off the page.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

PAGE = Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"


@dataclass
class Report:
    """What one version's run of the end-to-end tests has said."""

    trino: str
    properties: dict[str, str] = field(default_factory=dict)
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    # Reasons, and how many tests give them.
    skipped: Counter[str] = field(default_factory=Counter)
    # What tests found to be otherwise than in other versions.
    differs: list[str] = field(default_factory=list)


def read_report(trino: str, text: str) -> Report:
    """
    >>> report = read_report("470", '''<testsuites><testsuite>
    ... <testcase classname="a" name="t1"><properties><property name="jdk" value="25.0.3"/></properties></testcase>
    ... <testcase classname="a" name="t2"><skipped message="no memory">a.py:3: no memory</skipped></testcase>
    ... <testcase classname="a" name="t3"><failure message="x"/></testcase>
    ... <testcase classname="a" name="t4">
    ... <properties><property name="differs" value="says more"/></properties></testcase>
    ... </testsuite></testsuites>''')
    >>> report.passed, report.failed, dict(report.skipped), report.differs, report.properties
    (2, ['a.t3'], {'no memory': 1}, ['says more'], {'jdk': '25.0.3'})
    """
    report = Report(trino)
    root = ElementTree.fromstring(text)
    for one in root.iterfind(".//testcase/properties/property"):
        name, value = one.get("name", ""), one.get("value", "")
        if name != "differs":
            report.properties[name] = value
        elif value not in report.differs:
            report.differs.append(value)
    for case in root.iter("testcase"):
        skipped = case.find("skipped")
        if skipped is not None:
            report.skipped[skipped.get("message", "")] += 1
        elif case.find("failure") is not None or case.find("error") is not None:
            report.failed.append(f"{case.get('classname')}.{case.get('name')}")
        else:
            report.passed += 1
    return report


def missing(reports: Sequence[Report], versions: Iterable[str]) -> list[str]:
    """Why the page would not be true.

    >>> one, other = Report("435", {"zip": "aa"}, 3), Report("483", {"zip": "bb"}, 3)
    >>> missing([one], ["435", "483"])
    ['there is no report of Trino 483']
    >>> missing([one, other], ["435", "483"])
    ['the reports are of different zips']
    >>> missing([one, Report("483", {"zip": "aa"}, 0)], ["435", "483"])
    ['no test ran on Trino 483']
    >>> missing([one, Report("483", {"zip": "aa"}, 3)], ["435", "483"])
    []
    """
    there = {report.trino for report in reports}
    reasons = [f"there is no report of Trino {version}" for version in versions if version not in there]
    reasons += [f"no test ran on Trino {report.trino}" for report in reports if not report.passed + len(report.failed)]
    if len({report.properties.get("zip") for report in reports}) > 1:
        reasons.append("the reports are of different zips")
    return reasons


def line(report: Report) -> str:
    return (
        f"Trino {report.trino} on JDK {report.properties['jdk']}: {report.passed} passed, {len(report.failed)} failed, "
        f"{report.skipped.total()} skipped"
    )


def page(reports: Sequence[Report]) -> str:
    rows = [
        "| {} | {} | {} | {} | {} | {} | {} |".format(
            report.trino,
            report.properties["jdk"],
            report.properties["server"],
            report.properties["login"],
            report.passed,
            len(report.failed),
            report.skipped.total(),
        )
        for report in reports
    ]
    parts = [
        "# Compatibility",
        "Written by `./dev test matrix`, which runs every end-to-end test of both paths on each of these servers, "
        "all with the same zip.",
        f"Zip: `{reports[0].properties['plugin']}`, SHA-256 `{reports[0].properties['zip']}`.",
        "\n".join(
            [
                "| Trino | JDK | server from | clients log in by | passed | failed | skipped |",
                "| --- | --- | --- | --- | ---: | ---: | ---: |",
                *rows,
            ]
        ),
        "## What differs",
    ]
    for report in reports:
        differences = [
            *(f"* {text}" for text in report.differs),
            *(f"* {count} skipped: {reason}" for reason, count in sorted(report.skipped.items())),
            *(f"* failed: `{name}`" for name in report.failed),
        ]
        parts += [f"### Trino {report.trino}", "\n".join(differences) or "Nothing."]
    return "\n\n".join(parts) + "\n"


def main(arguments: Sequence[str]) -> int:
    folder, versions = Path(arguments[0]), arguments[1:]
    paths = {version: folder / f"{version}.xml" for version in versions}
    reports = [
        read_report(version, path.read_text(encoding="utf-8")) for version, path in paths.items() if path.exists()
    ]
    for report in reports:
        print(line(report))
    reasons = missing(reports, versions)
    if not reports:
        return 1
    if reasons:
        print(f"{PAGE.name} is left as it was: {'; '.join(reasons)}. It would be:\n\n{page(reports)}")
    else:
        PAGE.write_text(page(reports), encoding="utf-8")
        print(f"wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
