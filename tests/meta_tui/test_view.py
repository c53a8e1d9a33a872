import math
from dataclasses import replace

import pytest

from engine.rundir import events
from engine.rundir.events import CellInfo, Event, MetricBatch
from meta_tui.model.run_reducer import (
    MOST_NOTES,
    RunView,
    State,
    fold,
    fold_batch,
    fold_batches,
    stopped,
)
from meta_tui.render.runs.plain_log import lines


def folded(told: list[Event], view: RunView | None = None) -> RunView:
    view = view or RunView()
    for event in told:
        view = fold(view, event)
    return view


def started(view: RunView, cell: int, step: int = 0) -> RunView:
    event = events.CellStarted(time=1100, cell=cell, key="ab" * 32, worker=0, why="", step=step)
    return fold(view, event)


def batch(steps: tuple[int, ...], loop: str = "train", at: int | None = None) -> MetricBatch:
    values = {"loss": tuple(float(step) for step in steps)} if steps else {}
    return MetricBatch(loop, steps[-1] if at is None else at, 100, 0.0, steps, values)


def test_every_cell_is_in_the_state_that_its_last_event_tells(middle_events):
    view = folded(middle_events)
    states = [cell.state for cell in view.cells]
    cached, done, failed, skipped = State.CACHED, State.DONE, State.FAILED, State.SKIPPED
    running, waiting = State.RUNNING, State.WAITING
    assert states == [
        cached, cached, done, done, failed, running, running, skipped, waiting, waiting, skipped,
        waiting,
    ]  # fmt: skip


def test_reasons_name_the_cells_that_they_are_about(middle_events):
    view = folded(middle_events)
    assert view.cells[0].why == "unchanged"
    assert view.cells[1].why == "same as low"
    assert view.cells[7].why == "backbone@seed=2 failed"
    assert view.cells[8].why == "waiting for run 11aa (pid 4123)"


def test_a_fold_changes_nothing_in_the_view_before(middle_events):
    before = folded(middle_events[:5])
    copy = replace(before)
    folded(middle_events[5:], before)
    assert before == copy
    assert before.cells[4].state is State.WAITING


def test_the_end_of_a_run_stops_what_still_ran(middle_events):
    view = folded([*middle_events, events.RunEnded(time=1100, code=130, seconds=100.0)])
    assert view.over
    assert view.cells[5].state is State.STOPPED
    assert view.cells[8].state is State.WAITING
    assert view.elapsed(5000.0) == 100.0


def test_an_event_of_a_cell_that_is_not_there_changes_nothing(middle_events):
    view = folded(middle_events)
    event = events.CellCached(time=1, cell=99, key="ab" * 32)
    assert fold(view, event) is view
    assert fold_batch(view, -1, batch((1,))) is view


def test_points_lie_in_the_order_of_their_steps_and_not_finite_ones_are_left_out(middle_events):
    view = folded(middle_events)
    told = MetricBatch("train", 3, 9, 0.0, (1, 2, 3), {"loss": (1.0, None, math.inf)})
    view = fold_batch(view, 5, told)
    curve = view.cells[5].curves[("train", "loss")]
    assert (list(curve.steps), list(curve.values)) == ([1.0], [1.0])
    assert (view.cells[5].step, view.cells[5].total) == (3, 9)


def test_points_beyond_the_step_to_which_a_cell_went_back_are_dropped(middle_events):
    view = folded(middle_events)
    for steps in ((1, 2, 3), (4, 5, 6), (3, 4)):
        view = fold_batch(view, 5, batch(steps))
    assert list(view.cells[5].curves[("train", "loss")].steps) == [1, 2, 3, 4]
    assert view.cells[5].step == 4


def test_going_back_drops_the_points_of_a_series_that_does_not_come_again(middle_events):
    columns = {"loss": (1.0, 2.0, 3.0), "accuracy": (0.1, 0.2, 0.3)}
    view = fold_batch(folded(middle_events), 5, MetricBatch("train", 3, 9, 0.0, (1, 2, 3), columns))
    view = fold_batch(view, 5, batch((2,)))
    assert list(view.cells[5].curves[("train", "accuracy")].steps) == [1]


def test_going_back_in_one_loop_leaves_the_curves_of_another(middle_events):
    view = folded(middle_events)
    view = fold_batch(view, 5, batch((1, 2, 3), loop="warm"))
    for steps in ((1, 2, 3), (2,)):
        view = fold_batch(view, 5, batch(steps))
    assert list(view.cells[5].curves[("warm", "loss")].steps) == [1, 2, 3]
    assert list(view.cells[5].curves[("train", "loss")].steps) == [1, 2]


def test_a_batch_without_points_that_went_back_drops_what_lies_beyond(middle_events):
    view = fold_batch(folded(middle_events), 5, batch((1, 2, 3, 4)))
    view = fold_batch(view, 5, batch((), at=2))
    assert list(view.cells[5].curves[("train", "loss")].steps) == [1, 2]


def test_two_series_told_apart_at_the_same_step_are_both_kept(middle_events):
    view = fold_batch(folded(middle_events), 5, batch((1, 2)))
    other = MetricBatch("train", 2, 9, 0.0, (2,), {"accuracy": (0.5,)})
    view = fold_batch(view, 5, other)
    assert list(view.cells[5].curves[("train", "loss")].steps) == [1, 2]
    assert list(view.cells[5].curves[("train", "accuracy")].steps) == [2]


def test_a_cell_that_starts_anew_has_no_old_curve_and_one_that_resumes_keeps_it(middle_events):
    view = fold_batch(folded(middle_events), 5, batch((1, 2, 3)))
    assert started(view, 5, step=2).cells[5].curves
    assert started(view, 5, step=2).cells[5].resumed == 2
    assert not started(view, 5).cells[5].curves


@pytest.mark.parametrize("evil", ["\x1b]52;c;aGk=\x07", "\x9b31m", "a\u202eb", "x\ny", "\ud800"])
def test_no_text_from_outside_keeps_what_a_terminal_obeys(evil):
    cell = CellInfo(evil, evil, evil, {evil: evil}, ())
    view = folded([
        events.RunStarted(
            time=0, run=evil, name=evil, cells=(cell,), pid=1, host=evil, device=evil
        ),
        events.CellStarted(time=0, cell=0, key=evil, worker=0, why=evil),
        events.Note(time=0, text=evil),
        events.CellFailed(time=0, cell=0, error=evil, traceback=evil),
        events.RunEnded(time=0, code=1, seconds=1.0, reason=evil),
    ])  # fmt: skip
    view = fold_batch(view, 0, MetricBatch(evil, 1, 2, 0.0, (1,), {evil: (1.0,)}))
    shown = repr(view) + "".join(view.cells[0].traceback) + str(list(view.cells[0].curves))
    bare = "".join([
        view.run, view.name, view.device, view.host, view.reason, view.notes[0].text,
        view.cells[0].name, view.cells[0].why, view.cells[0].error, *view.cells[0].traceback,
        *view.cells[0].axes, *view.cells[0].axes.values(),
        *(name for key in view.cells[0].curves for name in key),
    ])  # fmt: skip
    assert not [letter for letter in bare if not letter.isprintable()]
    assert evil not in shown


def test_the_work_of_an_event_does_not_grow_with_the_cells(work):
    few, many = (steps_of_events(cells, work) for cells in (10, 1000))
    assert many == few < 500 * 1000


def steps_of_events(cells: int, work) -> int:
    """Lines of Python that run while a thousand events of a run with so many cells are folded."""
    infos = tuple(CellInfo(f"a@seed={i}", "a", "t", {"seed": str(i)}, ()) for i in range(cells))
    view = fold(
        RunView(),
        events.RunStarted(time=0, run="r", name="n", cells=infos, pid=1, host="h", device="cpu"),
    )
    told = [events.CellCheckpointed(time=float(i), cell=i % cells, step=i) for i in range(1000)]
    with work.counting():
        view = folded(told, view)
    assert view.cells[cells - 1].checkpoint == 999
    return work.steps


def test_cells_that_run_one_after_the_other_were_never_busy_at_once(middle_events):
    view = folded(middle_events[:1])
    for cell in range(5):
        began = events.CellStarted(time=cell, cell=cell, key="ab" * 32, worker=0, why="")
        view = folded([began], view)
        assert (view.running, view.busiest) == (1, 1)
        view = folded([events.CellFinished(time=cell, cell=cell, key="ab" * 32, seconds=1.0)], view)
    assert (view.running, view.busiest) == (0, 1)


def test_what_runs_is_counted_as_a_look_at_every_cell_counts_it(middle_events):
    view = RunView()
    for event in middle_events:
        view = fold(view, event)
        assert view.running == view.count(State.RUNNING)
    assert view.running == view.busiest == 2
    assert stopped(view, "its runner is gone").running == 0


def test_of_many_batches_those_without_sense_are_counted_and_the_others_move_on(middle_events):
    odd = MetricBatch("train", 7, 9, math.inf, (7,), {"loss": (1.0,)})
    told = [batch((1,), at=1), odd, batch((2,), at=2), odd]
    view, invalid = fold_batches(folded(middle_events), 5, told)
    assert invalid == 2
    assert (view.cells[5].loop, view.cells[5].step) == (told[0].loop, 2)
    assert fold_batches(view, 99, told) == (view, 0)


def test_a_cell_whose_result_was_damaged_waits_again_and_is_not_counted_as_over(middle_events):
    before = folded(middle_events)
    why = "its result was damaged (model/w.bin: object 0a1b2c3d4e5f has other bytes)\x1b"
    view = fold(before, events.CellDamaged(time=1100, cell=2, why=why, reader=5))
    cell = view.cells[2]
    assert (cell.state, cell.key) == (State.WAITING, "")
    assert cell.why == why.replace("\x1b", "\\x1b")
    assert view.ended == before.ended - 1
    assert lines(view, events.CellDamaged(time=1100, cell=2, why=why)) == [
        f"[ {view.ended}/12] · waiting  backbone@seed=0  {cell.why}"
    ]
    view = fold(view, events.CellWaiting(time=1101, cell=5, owner="backbone@seed=0"))
    assert (view.cells[5].state, view.running) == (State.WAITING, before.running - 1)


def test_of_very_many_notes_the_newest_are_kept():
    view = RunView()
    for at in range(MOST_NOTES + 50):
        view = fold(view, events.Note(time=float(at), text=str(at)))
    assert [view.notes[0].text, view.notes[-1].text] == ["50", str(MOST_NOTES + 49)]
    assert len(view.notes) == MOST_NOTES
