"""What readers make of a cell that was tried again, or stopped alone: state, counts, words."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rundir import events
from engine.rundir.answers import CellCancelled, CellRetried, RequestRefused
from engine.rundir.events import CellInfo, Event
from engine.rundir.run_folder import RunFolder
from meta_tui.model.run_reducer import RunView, State, fold
from meta_tui.readers.cell_history import Happened
from meta_tui.readers.run_header import Entry, counted
from meta_tui.render.runs import plain_log

RETRIED = CellRetried(
    time=1080, cell=4, request="r1", attempt=2, by="pid 7 on box", revived=(7, 10)
)
CANCELLED = CellCancelled(time=1081, cell=5, request="r2", by="pid 8 on \x1b[2Jbox")
STOPPED = [
    CANCELLED,
    events.CellInterrupted(time=1082, cell=5, step=90),
    events.CellSkipped(time=1082, cell=11, culprit=5, because="cancelled"),
]
REFUSED = RequestRefused(time=1083, cell=4, request="r3", text="it is\x07 waiting")


def folded(told: list[Event]) -> RunView:
    view = RunView()
    for event in told:
        view = fold(view, event)
    return view


def test_a_cell_that_is_tried_again_waits_without_what_failed_and_so_does_what_it_kept(
    middle_events,
):
    before, view = folded(middle_events), folded([*middle_events, RETRIED])
    cell = view.cells[4]
    assert (cell.state, cell.error, cell.traceback) == (State.WAITING, "", ())
    assert (cell.attempt, cell.why) == (2, "attempt 2, asked by pid 7 on box")
    assert [view.cells[other].state for other in (7, 10)] == [State.WAITING] * 2
    assert [view.cells[other].why for other in (7, 10)] == ["", ""]
    assert (before.ended, view.ended) == (7, 4)
    untouched = [n for n in range(12) if n not in (4, 7, 10)]
    assert [view.cells[n] for n in untouched] == [before.cells[n] for n in untouched]


def test_a_cell_that_succeeds_at_last_is_simply_done_and_its_curve_is_that_of_the_last_attempt(
    middle_events,
):
    again = [
        RETRIED,
        events.CellStarted(time=1090, cell=4, key="ab" * 32, worker=0, why="none; attempt 2"),
        events.CellFinished(time=1099, cell=4, key="ab" * 32, seconds=9.0),
    ]
    view = folded([*middle_events, *again])
    assert (view.cells[4].state, view.cells[4].attempt) == (State.DONE, 2)
    assert (view.cells[4].error, view.count(State.FAILED), view.running) == ("", 0, 2)


def test_a_cell_that_is_asked_to_stop_runs_until_it_has_and_what_needs_it_says_why(middle_events):
    view = folded([*middle_events, CANCELLED])
    assert (view.cells[5].state, view.cells[5].stopping) == (State.RUNNING, True)
    assert view.cells[5].why == "cancelled by pid 8 on \\x1b[2Jbox"
    view = folded([*middle_events, *STOPPED])
    assert (view.cells[5].state, view.cells[5].stopping) == (State.STOPPED, False)
    assert (view.cells[5].step, view.running) == (90, 1)
    assert view.cells[11].why == "tuned@head=random@seed=0 was cancelled"
    again = replace(RETRIED, cell=5, revived=(11,))
    view = folded([*middle_events, *STOPPED, again])
    assert [view.cells[n].state for n in (5, 11)] == [State.WAITING] * 2


def test_a_refusal_is_a_note_and_changes_no_cell(middle_events):
    before, view = folded(middle_events), folded([*middle_events, REFUSED])
    assert view.cells == before.cells
    assert (view.notes[-1].text, view.notes[-1].cell) == ("refused: it is\\x07 waiting", 4)


@pytest.mark.parametrize("cell", [-1, 12, None, "4"])
@pytest.mark.parametrize("kind", [RETRIED, CANCELLED])
def test_an_answer_about_no_cell_changes_nothing(middle_events, kind, cell):
    view = folded(middle_events)
    assert fold(view, replace(kind, cell=cell)) == view


def test_cells_that_were_not_skipped_are_not_revived(middle_events):
    view = folded([*middle_events, replace(RETRIED, revived=(-1, 0, 2, 5, 7, 99))])
    states = [view.cells[n].state for n in (0, 2, 5, 7)]
    assert states == [State.CACHED, State.DONE, State.RUNNING, State.WAITING]


def test_plain_lines_tell_who_asked_what_came_of_it_and_what_was_refused(middle_events):
    view, lines = folded(middle_events), []
    for event in (RETRIED, *STOPPED, REFUSED):
        view = fold(view, event)
        lines += plain_log.lines(view, event)
    assert lines == [
        "[ 4/12] · waiting  backbone@seed=2  attempt 2, asked by pid 7 on box",
        "[ 4/12] ▶ running  tuned@head=random@seed=0  cancelled by pid 8 on \\x1b[2Jbox",
        "[ 5/12] ‖ stopped  tuned@head=random@seed=0  saved at step 90",
        "[ 6/12] ⊘ skipped  result  tuned@head=random@seed=0 was cancelled",
        "  refused  it is\\x07 waiting",
    ]
    status = plain_log.status(view, 1100.0, alive=True)
    assert "· waiting  backbone@seed=2  attempt 2, asked by pid 7 on box" in status
    assert "5 waiting" in status[1]
    assert "failed" not in status[1]


def test_what_happened_to_a_cell_tells_every_attempt_and_request(make_run, middle_events):
    fails = events.CellFailed(time=1085, cell=4, error="again")
    run = make_run([*middle_events, RETRIED, fails, REFUSED, *STOPPED])
    told = {}
    for cell in (4, 5):
        happened = Happened(run, cell)
        happened.read()
        told[cell] = [words for _, words in happened.told]
    assert told[4][1:] == [
        "failed: loss is not finite at step 412", "attempt 2, asked by pid 7 on box",
        "failed: again", "refused: it is\\x07 waiting",
    ]  # fmt: skip
    assert told[5][1:] == [
        "asked to stop by pid 8 on \\x1b[2Jbox", "stopped, saved at step 90",
    ]  # fmt: skip


STATES = {
    "cell_finished": State.DONE, "cell_cached": State.CACHED, "cell_failed": State.FAILED,
    "cell_skipped": State.SKIPPED, "cell_interrupted": State.STOPPED,
}  # fmt: skip


@given(st.data())
def test_the_list_of_runs_counts_what_the_last_events_say_as_the_view_does(
    tmp_path_factory, data: st.DataObject
):
    size = data.draw(st.integers(1, 5))
    infos = tuple(CellInfo(f"c{n}", f"c{n}", "t", {}, ()) for n in range(size))
    told: list[Event] = [
        events.RunStarted(time=1, run="r", name="n", cells=infos, pid=1, host="h", device="cpu")
    ]
    view = fold(RunView(), told[0])
    for _ in range(data.draw(st.integers(0, 15))):
        cell = data.draw(st.integers(0, size - 1))
        failed = [c.ordinal for c in view.cells if c.state in {State.FAILED, State.STOPPED}]
        skipped = [c.ordinal for c in view.cells if c.state is State.SKIPPED]
        event: Event
        match data.draw(st.sampled_from(["start", "end", "retry", "damage"])):
            case "start":
                event = events.CellStarted(time=2, cell=cell, key="ab" * 32, worker=0, why="")
            case "damage" if view.cells[cell].state in {State.DONE, State.CACHED}:
                event = events.CellDamaged(time=2, cell=cell, why='"cell": 0,', reader=0)
            case "retry" if failed:
                revived = tuple(data.draw(st.sets(st.sampled_from(skipped)))) if skipped else ()
                cell = data.draw(st.sampled_from(failed))
                event = CellRetried(
                    time=2, cell=cell, request="r", attempt=2, by='"revived": [0]}', revived=revived
                )
            case _ if view.cells[cell].state.over:
                continue
            case _:
                kind = data.draw(st.sampled_from(sorted(STATES)))
                event = {
                    "cell_finished": events.CellFinished(
                        time=3, cell=cell, key="ab" * 32, seconds=1.0
                    ),
                    "cell_cached": events.CellCached(time=3, cell=cell, key="ab" * 32),
                    "cell_failed": events.CellFailed(time=3, cell=cell, error="e"),
                    "cell_skipped": events.CellSkipped(time=3, cell=cell, culprit=0),
                    "cell_interrupted": events.CellInterrupted(time=3, cell=cell, step=1),
                }[kind]
        if isinstance(event, events.CellStarted) and view.cells[cell].state is not State.WAITING:
            continue
        told.append(event)
        view = fold(view, event)
    # Without an answer in it a journal is counted in another way: both are right.
    folder = events_of(tmp_path_factory, told)
    found = counted(folder).counts or {}
    over = Counter(cell.state for cell in view.cells if cell.state.over)
    assert {state: count for state, count in found.items() if count} == over
    assert view.ended == sum(over.values())
    assert view.running == view.count(State.RUNNING)


def events_of(factory: pytest.TempPathFactory, told: list[Event]) -> Entry:
    """An entry of the list whose journal tells this."""
    run = RunFolder(factory.mktemp("20250101T000000-7f3a"))
    run.events.write_text("".join(events.encode(event) + "\n" for event in told))
    return Entry(run)
