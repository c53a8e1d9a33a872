from engine.rundir import events
from meta_tui.model.eta import Remaining
from meta_tui.model.run_reducer import RunView, State, fold
from meta_tui.render.runs.progress import bar, eta, heading, run_state
from meta_tui.render.text.spans import plain
from meta_tui.render.text.symbols import ASCII, UNICODE


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
    assert (
        shown == "meta · ladder · 7f3a · ▶ running 4/12 · 2:31 · no estimate yet · 1 failed · cpu"
    )
    wide = plain([heading(view_of(middle_events), 1151.0, 120)])
    assert "▶ running █████░░░░░░░░░░░ 4/12" in wide


def test_the_heading_tells_the_time_left_and_what_the_device_does(middle_events):
    left = Remaining(100.0)
    shown = plain([
        heading(view_of(middle_events), 1151.0, 120, left=left, usage="GPU0 81% 6.2/24G")
    ])  # fmt: skip
    assert shown.endswith("2:31 · ETA 1:40 · 1 failed · GPU0 81% 6.2/24G")


def test_the_time_left_is_a_least_one_where_some_of_it_is_not_known():
    assert eta(Remaining(90.0, least=True)) == "ETA ≥ 1:30"
    assert eta(Remaining(45.0)) == "ETA 0:45"
    assert eta(None) == "no estimate yet"


def test_a_narrow_heading_keeps_state_and_time_left_to_the_last(middle_events):
    def shown(columns: int) -> str:
        left = Remaining(100.0)
        return plain([heading(view_of(middle_events), 1151.0, columns, left=left, usage="cpu 9%")])

    whole = "meta · ladder · 7f3a · ▶ running 4/12 · 2:31 · ETA 1:40 · 1 failed · cpu 9%"
    assert shown(len(whole)) == whole
    assert shown(len(whole) - 1) == whole.removeprefix("meta · ")
    assert shown(60) == "ladder · 7f3a · ▶ running 4/12 · 2:31 · ETA 1:40 · 1 failed"
    assert shown(20) == "▶ running 4/12 · ETA 1:40 · 1 failed"


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
