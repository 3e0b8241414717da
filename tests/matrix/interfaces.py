"""Compares the security interfaces of Trino's versions with `tests/golden/interfaces.json`, or writes that file.

Reads the bytecode of the `trino-spi` jars with the JDK's `javap`, so that no server is needed and no version too new.
The Java tests then judge what the file says.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

TYPES = ("SystemAccessControl", "SystemSecurityContext", "ViewExpression")
PACKAGE = "io.trino.spi.security"
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "interfaces.json"

# By version, the signatures of each type.
Interfaces = Mapping[int, Mapping[str, frozenset[str]]]


def signature(line: str) -> str | None:
    """What a line of `javap -public` declares, without packages and modifiers.

    >>> signature("  public default void checkCanFly(java.util.Optional<java.security.Principal>, java.lang.String);")
    'void checkCanFly(Optional<Principal>, String)'
    >>> signature("  public io.trino.spi.security.ViewExpression(java.lang.String) throws java.io.IOException;")
    'ViewExpression(String)'
    >>> signature("  public static final int X;")
    >>> signature("}")
    """
    declared = re.fullmatch(r"\s+(?:public|default|abstract|static|final|\s)*(.*\(.*\))(?: throws .*)?;", line)
    return re.sub(r"\b(?:[a-z_]\w*\.)+(?=[A-Z])", "", declared.group(1)) if declared else None


def read_jar(javap: str, jar: Path) -> dict[str, frozenset[str]]:
    interfaces = {}
    for name in TYPES:
        command = [javap, "-public", "-cp", str(jar), f"{PACKAGE}.{name}"]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        # What every object has is no question of Trino's.
        found = {signature(line) for line in lines} - {
            None,
            "boolean equals(Object)",
            "int hashCode()",
            "String toString()",
        }
        if not found:
            raise SystemExit(f"javap found nothing in {PACKAGE}.{name} of {jar}")
        interfaces[name] = frozenset(found)
    return interfaces


def read_jars(javap: str, folders: Iterable[Path]) -> Interfaces:
    """The jars of `trino-spi` in the folders."""
    jars = [jar for folder in folders for jar in folder.glob("trino-spi-*.jar")]
    return {int(jar.stem.removeprefix("trino-spi-")): read_jar(javap, jar) for jar in jars}


def to_ranges(having: Iterable[int], versions: Iterable[int]) -> str:
    """
    >>> to_ranges([435, 446, 483], [435, 446, 470, 483])
    '435-446, 483'
    """
    wanted = set(having)
    ranges: list[list[int]] = []
    before = None
    for version in sorted(versions):
        if version in wanted:
            if before in wanted:
                ranges[-1][-1] = version
            else:
                ranges.append([version, version])
        before = version
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def of_ranges(ranges: str, versions: Iterable[int]) -> set[int]:
    """
    >>> sorted(of_ranges("435-446, 483", [435, 446, 470, 483]))
    [435, 446, 483]
    """
    pairs = [(part.split("-")[0], part.split("-")[-1]) for part in ranges.split(", ")]
    return {version for version in versions if any(int(first) <= version <= int(last) for first, last in pairs)}


def read_golden(path: Path) -> Interfaces:
    if not path.exists():
        return {}
    golden = json.loads(path.read_text(encoding="utf-8"))
    versions = golden["versions"]
    return {
        version: {
            name: frozenset(one for one, ranges in golden[name].items() if version in of_ranges(ranges, versions))
            for name in TYPES
        }
        for version in versions
    }


def golden_text(interfaces: Interfaces) -> str:
    golden: dict[str, object] = {"versions": sorted(interfaces)}
    for name in TYPES:
        signatures = {one for types in interfaces.values() for one in types[name]}
        golden[name] = {
            one: to_ranges([version for version, types in interfaces.items() if one in types[name]], interfaces)
            for one in sorted(signatures, key=lambda text: re.search(r"\w+\(.*", text).group())
        }
    text = json.dumps(golden, indent=2, ensure_ascii=False)
    return (
        re.sub(
            r"\[[\d\s,]+\]",
            lambda found: re.sub(r"\s+", " ", found.group()).replace("[ ", "[").replace(" ]", "]"),
            text,
        )
        + "\n"
    )


def differences(found: Interfaces, golden: Interfaces) -> list[str]:
    """What the jars say and the file does not; a version that the file lacks is compared with the one before it.

    >>> old = {name: frozenset({"void same()"}) for name in TYPES}
    >>> new = {**old, "SystemAccessControl": frozenset({"void same()", "void checkCanFly(Identity)"})}
    >>> differences({483: old, 484: new}, {483: old})
    ['484: SystemAccessControl adds void checkCanFly(Identity) to 483']
    >>> differences({484: old}, {483: new})
    ['484: SystemAccessControl lacks void checkCanFly(Identity) of 483']
    >>> differences({484: old}, {483: old})
    []
    >>> differences({484: new, 485: new}, {483: old})
    ['484: SystemAccessControl adds void checkCanFly(Identity) to 483']
    """
    lines = []
    for version in sorted(found):
        # Of those that the file lacks, each is told by what is new since the one before.
        others = {**{one: found[one] for one in found if one < version}, **golden}
        known = max((one for one in others if one <= version), default=min(others))
        for name in TYPES:
            added = found[version][name] - others[known][name]
            lacking = others[known][name] - found[version][name]
            lines += [f"{version}: {name} adds {one} to {known}" for one in sorted(added)]
            lines += [f"{version}: {name} lacks {one} of {known}" for one in sorted(lacking)]
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", action="store_true", help="print the versions of the file")
    parser.add_argument("--write", action="store_true", help="write the file instead of comparing with it")
    parser.add_argument("--javap", default="javap", help="of the newest JDK")
    parser.add_argument("folders", nargs="*", type=Path, help="where the trino-spi jars are")
    arguments = parser.parse_args()
    golden = read_golden(GOLDEN)
    if arguments.versions:
        print(*sorted(golden))
        return 0
    found = read_jars(arguments.javap, arguments.folders)
    lines = differences(found, golden) if golden else []
    print(*lines, sep="\n", end="\n" if lines else "")
    if arguments.write:
        GOLDEN.write_text(golden_text({**golden, **found}), encoding="utf-8")
        return 0
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
