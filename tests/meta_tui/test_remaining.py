from engine.rundir import events
from engine.rundir.events import MetricBatch
from meta_tui.model.eta import Remaining, remaining
from meta_tui.model.run_reducer import RunView, fold, fold_batch


def view_of(told) -> RunView:
    view = RunView()
    for event in told:
        view = fold(view, event)
    return view


def begun(*infos, running=()) -> RunView:
    """A run of cells (name, type, needs), of which some began at 0."""
    cells = tuple(
        events.CellInfo(name, name.split("@")[0], kind, {}, needs) for name, kind, needs in infos
    )
    return view_of([
        events.RunStarted(time=0, run="r", name="n", cells=cells, pid=1, host="h", device="cpu"),
        *(events.CellStarted(time=0, cell=at, key="ab" * 32, worker=0, why="") for at in running),
    ])  # fmt: skip


def test_the_time_left_is_unknown_while_no_stage_that_is_left_has_shown_a_pace(middle_events):
    assert remaining(view_of(middle_events), 1100.0) is None


def test_the_time_left_is_that_of_the_pace_so_far_shared_by_the_workers():
    infos = tuple(events.CellInfo(f"a@s={i}", "a", "t", {"s": str(i)}, ()) for i in range(4))
    view = view_of([
        events.RunStarted(time=0, run="r", name="n", cells=infos, pid=1, host="h", device="cpu"),
        events.CellStarted(time=0, cell=0, key="ab" * 32, worker=0, why=""),
        events.CellStarted(time=0, cell=1, key="ab" * 32, worker=1, why=""),
        events.CellFinished(time=10, cell=0, key="ab" * 32, seconds=10.0),
    ])  # fmt: skip
    view = fold_batch(view, 1, MetricBatch("t", 50, 100, 0.0))
    # Cell 1 took 10 s for its half: 10 s more. Cells 2 and 3 take the mean of 10 s and 20 s each.
    assert remaining(view, 10.0) == Remaining((10 + 2 * 15) / 2)


def test_the_first_steps_show_no_pace():
    infos = (events.CellInfo("a", "a", "t", {}, ()),)
    view = view_of([
        events.RunStarted(time=0, run="r", name="n", cells=infos, pid=1, host="h", device="cpu"),
        events.CellStarted(time=0, cell=0, key="ab" * 32, worker=0, why=""),
    ])  # fmt: skip
    assert remaining(fold_batch(view, 0, MetricBatch("t", 4, 100, 0.0)), 10.0) is None
    assert remaining(fold_batch(view, 0, MetricBatch("t", 5, 100, 0.0)), 10.0) == Remaining(190.0)


def test_comparisons_and_choices_do_not_make_the_time_left_a_least_one():
    infos = (events.CellInfo("a", "a", "t", {}, ()), events.CellInfo("b", "b", "compare", {}, (0,)))
    view = view_of([
        events.RunStarted(time=0, run="r", name="n", cells=infos, pid=1, host="h", device="cpu"),
        events.CellStarted(time=0, cell=0, key="ab" * 32, worker=0, why=""),
    ])  # fmt: skip
    view = fold_batch(view, 0, MetricBatch("t", 50, 100, 0.0))
    assert remaining(view, 10.0) == Remaining(10.0, least=False)


def test_a_resumed_cell_is_judged_by_the_steps_that_it_made_itself():
    infos = (events.CellInfo("a", "a", "t", {}, ()),)
    view = view_of([
        events.RunStarted(time=0, run="r", name="n", cells=infos, pid=1, host="h", device="cpu"),
        events.CellStarted(time=0, cell=0, key="ab" * 32, worker=0, why="", step=90),
    ])  # fmt: skip
    view = fold_batch(view, 0, MetricBatch("t", 95, 100, 0.0))
    assert remaining(view, 50.0) == Remaining(50.0)


def test_a_run_that_is_over_has_no_time_left(middle_events):
    over = view_of([*middle_events, events.RunEnded(time=1100, code=1, seconds=100.0)])
    assert remaining(over, 2000.0) == Remaining(0.0)


def test_cells_that_need_each_other_take_as_long_as_their_chain():
    view = begun(("a", "t", ()), ("b", "t", ()), ("c", "t", (0,)), running=(0, 1))
    past = {"a": 60.0, "b": 10.0, "c": 30.0}
    assert view.busiest == 2
    assert remaining(view, 0.0, past) == Remaining(90.0)


def test_before_anything_shows_a_pace_earlier_runs_tell_what_cells_take():
    view = begun(("a", "t", ()), ("b", "t", (0,)), running=(0,))
    assert remaining(view, 4.0, {"a": 10.0, "b": 20.0}) == Remaining(26.0)
    assert remaining(view, 4.0, {"b": 20.0}) == Remaining(20.0, least=True)
    assert remaining(view, 4.0, {"other": 20.0}) is None


def test_a_cell_that_takes_longer_than_before_has_no_negative_time_left():
    view = begun(("a", "t", ()), ("b", "t", (0,)), running=(0,))
    assert remaining(view, 50.0, {"a": 10.0, "b": 20.0}) == Remaining(20.0)


def test_a_stage_that_is_slower_than_before_is_so_in_its_other_cells_too():
    view = begun(("a@s=0", "t", ()), ("a@s=1", "t", ()), ("a@s=2", "t", ()))
    done = events.CellFinished(time=20, cell=0, key="ab" * 32, seconds=20.0)
    past = {"a@s=0": 10.0, "a@s=1": 30.0}
    # The second took 30 s and now takes twice as long; the third is new: the mean of its stage.
    assert remaining(fold(view, done), 20.0, past) == Remaining(2 * 30.0 + 20.0)


def test_the_pace_of_this_run_counts_more_than_an_earlier_one():
    view = begun(("a", "t", ()), running=(0,))
    view = fold_batch(view, 0, MetricBatch("t", 50, 100, 0.0))
    assert remaining(view, 10.0, {"a": 1000.0}) == Remaining(10.0)


def test_the_first_steps_are_held_against_an_earlier_run():
    view = begun(("a", "t", ()), running=(0,))
    view = fold_batch(view, 0, MetricBatch("t", 10, 100, 0.0))
    # Ten of a hundred steps in 10 s: 100 s. Before it was 50 s; two fifths are trusted so far.
    assert remaining(view, 10.0, {"a": 50.0}) == Remaining(0.4 * 100 + 0.6 * 50 - 10)
    assert remaining(view, 10.0) == Remaining(90.0)


def test_a_cell_of_an_earlier_run_in_the_stage_tells_of_a_new_one():
    view = begun(("a@s=0", "t", ()), ("a@s=1", "t", ()))
    assert remaining(view, 0.0, {"a@s=0": 10.0}) == Remaining(20.0)
