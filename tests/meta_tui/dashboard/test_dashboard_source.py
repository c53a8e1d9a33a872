"""The reader behind the dashboard: what it tells while there is more to read than was time for."""

import pytest
from test_dashboard_grids import grid

from engine.rundir import events
from meta_tui.dashboard.app import Dashboard
from meta_tui.dashboard.state.run_source import Source
from meta_tui.model.run_reducer import State

START = 1000.0


def long(cells, count):
    """Events of a run that is over, far more than one piece."""
    started = events.RunStarted(
        time=START, run="r", name="n", cells=cells, pid=1, host="h", device="cpu"
    )
    saved = [events.CellCheckpointed(time=START + at, cell=0, step=at) for at in range(count)]
    began = events.CellStarted(time=START, cell=0, key="ab" * 32, worker=0, why="")
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
    while source.poll(0):
        pass
    assert source.view.over


def test_a_runner_without_an_end_is_lost_as_soon_as_all_is_read(make_run, store, middle_events):
    folder = make_run(long(middle_events[0].cells, 3000)[:-1])
    source = Source(folder, store, now=lambda: START)
    source.poll(0)
    assert source.alive
    while source.poll(0):
        pass
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


def test_what_comes_between_two_polls_is_no_reason_to_read_at_once(live, store):
    source = Source(live, store, now=lambda: 1103.0)
    while source.poll():
        pass
    assert not source.behind
    batch = events.encode_batch(events.MetricBatch("train", 94, 150, 30.0, (94,), {"loss": (0.5,)}))
    with live.metrics(5).open("a") as file:
        file.write(batch + "\n")
    assert not source.behind
    with live.metrics(5).open("a") as file:
        file.write(f"{batch}\n" * 2000)
    source.poll(0, 0)
    assert source.behind
    while source.poll(0, 0):
        pass
    assert not source.behind


def test_a_log_that_is_far_ahead_is_read_on_at_once(live, store):
    source = Source(live, store, now=lambda: 1103.0)
    source.feed.rewind_log(5)
    source.feed.poll_log(5)
    live.log(5).write_text("a line\n" * 200_000)
    source.feed.poll_log(5, 0)
    source.poll()
    assert source.behind
    while source.feed.poll_log(5):
        pass
    source.poll()
    assert not source.behind


@pytest.mark.parametrize(("screen", "drawn"), [("1", 2), ("2", 0)])
async def test_a_clock_that_goes_on_draws_only_what_tells_it(
    live, store, monkeypatch, screen, drawn
):
    now = [1103.0]
    app = Dashboard(Source(live, store, now=lambda: now[0]), timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(screen)
        for _ in range(3):
            app.poll()
            await pilot.pause()
        kind, count = type(app.screen), []
        redraw = kind.redraw
        monkeypatch.setattr(kind, "redraw", lambda self: (count.append(self), redraw(self)))
        for _ in range(2):
            before = grid(app).split("\n")[0]
            now[0] += 1.5
            app.poll()
            await pilot.pause()
            assert grid(app).split("\n")[0] != before
        assert len(count) == drawn
