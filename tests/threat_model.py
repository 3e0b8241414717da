"""Each attack in SECURITY.md names tests that are there and speak of it.

That a test shows what a row says is for people to see. What this sees: the test has a word in common with the row that
few of the other tests have. Of tests that are moved to another row, it finds most.

>>> text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
>>> complaints(text, source)
[]
>>> list(without_subject(rows(text), source))
[]
>>> strangers = list(without_subject(rows(with_tests_of_another_row(text)), source))
>>> len(strangers) > len(LINK.findall(text)) / 2
True

Run by ``./dev test unit``: ``python3 -m doctest tests/threat_model.py``.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
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

# By the ending of a file: where the next test begins.
NEXT = {
    ".rs": re.compile(r"\n *(?:#\[test\]|proptest!|mod )"),
    ".java": re.compile(r"\n    @(?:Test|ParameterizedTest)\b"),
    ".py": re.compile(r"\n(?:def test_|@pytest)"),
}
# So many letters of a word tell it from others, and its forms not from each other.
STEM = 5
# What a fifth of the tests have tells nothing of one.
COMMON = 0.2

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


def body(name: str, path: str, text: str) -> str:
    """The test alone.

    >>> body("test_a", "a.py", "def test_a():\\n    one()\\n\\n\\ndef test_b():\\n    two()")
    'def test_a():\\n    one()\\n\\n'
    >>> body("holds", "a.rs", "#[test]\\nfn other() {}\\n\\n#[test]\\nfn holds() {}")
    'fn holds() {}'
    """
    suffix = Path(path).suffix
    rest = text[re.search(BEGINNINGS[suffix][0].format(re.escape(name)), text).start() :]
    end = NEXT[suffix].search(rest, 1)
    return rest[: end.start()] if end else rest


def words(text: str) -> set[str]:
    """The beginnings of what may be words of a subject.

    >>> sorted(words("An administrator of `Immuta`, testAdministratorsOfAnEngine"))
    ['admin', 'engin', 'immut', 'test']
    """
    apart = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    return {word.lower()[:STEM] for word in re.findall("[A-Za-z]+", apart) if len(word) >= 4}


def without_subject(table: Iterable[list[str]], source: Source) -> Iterator[str]:
    """The rows with a test that has no word of the row, among those that tell one test from another.

    >>> files = {f"{name}.py": f"def test_{name}(): assert True" for name in ["forgery", "flood", "chain"]}
    >>> table = [[name, "answer", f"[test_{name}]({name}.py)"] for name in ["forgery", "flood"]]
    >>> list(without_subject(table, files.get))
    []
    >>> list(without_subject([*table, ["flood", "answer", "[test_chain](chain.py)"]], files.get))
    ['flood: test_chain has no word of the row that few other tests have']
    """
    found = list(table)
    tests = {}
    for cells in found:
        for name, path in LINK.findall(cells[-1]):
            text = source(path)
            if text is not None and is_test(name, path, text):
                tests[name, path] = words(body(name, path, text))
    counts = Counter(word for has in tests.values() for word in has)
    common = {word for word, count in counts.items() if count > max(1, COMMON * len(tests))}
    for cells in found:
        subject = words(" ".join(cells[:-1])) - common
        for link in LINK.findall(cells[-1]):
            if link in tests and not tests[link] & subject:
                yield f"{cells[0]}: {link[0]} has no word of the row that few other tests have"


def with_tests_of_another_row(text: str) -> str:
    """The same tables, with the tests of a row half of the rows further on."""
    found = list(rows(text))
    for index, cells in enumerate(found):
        other = found[(index + len(found) // 2) % len(found)]
        text = text.replace(f"| {cells[0]} | {cells[1]} | {cells[2]} |", f"| {cells[0]} | {cells[1]} | {other[2]} |")
    return text


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
