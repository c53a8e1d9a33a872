from engine import events
from engine.events import MetricBatch
from meta_tui.render.progress import bar, eta, heading, run_state
from meta_tui.render.signs import ASCII, UNICODE
from meta_tui.render.spans import plain
from meta_tui.view import RunView, State, fold, fold_batch


def view_of(told) -> RunView:
    view = RunView()
    for event in told:
        view = fold(view, event)
    return view


def test_a_bar_is_full_only_at_the_end_and_empty_only_at_the_start():
    assert bar(0.0, 4) == "░░░░"
    assert bar(0.001, 4) == "█░░░"
    assert bar(0.999, 4) == "███░"
    assert bar(1.0, 4) == "████"
    assert bar(0.5, 4, ASCII) == "##--"


def test_the_heading_tells_state_counts_time_and_failures(middle_events):
    shown = plain([heading(view_of(middle_events), 1151.0, 80)])
    assert shown == "meta · ladder · 7f3a · ▶ running 7/12 · 2:31 · ETA \u2013 · 1 failed · cpu"
    wide = plain([heading(view_of(middle_events), 1151.0, 120)])
    assert "▶ running █████████░░░░░░░ 7/12" in wide


def test_an_eta_is_a_least_one_while_a_stage_has_shown_no_pace():
    infos = tuple(events.CellInfo(name, name, "t", {}, ()) for name in ("a", "b"))
    began = [
        events.RunStarted(time=0, run="r", name="n", cells=infos, pid=1, host="h", device="cpu"),
        events.CellStarted(time=0, cell=0, key="k", worker=0, why=""),
    ]
    view = fold_batch(view_of(began), 0, MetricBatch("t", 50, 100, 0.0))
    assert eta(view, 90.0) == "ETA ≥ 1:30"
    quick = events.CellStarted(time=90, cell=1, key="k", worker=1, why="")
    view = fold_batch(fold(view, quick), 1, MetricBatch("t", 50, 100, 0.0))
    assert eta(view, 90.0) == "ETA 0:45"


def test_a_narrow_heading_leaves_out_the_device(middle_events):
    assert not plain([heading(view_of(middle_events), 1151.0, 68)]).endswith("cpu")


def test_the_state_of_a_run_is_that_of_its_end(middle_events):
    def ended(code: int, told) -> State:
        return run_state(view_of([*told, events.RunEnded(time=2000, code=code, seconds=1.0)]))

    assert run_state(RunView()) is State.WAITING
    assert run_state(view_of(middle_events)) is State.RUNNING
    assert run_state(view_of(middle_events), alive=False) is State.STOPPED
    assert ended(0, middle_events[:1]) is State.DONE
    assert ended(1, middle_events) is State.FAILED
    assert ended(130, middle_events[:1]) is State.STOPPED


def test_every_state_has_its_own_sign_in_both_sets():
    for signs in (UNICODE, ASCII):
        assert len({signs.states[state] for state in State}) == len(State)
    assert all(sign.isascii() for sign in ASCII.states.values())
