from engine.rundir import events
from engine.rundir.events import MetricBatch
from meta_tui.model.run_reducer import RunView, State, fold, fold_batch, stopped
from meta_tui.model.stage_summary import counts_line, run_counts, run_fraction, stages


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
    assert tuned.fraction == (0 + 0.5) / 6
    assert tuned.done == 0
    assert tuned.over == 2


def test_what_stopped_failed_or_was_skipped_is_not_done(middle_events):
    left = stopped(view_of(middle_events), "its runner is gone")
    assert left.ended == 9
    assert run_fraction(left) == 4 / 12
    assert sum(stage.done for stage in stages(left)) == 4


def test_a_stage_needs_those_whose_results_its_cells_read_each_once(middle_events):
    found = {stage.name: stage.needs for stage in stages(view_of(middle_events))}
    assert found == {
        "low": (), "high": (), "backbone": ("low",), "tuned": ("high", "backbone"),
        "result": ("tuned",),
    }  # fmt: skip


def test_a_need_of_a_cell_that_is_not_there_is_left_out():
    infos = (events.CellInfo("a", "a", "t", {}, ()), events.CellInfo("b", "b", "t", {}, (0, 7, -1)))
    began = events.RunStarted(time=0, run="r", name="n", cells=infos, pid=1, host="h", device="cpu")
    assert stages(view_of([began]))[1].needs == ("a",)
