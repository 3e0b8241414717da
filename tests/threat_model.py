"""Each attack in SECURITY.md names a test that is there.

>>> complaints((ROOT / "SECURITY.md").read_text(encoding="utf-8"), source)
[]

Run by ``./dev test unit``: ``python3 -m doctest tests/threat_model.py``.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = ["attack", "what answers it", "shown by"]
# Fewer, and the tables are not where this looks for them.
FEWEST = 40
LINK = re.compile(r"\[`?([A-Za-z0-9_]+)`?]\(([^)#]+)\)")
CELL = re.compile(rf"{LINK.pattern}(?:, {LINK.pattern})*")
# By the ending of a file: how a test begins, and what stands in front of it, without a blank line between the two.
BEGINNINGS = {
    ".rs": (r"\bfn {}\(", r"#\[test\]"),
    ".java": (r"\bvoid {}\(", r"@(?:Test|ParameterizedTest)\b"),
    ".py": (r"(?m)^def {}\(", r"\Z"),
}

Source = Callable[[str], str | None]


def source(path: str) -> str | None:
    """What a file of the project holds, if it is there."""
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.is_file() else None


def rows(text: str) -> Iterator[list[str]]:
    """The rows of the tables of attacks.

    >>> list(rows("| a | b |\\n| --- | --- |\\n| 1 | 2 |"))
    []
    >>> list(rows("| attack | what answers it | shown by |\\n| --- | --- | --- |\\n| x | y | z |\\n\\n| p | q | r |"))
    [['x', 'y', 'z']]
    """
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if cells == HEADER:
            inside = True
        elif not cells:
            inside = False
        elif inside and not set(line) <= set("|- "):
            yield cells


def is_test(name: str, path: str, text: str) -> bool:
    """Whether a file has this test, which something runs.

    >>> is_test("holds", "rust/tests/a.rs", "#[test]\\nfn holds() {}")
    True
    >>> is_test("holds", "rust/tests/a.rs", "fn holds() {}")
    False
    >>> is_test("holds", "rust/tests/a.rs", "#[test]\\nfn holds_more() {}")
    False
    >>> is_test("testHolds", "TestA.java", "@Test\\n    void testHolds()\\n            throws IOException")
    True
    >>> is_test("testHolds", "TestA.java", "@ParameterizedTest\\n@ValueSource(ints = {1, 2})\\nvoid testHolds(")
    True
    >>> is_test("testHolds", "TestA.java", "@Test\\nvoid testOther()\\n{}\\n\\nvoid testHolds()\\n{}")
    False
    >>> is_test("test_holds", "tests/e2e/test_a.py", "def test_holds(server: TrinoServer) -> None:")
    True
    >>> is_test("holds", "tests/e2e/test_a.py", "def holds() -> None:")
    False
    >>> is_test("holds", "docs/a.md", "holds")
    False
    """
    suffix = Path(path).suffix
    if suffix not in BEGINNINGS or (suffix == ".py" and not name.startswith("test_")):
        return False
    beginning, mark = BEGINNINGS[suffix]
    found = re.search(beginning.format(re.escape(name)), text)
    return found is not None and re.search(mark, text[: found.start()].rpartition("\n\n")[2]) is not None


def complaints(text: str, source: Source) -> list[str]:
    """What is wrong with the tables of a threat model.

    >>> files = {"a.py": "def test_a() -> None:"}
    >>> table = "| attack | what answers it | shown by |\\n| --- | --- | --- |\\n"
    >>> good = "| a | b | [test_a](a.py) |\\n"
    >>> complaints(table + good * FEWEST, files.get)
    []
    >>> complaints(table + good, files.get)
    ['there are 1 attacks; are the tables found?']
    >>> complaints(table + good * FEWEST + "| forgery | nothing | none |\\n", files.get)
    ['forgery: no test is named']
    >>> complaints(table + good * FEWEST + "| forgery | b | [test_b](a.py), [test_a](b.py) |\\n", files.get)
    ['forgery: a.py has no test test_b', 'forgery: b.py is not there']
    >>> complaints(table + good * FEWEST + "| forgery | [test_a](a.py) |\\n", files.get)
    ['forgery: the row has 2 cells']
    >>> complaints(table + good * FEWEST + "| forgery |  | [test_a](a.py) |\\n", files.get)
    ['forgery: nothing answers it']
    >>> complaints(table + good * FEWEST + "| forgery | b | [test_a](a.py), test_b |\\n", files.get)
    ['forgery: the last cell has more than links']
    """
    found = list(rows(text))
    problems = [] if len(found) >= FEWEST else [f"there are {len(found)} attacks; are the tables found?"]
    for cells in found:
        problems += [f"{cells[0]}: {problem}" for problem in problems_of(cells, source)]
    return problems


def problems_of(cells: list[str], source: Source) -> Iterator[str]:
    if len(cells) != len(HEADER):
        yield f"the row has {len(cells)} cells"
        return
    if not cells[1]:
        yield "nothing answers it"
    links = LINK.findall(cells[2])
    if not links:
        yield "no test is named"
    elif CELL.fullmatch(cells[2]) is None:
        yield "the last cell has more than links"
    for name, path in links:
        text = source(path)
        if text is None:
            yield f"{path} is not there"
        elif not is_test(name, path, text):
            yield f"{path} has no test {name}"
