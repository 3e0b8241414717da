import random
import time
from pathlib import Path

import pytest

from chaos.files import ACCIDENTS, MANNERS, LocalFile
from chaos.truth import Truth
from chaos.world import MAX_STALE, SERVICES, World, is_in_group

SERVICE = SERVICES[0]
FACT = is_in_group("file", SERVICE)


@pytest.fixture
def world() -> World:
    return World("file")


@pytest.fixture
def truth() -> Truth:
    return Truth()


@pytest.fixture
def file(tmp_path: Path, world: World, truth: Truth) -> LocalFile:
    file = LocalFile(tmp_path / "groups.txt", world.facts_of_groups, truth, random.Random(1))
    file.write(world.groups())
    return file


def test_whatever_the_manner_a_new_version_is_there_and_true(file: LocalFile, world: World, truth: Truth) -> None:
    for number in range(len(MANNERS) * 10):
        (world.members.discard if number % 2 == 0 else world.members.add)(SERVICE)
        file.write(world.groups())
        assert file.path.read_text(encoding="utf-8") == world.groups()
        assert truth.is_true(FACT, time.time()) == (SERVICE in world.members)


@pytest.mark.parametrize("accident", ACCIDENTS)
def test_after_an_accident_the_newest_version_is_there(
    file: LocalFile, world: World, truth: Truth, accident: str
) -> None:
    for _ in range(10):
        file.begin(accident)
        assert not (file.path.is_file() and file.path.read_text(encoding="utf-8", errors="replace") == world.groups())
        # Meanwhile somebody is taken out, or in again, which can be written only afterwards.
        world.members ^= {SERVICE}
        file.write(world.groups())
        file.end()
        assert file.path.read_text(encoding="utf-8") == world.groups()
        assert truth.is_true(FACT, time.time()) == (SERVICE in world.members)


@pytest.mark.parametrize("accident", sorted({*ACCIDENTS} - {"truncated in place", "emptied in place"}))
def test_what_cannot_be_read_may_serve_for_a_limited_time(file: LocalFile, truth: Truth, accident: str) -> None:
    file.begin(accident)
    now = time.time()
    assert truth.is_true(FACT, now)
    assert not truth.is_true(FACT, now + MAX_STALE)


def test_a_group_file_without_a_line_has_no_members(file: LocalFile, truth: Truth) -> None:
    file.begin("emptied in place")
    assert not truth.is_true(FACT, time.time())
