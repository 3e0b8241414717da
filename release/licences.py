"""Writes what others ask to be told of their work in the native library: ``licences.py FOLDER PROCESSOR...``."""

import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from crates import PACKAGE, Crate, linked_crates

LICENCE_FILE = re.compile(r"(un)?licen[cs]e|copying|copyright|notice", re.IGNORECASE)
RUST_NOTICES = "COPYRIGHT-RUST-LIBRARY.html"
RULER = "=" * 120 + "\n"


def licence_files(crate: Crate) -> list[Path]:
    """Also those of code that a crate has from elsewhere, which lie beside that code."""
    return sorted(path for path in crate.folder.rglob("*") if path.is_file() and LICENCE_FILE.match(path.name))


def list_line(crate: Crate) -> str:
    return f"{crate.name} {crate.version}: {crate.license}; {crate.repository or 'no repository named'}\n"


def texts(crates: list[Crate]) -> dict[str, list[str]]:
    """Each text once, with the files that have it."""
    found = defaultdict(list)
    for crate in crates:
        files = licence_files(crate)
        if not files and "Apache-2.0" not in re.split(r"[\s()]+", crate.license):
            # The text of that one is in the jar anyway.
            raise SystemExit(
                f"{crate.name} {crate.version} ({crate.license}) comes without the text of its licence: ask its authors"
            )
        for path in files:
            text = path.read_text(encoding="utf-8").replace("\r\n", "\n").strip() + "\n"
            found[text].append(f"{crate.name} {crate.version}: {path.relative_to(crate.folder)}")
    return found


def rustc(*arguments: str) -> str:
    return subprocess.run(["rustc", *arguments], check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout.strip()


def copy_notices_of_rust(target: Path) -> None:
    notices = Path(rustc("--print", "sysroot")) / "share/doc/rust/COPYRIGHT-library.html"
    if not notices.is_file():
        raise SystemExit(f"{notices} is missing, which a release must carry: rustup's Rust has it")
    shutil.copyfile(notices, target)


def licences(crates: list[Crate]) -> str:
    parts = [
        "The native library is made of the code of this project, under the Apache License 2.0 (LICENSE), and of:\n\n",
        *map(list_line, crates),
        f"the standard library of Rust ({rustc('--version')}): see {RUST_NOTICES}\n",
        "LLVM's libunwind and compiler-rt, as Zig ships them: Apache-2.0 WITH LLVM-exception\n",
        "\nWhere no text is below, Apache-2.0 is one of the licences to choose from, and is the one chosen.\n",
    ]
    for text, files in texts(crates).items():
        parts += ["\n", RULER, *(f"{file}\n" for file in files), RULER, "\n", text]
    return "".join(parts)


def main(folder: Path, processors: list[str]) -> None:
    crates = [crate for crate in linked_crates(processors) if crate.name != PACKAGE]
    (folder / "THIRD-PARTY-LICENSES.txt").write_text(licences(crates), encoding="utf-8")
    copy_notices_of_rust(folder / RUST_NOTICES)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
