"""The crates that are linked into the native library, as Cargo tells them."""

import json
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = "immuta-impersonation"
ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Crate:
    name: str
    version: str
    license: str
    folder: Path
    repository: str | None
    # Of the published archive; our own crate has none.
    sha256: str | None
    uses: set[tuple[str, str]] = field(default_factory=set)

    @property
    def key(self) -> tuple[str, str]:
        return self.name, self.version


def linked_crates(processors: list[str]) -> list[Crate]:
    """Ours first, then the others by name. Macros and build scripts run on the builder's machine and are not linked."""
    uses: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for processor in processors:
        read_tree(processor, uses)
    known = known_crates(processors)
    for key, used in uses.items():
        known[key].uses = used
    return sorted((known[key] for key in uses), key=lambda crate: (crate.name != PACKAGE, crate.key))


def read_tree(processor: str, uses: dict[tuple[str, str], set[tuple[str, str]]]) -> None:
    """Only ``cargo tree`` chooses features as ``cargo build`` does; ``cargo metadata`` adds those of tests."""
    options = ["--package", PACKAGE, "--edges", "normal,no-proc-macro", "--target", rust_target(processor)]
    path: list[tuple[str, str]] = []
    for line in cargo("tree", *options, "--prefix", "depth", "--format", "|{p}").splitlines():
        depth, package = line.split("|")
        name, version = package.split()[:2]
        key = name, version.removeprefix("v")
        del path[int(depth) :]
        uses.setdefault(key, set())
        if path:
            uses[path[-1]].add(key)
        path.append(key)


def known_crates(processors: list[str]) -> dict[tuple[str, str], Crate]:
    """Every crate that is used for something on these processors."""
    checksums = lock_file_checksums()
    platforms = [word for processor in processors for word in ("--filter-platform", rust_target(processor))]
    crates = {}
    for package in json.loads(cargo("metadata", "--format-version", "1", *platforms))["packages"]:
        key = package["name"], package["version"]
        crates[key] = Crate(
            *key,
            # The slash is how Cargo wrote OR.
            license=(package["license"] or "").replace("/", " OR "),
            folder=Path(package["manifest_path"]).parent,
            repository=package["repository"],
            sha256=checksums.get(key),
        )
    return crates


def lock_file_checksums() -> dict[tuple[str, str], str]:
    packages = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))["package"]
    return {(package["name"], package["version"]): package["checksum"] for package in packages if "checksum" in package}


def rust_target(processor: str) -> str:
    return f"{processor}-unknown-linux-gnu"


def cargo(*arguments: str) -> str:
    command = ["cargo", *arguments, "--locked", "--color", "never"]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout
