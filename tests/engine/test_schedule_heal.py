"""States of cells: which changes exist, and what damage of results does to the cells of a run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.execution.scheduler import FINAL_STATES, TRANSITIONS, CellState, Reopened, Schedule

S = CellState


def schedule(*needs: set[int], running: int = 0, done: int = 0) -> Schedule:
    """A schedule whose first cells are done, and the next run."""
    made = Schedule([frozenset(found) for found in needs])
    for cell in range(done + running):
        while made.next() not in {cell, None}:
            pass
        made.running(cell)
        if cell < done:
            made.done(cell)
    return made


def test_every_state_has_its_row_and_only_final_ones_end() -> None:
    assert set(TRANSITIONS) == set(S)
    assert {state for state in S if state.final} == FINAL_STATES
    assert all(TRANSITIONS[state] for state in S if not state.final)
    # Nothing but damage leads away from done, nothing but a request from failed and stopped.
    assert TRANSITIONS[S.DONE] == {S.WAITING, S.READY, S.FAILED, S.SKIPPED}
    assert TRANSITIONS[S.LEFT_OUT] == set()


def test_a_change_that_is_not_in_the_table_is_refused() -> None:
    made = schedule(set(), {0}, done=1)
    for change in (made.done, made.failed, made.running):
        with pytest.raises(ValueError, match="cannot go from ready to"):
            change(1)
    assert made.state(1) is S.READY


def test_a_damaged_result_is_made_again_and_what_has_not_begun_waits_for_it() -> None:
    made = schedule({*()}, {0}, {0}, {0}, {1}, done=2, running=1)
    assert [made.next(), made.next()] == [3, 4]
    assert made.damaged([0]) == Reopened(withdrawn=(3,))
    assert [made.state(cell) for cell in range(5)] == [
        S.READY, S.DONE, S.RUNNING, S.WAITING, S.TAKEN,
    ]  # fmt: skip
    made.done(2)
    assert made.next() == 0
    made.done(0)
    assert made.next() == 3


def test_a_cell_that_was_taken_is_withdrawn_when_what_it_needs_is_damaged() -> None:
    made = schedule(set(), {0}, {1}, done=1)
    assert made.next() == 1
    assert made.damaged([0]) == Reopened(withdrawn=(1,))
    assert made.state(1) is S.WAITING


def test_a_result_is_healed_once_and_then_fails_with_what_has_not_begun() -> None:
    made = schedule(set(), {0}, {0}, {1}, done=2)
    made.damaged([0])
    assert made.next() == 0
    made.done(0)
    assert not made.may_heal(0)
    with pytest.raises(ValueError, match="once"):
        made.damaged([0])
    assert made.failed(0) == [2]
    assert [made.state(cell) for cell in range(4)] == [S.FAILED, S.DONE, S.SKIPPED, S.READY]


def test_damaged_cells_that_need_each_other_are_made_again_in_their_order() -> None:
    made = schedule(set(), {0}, {1}, done=2)
    made.damaged([0, 1])
    assert [made.state(cell) for cell in range(3)] == [S.READY, S.WAITING, S.WAITING]


def test_what_cannot_be_made_again_for_lack_of_what_it_needs_is_skipped() -> None:
    made = schedule(set(), {0}, {1}, done=2)
    made.failed(0)
    assert made.damaged([1]) == Reopened(skipped=(1, 2))
    assert [made.culprit(cell) for cell in range(3)] == [None, 0, 0]
    assert made.retry([0]).waiting == (1, 2)


def test_a_running_cell_that_cannot_read_waits_starts_again_or_is_skipped() -> None:
    made = schedule(set(), {0}, {1}, done=1, running=1)
    assert made.put_back(1) == Reopened()
    assert made.state(1) is S.READY
    made.next()
    made.running(1)
    made.damaged([0])
    made.put_back(1)
    assert made.state(1) is S.WAITING
    made = schedule(set(), {0}, {1}, done=1, running=1)
    made.failed(0)
    assert made.put_back(1) == Reopened(skipped=(1, 2))


def check(made: Schedule, graph: list[frozenset[int]]) -> None:
    """What holds between any two changes."""
    lost = {S.FAILED, S.STOPPED, S.SKIPPED}
    for cell, needs in enumerate(graph):
        states = {made.state(need) for need in needs}
        match made.state(cell):
            case S.READY | S.TAKEN:
                assert states <= {S.DONE}
            case S.WAITING:
                assert not states <= {S.DONE}
                assert not states & lost
            case S.SKIPPED:
                assert states & lost
        culprit = made.culprit(cell)
        assert (culprit is not None) == (made.state(cell) is S.SKIPPED)
        assert culprit is None or made.state(culprit) in {S.FAILED, S.STOPPED}
    assert made.ready == bool(made.cells_in(S.READY))
    assert made.finished == (len(made.cells_in(*FINAL_STATES)) == len(graph))


@given(st.data())
def test_whatever_is_damaged_in_whatever_order_every_cell_comes_to_an_end(data) -> None:
    size = data.draw(st.integers(1, 9))
    graph = [
        frozenset(data.draw(st.sets(st.integers(0, cell - 1), max_size=3)) if cell else ())
        for cell in range(size)
    ]
    made, healed = Schedule(graph), [0] * size
    for _ in range(data.draw(st.integers(0, 40))):
        step(data, made, healed)
        check(made, graph)
    while not made.finished:
        # No more damage: what is left comes to its end.
        cell = made.next()
        cell = made.cells_in(S.RUNNING, S.TAKEN)[0] if cell is None else cell
        made.done(cell)
        check(made, graph)
    assert max(healed) <= 1


def step(data, made: Schedule, healed: list[int]) -> None:
    """One thing that may happen to a run."""
    taken, running = made.cells_in(S.TAKEN), made.cells_in(S.RUNNING)
    done, ended = made.cells_in(S.DONE), made.cells_in(S.FAILED, S.STOPPED)
    choices = ["take"] + ["start"] * bool(taken) + ["end", "back"] * bool(running)
    choices += ["damage", "damage"] * bool(done) + ["retry"] * bool(ended)
    match data.draw(st.sampled_from(choices)):
        case "take":
            made.next()
        case "start":
            made.running(data.draw(st.sampled_from(taken)))
        case "end":
            cell = data.draw(st.sampled_from(running))
            how = data.draw(st.sampled_from(["done", "done", "failed", "stopped"]))
            made.done(cell) if how == "done" else made.failed(cell, stopped=how == "stopped")
        case "back":
            cell = data.draw(st.sampled_from(running))
            made.put_back(cell)
            assert made.state(cell) in {S.READY, S.WAITING, S.SKIPPED}
        case "retry":
            made.retry(data.draw(st.sets(st.sampled_from(ended), min_size=1)))
        case "damage":
            cells = data.draw(st.sets(st.sampled_from(done), min_size=1))
            able = {cell for cell in cells if made.may_heal(cell)}
            before = set(taken)
            reopened = made.damaged(able)
            assert set(reopened.withdrawn) == before - set(made.cells_in(S.TAKEN))
            for cell in able:
                healed[cell] += 1
            for cell in sorted(cells - able):
                made.failed(cell)
