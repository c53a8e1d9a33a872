"""The reader behind the dashboard: what it tells while there is more to read than was time for."""

from engine import events
from meta_tui.dashboard.source import Source
from meta_tui.view import State

START = 1000.0


def long(cells, count):
    """Events of a run that is over, far more than one piece."""
    started = events.RunStarted(
        time=START, run="r", name="n", cells=cells, pid=1, host="h", device="cpu"
    )
    saved = [events.CellCheckpointed(time=START + at, cell=0, step=at) for at in range(count)]
    began = events.CellStarted(time=START, cell=0, key="k", worker=0, why="")
    return [started, began, *saved, events.RunEnded(time=START + count, code=0, seconds=9.0)]


def test_nobody_is_told_that_a_runner_is_lost_whose_end_was_not_read_yet(
    make_run, store, middle_events
):
    folder = make_run(long(middle_events[0].cells, 3000))
    source = Source(folder, store, now=lambda: START)
    source.poll(0)
    assert not source.view.over
    assert source.behind
    assert source.alive
    assert source.view.cells[0].state is State.RUNNING
    while source.behind:
        source.poll(0)
    assert source.view.over


def test_a_runner_without_an_end_is_lost_as_soon_as_all_is_read(make_run, store, middle_events):
    folder = make_run(long(middle_events[0].cells, 3000)[:-1])
    source = Source(folder, store, now=lambda: START)
    source.poll(0)
    assert source.alive
    while source.behind:
        source.poll(0)
    assert not source.alive
    assert source.view.cells[0].state is State.STOPPED


def test_all_points_of_a_run_that_is_over_are_read_though_nothing_more_comes(
    make_run, store, middle_events
):
    folder = make_run(long(middle_events[0].cells, 1))
    batch = events.encode_batch(events.MetricBatch("t", 1, 1, 1.0, (1,), {"loss": (0.5,)}))
    many = [batch.replace('"steps": [1]', f'"steps": [{at}]') + "\n" for at in range(1, 20_001)]
    folder.metrics(0).write_text("".join(many))
    source = Source(folder, store, now=lambda: START)
    source.poll()
    cells = source.view.cells[:1]
    source.curves(cells)
    rounds = 0
    while source.poll():
        rounds += 1
    assert rounds
    assert len(source.view.cells[0].curves["t", "loss"].steps) == 20_000
