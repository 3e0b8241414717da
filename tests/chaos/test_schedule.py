from itertools import pairwise

from chaos.schedule import Lane, Schedule

LANES = [Lane("source", ["kill", "freeze", "cut"], 0.5, 6, 3), Lane("disk", ["full"], 1, 2, 5)]


def test_a_seed_gives_the_same_faults_again() -> None:
    one, other = Schedule(7, LANES), Schedule(7, LANES)
    assert [one.next_round(60) for _ in range(3)] == [other.next_round(60) for _ in range(3)]


def test_another_seed_gives_other_faults() -> None:
    assert Schedule(7, LANES).next_round(60) != Schedule(8, LANES).next_round(60)


def test_a_lane_has_one_fault_at_a_time_and_none_outlives_its_round() -> None:
    events = Schedule(7, LANES).next_round(60)
    for lane in LANES:
        edges = [event for event in events if event.lane == lane.name]
        assert [event.edge for event in edges] == ["begin", "end"] * (len(edges) // 2)
        assert all(begin.kind == end.kind for begin, end in zip(edges[::2], edges[1::2], strict=True))
    assert all(0 <= one.at <= other.at <= 60 for one, other in pairwise(events))


def test_every_kind_comes_before_one_comes_again() -> None:
    begins = [event for event in Schedule(7, LANES).next_round(300) if (event.lane, event.edge) == ("source", "begin")]
    kinds = [event.kind for event in begins]
    assert len(kinds) > 9
    for start in range(0, len(kinds) - 2, 3):
        assert sorted(kinds[start : start + 3]) == ["cut", "freeze", "kill"]


def test_a_further_lane_leaves_the_others_as_they_are() -> None:
    alone = Schedule(7, LANES[:1]).next_round(60)
    assert [event for event in Schedule(7, LANES).next_round(60) if event.lane == "source"] == alone
