"""The schedule: order, failure, selection, as a pure state machine."""

from hypothesis import given
from hypothesis import strategies as st

from engine.schedule import Schedule


def needs(*sets: set[int]) -> list[frozenset[int]]:
    return [frozenset(item) for item in sets]


def drain(schedule: Schedule) -> list[int]:
    order = []
    while (cell := schedule.next()) is not None:
        order.append(cell)
        schedule.done(cell)
    return order


def test_the_longest_chain_behind_a_cell_goes_first() -> None:
    schedule = Schedule(needs(set(), set(), {1}, {2}))
    assert [schedule.next(), schedule.next(), schedule.next()] == [1, 0, None]


def test_of_many_chains_behind_a_cell_the_longest_counts() -> None:
    schedule = Schedule(needs(set(), set(), {0}, {2}, {1}, {1}, {5}, {6}))
    assert [schedule.rank(cell) for cell in range(8)] == [-3, -4, -2, -1, -1, -3, -2, -1]
    assert [schedule.next(), schedule.next()] == [1, 0]


def test_a_cell_waits_for_all_that_it_needs() -> None:
    schedule = Schedule(needs(set(), set(), {0, 1}))
    assert {schedule.next(), schedule.next()} == {0, 1}
    schedule.done(0)
    assert schedule.next() is None
    schedule.done(1)
    assert schedule.next() == 2


def test_a_failure_skips_what_needs_it_and_leaves_the_other_branch() -> None:
    schedule = Schedule(needs(set(), {0}, {1}, set(), {3}, {2, 4}))
    assert schedule.next() == 0
    assert schedule.failed(0) == [1, 2, 5]
    assert drain(schedule) == [3, 4]
    assert schedule.finished


def test_a_cell_skipped_once_is_not_skipped_again() -> None:
    schedule = Schedule(needs(set(), set(), {0, 1}))
    assert schedule.failed(0) == [2]
    assert schedule.failed(1) == []
    assert schedule.finished


def test_cells_left_out_never_start_and_do_not_hold_the_end() -> None:
    schedule = Schedule(needs(set(), {0}, set()))
    schedule.leave_out({2})
    assert drain(schedule) == [0, 1]
    assert schedule.finished


def test_a_cell_left_out_does_not_start_when_what_it_needs_is_done() -> None:
    schedule = Schedule(needs(set(), {0}, {0}))
    schedule.leave_out({1})
    assert drain(schedule) == [0, 2]
    assert schedule.finished


@given(st.data())
def test_any_graph_runs_every_cell_once_after_what_it_needs(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 25))
    graph = [
        frozenset(data.draw(st.sets(st.integers(0, cell - 1), max_size=4)) if cell else ())
        for cell in range(size)
    ]
    order = drain(Schedule(graph))
    assert sorted(order) == list(range(size))
    place = {cell: at for at, cell in enumerate(order)}
    assert all(place[need] < place[cell] for cell, found in enumerate(graph) for need in found)
