"""What ``./dev dist`` made of one commit in two folders is the same, complete, and for any Linux."""

import hashlib
import json
import os
import re
import subprocess
import tomllib
import zipfile
from collections import Counter
from pathlib import Path

import pytest

ONE = Path(os.environ["DIST_ONE"])
ANOTHER = Path(os.environ["DIST_ANOTHER"])
VERSION = tomllib.loads((ONE / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]["package"]["version"]
NAME = f"immuta-impersonation-{VERSION}"
TRIPLE = f"{os.uname().machine}-unknown-linux-gnu"
LIBRARY = f"native/linux-{os.uname().machine}/libimmuta_impersonation.so"
OLDEST_GLIBC = (2, 17)
# Packages whose library has another name.
LIBRARY_NAMES = {"rustls-webpki": "webpki"}


def distribution(folder: Path, suffix: str) -> Path:
    return folder / "build/distributions" / f"{NAME}{suffix}"


@pytest.fixture(scope="module")
def jar(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    directory = tmp_path_factory.mktemp("zip")
    with zipfile.ZipFile(distribution(ONE, ".zip")) as archive:
        archive.extractall(directory)
    with zipfile.ZipFile(directory / "immuta-impersonation" / f"{NAME}.jar") as opened:
        yield opened


@pytest.fixture(scope="module")
def library(jar: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(jar.extract(LIBRARY, tmp_path_factory.mktemp("library")))


@pytest.fixture(scope="module")
def sbom() -> dict:
    return json.loads(distribution(ONE, ".cdx.json").read_text(encoding="utf-8"))


def objdump(option: str, library: Path) -> str:
    return subprocess.run(
        ["objdump", option, str(library)], check=True, stdout=subprocess.PIPE, encoding="utf-8"
    ).stdout


def test_the_last_line_is_the_path_of_the_zip() -> None:
    lines = (ONE / "dist.log").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == str(distribution(ONE, ".zip"))


def test_one_commit_in_two_folders_gives_the_same_bytes() -> None:
    for suffix in (".zip", ".zip.sha256", ".cdx.json"):
        assert distribution(ONE, suffix).read_bytes() == distribution(ANOTHER, suffix).read_bytes(), suffix
    assert (ONE / f"build/libs/{NAME}.jar").read_bytes() == (ANOTHER / f"build/libs/{NAME}.jar").read_bytes()


def test_the_library_names_no_folder_of_the_machine_that_built_it(library: Path) -> None:
    content = library.read_bytes()
    assert b"rust/src/" in content, "the places of panics are told"
    assert b"/crates/" in content
    for folder in (ONE, Path.home(), Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))):
        assert os.fsencode(f"{folder}/") not in content


def test_the_library_runs_with_an_old_c_library(library: Path) -> None:
    needed = {tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_([0-9.]+)", objdump("-T", library))}
    assert needed
    assert max(needed) <= OLDEST_GLIBC


def test_the_library_is_stripped(library: Path) -> None:
    assert "no symbols" in objdump("-t", library)
    assert ".debug_info" not in objdump("-h", library)


def test_the_checksum_is_the_zips() -> None:
    content = distribution(ONE, ".zip").read_bytes()
    expected = f"{hashlib.sha256(content).hexdigest()}  {NAME}.zip\n"
    assert distribution(ONE, ".zip.sha256").read_text(encoding="utf-8") == expected


def test_the_sbom_lists_the_crates_that_were_compiled_for_the_library(sbom: dict) -> None:
    # Macros and build scripts are compiled for the machine that builds, in another folder.
    compiled = (ONE / f"target/{TRIPLE}/release/deps").glob("lib*-*.rlib")
    crates = Counter(re.fullmatch(r"lib(.+)-[0-9a-f]+\.rlib", path.name).group(1) for path in compiled)
    names = (component["name"] for component in sbom["components"])
    listed = Counter(LIBRARY_NAMES.get(name, name.replace("-", "_")) for name in names)
    assert listed == crates
    assert sbom["metadata"]["component"]["name"] == "immuta-impersonation"
    assert sbom["metadata"]["component"]["version"] == VERSION


def test_every_crate_of_the_sbom_has_a_source_a_checksum_and_a_licence(sbom: dict) -> None:
    locked = tomllib.loads((ONE / "Cargo.lock").read_text(encoding="utf-8"))["package"]
    checksums = {(package["name"], package["version"]): package.get("checksum") for package in locked}
    for component in sbom["components"]:
        name, version = component["name"], component["version"]
        assert component["purl"] == f"pkg:cargo/{name}@{version}"
        assert component["hashes"] == [{"alg": "SHA-256", "content": checksums[name, version]}]
        assert component["licenses"]


def test_the_jar_carries_the_licences_of_every_crate(jar: zipfile.ZipFile, sbom: dict) -> None:
    text = jar.read("META-INF/THIRD-PARTY-LICENSES.txt").decode()
    for component in sbom["components"]:
        assert f"\n{component['name']} {component['version']}: " in text
    assert "Permission is hereby granted" in text
    assert b"Rust Standard Library" in jar.read("META-INF/COPYRIGHT-RUST-LIBRARY.html")
    assert b"Apache License" in jar.read("META-INF/LICENSE")


def test_the_zip_holds_one_folder_with_the_jar_alone() -> None:
    with zipfile.ZipFile(distribution(ONE, ".zip")) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    assert names == [f"immuta-impersonation/{NAME}.jar"]
