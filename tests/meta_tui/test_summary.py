from engine import events
from engine.events import MetricBatch
from meta_tui.summary import Remaining, counts_line, remaining, run_counts, stages
from meta_tui.view import RunView, State, fold, fold_batch


def view_of(told) -> RunView:
    view = RunView()
    for event in told:
        view = fold(view, event)
    return view


def test_cells_are_grouped_by_stage_in_the_order_of_the_file(middle_events):
    found = stages(view_of(middle_events))
    assert [stage.name for stage in found] == ["low", "high", "backbone", "tuned", "result"]
    assert [len(stage.cells) for stage in found] == [1, 1, 3, 6, 1]


def test_a_stage_with_a_failed_cell_has_failed_and_one_that_runs_is_running(middle_events):
    found = {stage.name: stage for stage in stages(view_of(middle_events))}
    assert found["backbone"].state is State.FAILED
    assert found["tuned"].state is State.RUNNING
    assert found["low"].state is State.CACHED
    assert found["result"].state is State.WAITING


def test_counts_name_only_what_there_is(middle_events):
    counts = run_counts(view_of(middle_events))
    told = "2 done, 2 cached, 2 running, 3 waiting, 1 failed, 2 skipped"
    assert counts_line(counts) == told
    assert counts_line({State.DONE: 1}) == "1 done"


def test_the_fraction_of_a_stage_counts_parts_of_running_cells(middle_events):
    view = fold_batch(view_of(middle_events), 5, MetricBatch("t", 50, 100, 0.0))
    tuned = next(stage for stage in stages(view) if stage.name == "tuned")
    assert tuned.fraction == (2 + 0.5) / 6


def test_the_time_left_is_unknown_while_no_stage_that_is_left_has_shown_a_pace(middle_events):
    assert remaining(view_of(middle_events), 1100.0) is None


def test_the_time_left_is_that_of_the_pace_so_far_shared_by_the_workers():
    infos = tuple(events.CellInfo(f"a@s={i}", "a", "t", {"s": str(i)}, ()) for i in range(4))
    view = view_of([
        events.RunStarted(time=0, run="r", name="n", cells=infos, pid=1, host="h", device="cpu"),
        events.CellStarted(time=0, cell=0, key="k", worker=0, why=""),
        events.CellStarted(time=0, cell=1, key="k", worker=1, why=""),
        events.CellFinished(time=10, cell=0, key="k", seconds=10.0),
    ])  # fmt: skip
    view = fold_batch(view, 1, MetricBatch("t", 50, 100, 0.0))
    # Cell 1 took 10 s for its half: 10 s more. Cells 2 and 3 take the mean of 10 s and 20 s each.
    assert remaining(view, 10.0) == Remaining((10 + 2 * 15) / 2)


def test_the_first_steps_show_no_pace():
    infos = (events.CellInfo("a", "a", "t", {}, ()),)
    view = view_of([
        events.RunStarted(time=0, run="r", name="n", cells=infos, pid=1, host="h", device="cpu"),
        events.CellStarted(time=0, cell=0, key="k", worker=0, why=""),
    ])  # fmt: skip
    assert remaining(fold_batch(view, 0, MetricBatch("t", 4, 100, 0.0)), 10.0) is None
    assert remaining(fold_batch(view, 0, MetricBatch("t", 5, 100, 0.0)), 10.0) == Remaining(190.0)


def test_comparisons_and_choices_do_not_make_the_time_left_a_least_one():
    infos = (events.CellInfo("a", "a", "t", {}, ()), events.CellInfo("b", "b", "compare", {}, (0,)))
    view = view_of([
        events.RunStarted(time=0, run="r", name="n", cells=infos, pid=1, host="h", device="cpu"),
        events.CellStarted(time=0, cell=0, key="k", worker=0, why=""),
    ])  # fmt: skip
    view = fold_batch(view, 0, MetricBatch("t", 50, 100, 0.0))
    assert remaining(view, 10.0) == Remaining(10.0, least=False)


def test_a_resumed_cell_is_judged_by_the_steps_that_it_made_itself():
    infos = (events.CellInfo("a", "a", "t", {}, ()),)
    view = view_of([
        events.RunStarted(time=0, run="r", name="n", cells=infos, pid=1, host="h", device="cpu"),
        events.CellStarted(time=0, cell=0, key="k", worker=0, why="", step=90),
    ])  # fmt: skip
    view = fold_batch(view, 0, MetricBatch("t", 95, 100, 0.0))
    assert remaining(view, 50.0) == Remaining(50.0)


def test_a_run_that_is_over_has_no_time_left(middle_events):
    over = view_of([*middle_events, events.RunEnded(time=1100, code=1, seconds=100.0)])
    assert remaining(over, 2000.0) == Remaining(0.0)
