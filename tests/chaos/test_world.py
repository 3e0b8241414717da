import pytest

from chaos.truth import Truth
from chaos.world import (
    ADMIN,
    GHOST,
    GROUP,
    IMPERSONATORS,
    PLAIN,
    SERVICES,
    TARGETS,
    World,
    holds_permission,
    is_enabled,
    is_in_group,
    is_in_scope,
)


@pytest.fixture
def world() -> World:
    return World("file")


def pairs(world: World) -> set[tuple[str, str]]:
    truth = Truth()
    for facts in (world.facts_of_policy(world.policy().encode()), world.facts_of_groups(world.groups().encode())):
        for fact, value in facts.items():
            truth.say(fact, value, 10, 10)
    return set(world.entitled(truth, 20))


def test_who_holds_everything_is_entitled_and_nobody_else(world: World) -> None:
    world.granted.discard(SERVICES[0])
    world.members.discard(SERVICES[1])
    world.disabled.add("t3")
    world.scope = "narrow"
    targets = {f"t{number}" for number in range(10)} - {"t3"}
    assert pairs(world) == {(user, target) for user in [*SERVICES[2:], ADMIN] for target in targets}


def test_nobody_grants_anything_to_the_plain_user_or_knows_the_ghost(world: World) -> None:
    assert all(user != PLAIN and target != GHOST for user, target in pairs(world))


def test_a_policy_file_says_who_may_what(world: World) -> None:
    facts = world.facts_of_policy(world.policy().encode())
    assert facts[holds_permission("file", SERVICES[0])]
    assert not facts[holds_permission("file", PLAIN)]
    assert facts[is_enabled("file", TARGETS[0])]
    assert facts[is_in_scope("file", TARGETS[-1])]


def test_with_immuta_a_policy_file_says_nothing_of_users() -> None:
    world = World("immuta")
    assert world.facts_of_policy(world.policy().encode()).keys() == {is_in_scope("immuta", name) for name in TARGETS}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"users": []}', b"\xff"])
def test_what_is_no_policy_file_says_nothing(world: World, content: bytes) -> None:
    assert world.facts_of_policy(content) is None


def test_part_of_a_group_file_is_a_group_file_with_less(world: World) -> None:
    facts = world.facts_of_groups(f"{GROUP}:svc_0,sv".encode())
    assert facts == {is_in_group("file", user): user == "svc_0" for user in IMPERSONATORS}


@pytest.mark.parametrize("content", [b"robo", b":svc_0", b"robots:svc_0:x", b"\xff"])
def test_what_is_no_group_file_says_nothing(world: World, content: bytes) -> None:
    assert world.facts_of_groups(content) is None
