"""The schedule: order, failure, selection, as a pure state machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.execution.scheduler import Schedule


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
    assert {schedule.next(), schedule.next()} == {0, 1}
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


def test_a_second_chance_lets_wait_again_what_was_skipped_because_of_that_cell_alone() -> None:
    schedule = Schedule(needs(set(), set(), {0}, {0, 1}, {3}, {2}))
    assert {schedule.next(), schedule.next()} == {0, 1}
    assert schedule.failed(0) == [2, 3, 4, 5]
    assert schedule.failed(1) == []
    assert schedule.finished
    revived = schedule.retry({0})
    assert (revived.waiting, revived.moved) == ((2, 5), {3: 1, 4: 1})
    assert [schedule.culprit(cell) for cell in range(6)] == [None, None, None, 1, 1, None]
    assert not schedule.finished
    assert drain(schedule) == [0, 2, 5]
    assert schedule.finished
    assert schedule.retry({1}).waiting == (3, 4)
    assert drain(schedule) == [1, 3, 4]


def test_two_that_are_tried_again_together_keep_nothing_skipped() -> None:
    schedule = Schedule(needs(set(), set(), {0, 1}))
    assert {schedule.next(), schedule.next()} == {0, 1}
    schedule.failed(0)
    schedule.failed(1)
    revived = schedule.retry({0, 1})
    assert (revived.waiting, revived.moved) == ((2,), {})
    assert sorted(drain(schedule)) == [0, 1, 2]


def test_a_cell_that_was_left_out_is_not_brought_back() -> None:
    schedule = Schedule(needs(set(), {0}, {0}))
    schedule.leave_out({1})
    assert schedule.next() == 0
    assert schedule.failed(0) == [2]
    assert schedule.retry({0}).waiting == (2,)
    assert drain(schedule) == [0, 2]
    assert schedule.finished


@pytest.mark.parametrize("state", ["waiting", "ready", "taken", "done", "skipped", "left out"])
def test_only_what_failed_can_be_tried_again_and_a_refusal_changes_nothing(state: str) -> None:
    cells = ["taken", "done", "failed", "skipped", "waiting", "left out", "ready"]
    schedule = Schedule(needs(set(), set(), set(), {2}, {0}, set(), set()))
    schedule.leave_out({5})
    assert {schedule.next() for _ in range(3)} == {0, 2, 1}
    schedule.done(1)
    assert schedule.failed(2) == [3]
    with pytest.raises(ValueError, match="only a cell that failed"):
        schedule.retry({2, cells.index(state)})
    assert schedule.culprit(3) == 2
    assert schedule.next() == 6
    assert schedule.next() is None
    assert schedule.retry({2}).waiting == (3,)


@given(st.data())
def test_any_failures_and_second_chances_skip_exactly_what_cannot_run(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 12))
    graph = [
        frozenset(data.draw(st.sets(st.integers(0, cell - 1), max_size=3)) if cell else ())
        for cell in range(size)
    ]
    schedule = Schedule(graph)
    taken, done, failed = set[int](), set[int](), set[int]()
    skipped = set[int]()
    for _ in range(data.draw(st.integers(0, 30))):
        choices = ["take"] + ["end"] * bool(taken) + ["retry"] * bool(failed)
        match data.draw(st.sampled_from(choices)):
            case "take":
                cell = schedule.next()
                able = ready(graph, taken | done | failed | skipped, done)
                assert (cell is None and not able) or cell in able
                taken |= {cell} - {None}
            case "end":
                cell = data.draw(st.sampled_from(sorted(taken)))
                taken -= {cell}
                if data.draw(st.booleans()):
                    schedule.done(cell)
                    done |= {cell}
                else:
                    told = schedule.failed(cell)
                    failed |= {cell}
                    assert told == sorted(after(graph, failed) - skipped - failed)
            case _:
                again = data.draw(st.sets(st.sampled_from(sorted(failed)), min_size=1))
                revived = schedule.retry(again)
                failed -= again
                assert set(revived.waiting) == skipped - after(graph, failed)
                assert set(revived.moved.values()) <= failed
        skipped = after(graph, failed)
        for cell in range(size):
            culprit = schedule.culprit(cell)
            assert (culprit is None) == (cell not in skipped)
            assert culprit is None or (culprit in failed and cell in after(graph, {culprit}))
        assert schedule.finished == (len(done | failed | skipped) == size)


def ready(graph: list[frozenset[int]], begun: set[int], done: set[int]) -> set[int]:
    """Cells that may start, by definition."""
    return {cell for cell, found in enumerate(graph) if found <= done} - begun


def after(graph: list[frozenset[int]], cells: set[int]) -> set[int]:
    """All that needs one of some cells, by definition."""
    found = set[int]()
    while more := {c for c, needed in enumerate(graph) if needed & (cells | found)} - found:
        found |= more
    return found
