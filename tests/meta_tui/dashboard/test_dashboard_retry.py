"""Stories by keys on a live run: find what failed, try it again, compare; stop one cell alone."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from night import Night, over

from engine.library.artifacts import Table
from engine.rundir import events
from engine.rundir.answers import CellCancelled, CellRetried, RequestRefused
from engine.rundir.control import Inbox, Wish
from engine.store import Store
from meta_tui.config import Config
from meta_tui.dashboard.app import Dashboard
from meta_tui.dashboard.screens.cell import StageScreen
from meta_tui.dashboard.screens.compare_runs import CompareScreen
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.widgets.log_view import LogPane
from meta_tui.dashboard.widgets.stages_view import StageList
from meta_tui.model.run_reducer import State
from meta_tui.readers.results import Missing
from meta_tui.render.graph.items import Item


def text_of(app: Dashboard) -> str:
    rows = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in rows)


def append(folder, *told) -> None:
    with folder.events.open("a", encoding="utf-8") as file:
        file.write("".join(events.encode(event) + "\n" for event in told))


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    made = Night(tmp_path)
    yield made
    made.end()


async def until(app: Dashboard, pilot, wanted: Callable[[], bool]) -> None:
    """Look for news until something is so."""
    for _ in range(800):
        app.poll()
        await pilot.pause(0.02)
        if wanted():
            return
    raise AssertionError(text_of(app))


async def choose(app: Dashboard, pilot, stage: str) -> None:
    """Move the cursor to a stage, by the arrows."""
    await pilot.press("g")
    for _ in range(6):
        if app.screen.query_one(StageList).item == Item(stage):
            return
        await pilot.press("down")
    raise AssertionError(text_of(app))


def state(app: Dashboard, cell: int) -> State:
    return app.source.view.cells[cell].state


STEADY, SHAKY, AFTER, OTHER = range(4)


@pytest.mark.slow
async def test_find_what_failed_read_its_log_try_it_again_and_compare_with_the_last_run(night):
    night.net.touch()
    night.morning.touch()
    night.noon.touch()
    last = night.start(1.0)
    over(last)
    night.net.unlink()
    night.morning.unlink()
    run = night.start(2.0)
    app = Dashboard(Source(run, Store(night.store)), timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(app, pilot, lambda: state(app, AFTER) is State.SKIPPED)
        await choose(app, pilot, "shaky")
        await until(app, pilot, lambda: "looking for net" in text_of(app))
        assert [line for line in app.screen.query_one(LogPane).lines if line] == [
            "looking for net", "the net is down",
        ]  # fmt: skip
        await pilot.press("enter")
        await until(app, pilot, lambda: "the net is down" in text_of(app))
        assert isinstance(app.screen, StageScreen)

        night.net.touch()
        await pilot.press("r")
        await pilot.pause()
        assert "Retry shaky?" in text_of(app)
        assert "the net is down" in text_of(app)
        assert state(app, SHAKY) is State.FAILED
        await pilot.press("enter")
        await until(app, pilot, lambda: state(app, AFTER) is State.DONE)
        assert (state(app, SHAKY), app.source.view.cells[SHAKY].attempt) == (State.DONE, 2)
        assert state(app, STEADY) is State.RUNNING
        shown = text_of(app)
        assert "failed: the net is down" in shown
        assert "attempt 2, asked by pid" in shown
        assert shown.count("looking for net") == 2

        night.morning.touch()
        await until(app, pilot, lambda: app.source.view.over)
        assert (app.source.view.code, app.source.view.ended) == (0, 4)
        await pilot.press("4")
        await until(app, pilot, lambda: run.id in text_of(app) and "4 done" in text_of(app))
        assert text_of(app).count("4/4") == 2
        assert "1 failed" not in text_of(app)
        await pilot.press("c", "down", "c")
        await until(app, pilot, lambda: isinstance(app.screen, CompareScreen))
        await until(app, pilot, lambda: "length" in text_of(app))
        assert last.id in text_of(app)
        assert run.id in text_of(app)


@pytest.mark.slow
async def test_stop_one_cell_and_it_goes_on_from_its_checkpoint_while_the_run_lasts(night):
    run = night.start(3.0)
    app = Dashboard(Source(run, Store(night.store)), timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(app, pilot, lambda: app.source.view.cells[STEADY].step > 3)
        await choose(app, pilot, "steady")
        await pilot.press("X")
        await pilot.pause()
        assert "Stop steady?" in text_of(app)
        await pilot.press("enter")
        await until(app, pilot, lambda: state(app, STEADY) is State.STOPPED)
        assert state(app, OTHER) is State.RUNNING
        assert "cancelled by pid" in text_of(app)
        stopped = app.source.view.cells[STEADY].step
        await pilot.press("r")
        await pilot.pause()
        assert "Retry steady?" in text_of(app)
        await pilot.press("enter")
        await until(app, pilot, lambda: state(app, STEADY) is State.RUNNING)
        assert app.source.view.cells[STEADY].resumed == stopped > 3
        night.morning.touch()
        await until(app, pilot, lambda: state(app, STEADY) is State.DONE)
        await choose(app, pilot, "other")
        await pilot.press("X", "enter")
        await until(app, pilot, lambda: app.source.view.over)
        # The failed cell counts more than the one that was stopped.
        assert (app.source.view.code, run.stop_requested()) == (1, "")


def app_of(folder, store, config=None) -> Dashboard:
    source = Source(folder, store, now=lambda: 1103.0, config=config or Config())
    return Dashboard(source, timers=False)


def asked(folder) -> list[tuple[str, str]]:
    """What the runner would find."""
    wishes = [found.wish for found in Inbox(folder).look()]
    return [(wish.do, wish.cell) for wish in wishes if isinstance(wish, Wish)]


async def test_r_asks_before_it_asks_the_runner_and_a_no_asks_nothing(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(100, 30)) as pilot:
        await choose(app, pilot, "backbone")
        await pilot.press("r")
        await pilot.pause()
        assert "Retry backbone@seed=2?" in text_of(app)
        assert "loss is not finite at step 412" in text_of(app)
        await pilot.press("a")
        await pilot.pause()
        assert "Retry backbone@seed=2?" in text_of(app)
        await pilot.press("escape")
        assert not (live.path / "control").exists()
        await pilot.press("r", "y")
        await pilot.pause()
        assert asked(live) == [("retry", "backbone@seed=2")]


async def test_r_on_a_stage_tries_all_of_it_that_failed_or_was_stopped(live, store):
    append(
        live,
        events.CellFailed(time=1100, cell=5, error="out of memory"),
        events.CellInterrupted(time=1100, cell=6, step=44),
    )
    app = app_of(live, store)
    async with app.run_test(size=(100, 30)) as pilot:
        await choose(app, pilot, "tuned")
        await pilot.press("r")
        await pilot.pause()
        assert "Retry 2 cells of tuned?" in text_of(app)
        assert "tuned@head=random@seed=0: out of memory" in text_of(app)
        await pilot.press("enter")
        await pilot.pause()
        first, second = "tuned@head=random@seed=0", "tuned@head=random@seed=1"
        assert asked(live) == [("retry", first), ("retry", second)]


async def test_a_refusal_is_told_once_and_as_plain_text_and_others_are_not_ours(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(100, 30)) as pilot:
        await choose(app, pilot, "backbone")
        await pilot.press("r", "enter")
        await pilot.pause()
        (ours,) = Inbox(live).look()
        evil = "it is [bold]waiting\x1b]52;c;aGk=\x07"
        append(
            live,
            RequestRefused(time=1104, cell=4, request="another", text="not for us"),
            RequestRefused(time=1104, cell=4, request=ours.name, text=evil),
        )
        app.poll()
        await pilot.pause()
        assert "The runner refused" in text_of(app)
        assert "it is [bold]waiting\\x1b]52" in text_of(app)
        await pilot.press("escape")
        app.poll()
        await pilot.pause()
        assert "The runner refused" not in text_of(app)
        assert app.source.view.notes[-1].cell == 4
        assert app.source.history[-1] == "  refused  it is [bold]waiting\\x1b]52;c;aGk=\\x07"


async def test_who_asks_a_runner_that_has_just_gone_is_told(middle_run, store):
    held = middle_run.hold()
    app = app_of(middle_run, store)
    async with app.run_test(size=(100, 30)) as pilot:
        await choose(app, pilot, "backbone")
        await pilot.press("r")
        os.close(held)
        await pilot.press("enter")
        await pilot.pause()
        assert "Request not sent" in text_of(app)
        assert "run 7f3a does not run" in text_of(app)
        assert not (middle_run.path / "control").exists()


async def test_the_detail_of_a_cell_tells_how_each_attempt_failed(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(100, 30)) as pilot:
        await choose(app, pilot, "backbone")
        await pilot.press("space", "down", "down", "down", "enter")
        await pilot.pause()
        assert isinstance(app.screen, StageScreen)
        log = app.screen.query_one(LogPane)
        assert [line for line in log.lines if line] == ["File x", "boom"]
        append(live, CellRetried(time=1101, cell=4, request="r", attempt=2, revived=(7, 10)))
        app.poll()
        await pilot.pause()
        append(live, events.CellFailed(time=1102, cell=4, error="again", traceback="bang"))
        app.poll()
        await pilot.pause()
        assert [line for line in log.lines if line] == ["File x", "boom", "bang"]


def test_a_table_that_was_missing_is_looked_for_again_after_another_attempt(live, store):
    key = "ab" * 32
    append(
        live,
        events.CellStarted(time=1100, cell=11, key=key, worker=0, why=""),
        events.CellFailed(time=1100, cell=11, error="no memory"),
    )
    source = Source(live, store, now=lambda: 1103.0)
    source.poll()
    assert [type(found) for _, found in source.tables()] == [Missing]
    store.publish(key, store.result(f"{11:064x}"))
    assert [type(found) for _, found in source.tables()] == [Missing]
    append(
        live,
        CellRetried(time=1101, cell=11, request="r", attempt=2),
        events.CellFinished(time=1102, cell=11, key=key, seconds=1.0),
    )
    source.poll()
    assert [type(found) for _, found in source.tables()] == [Table]


async def on_a_running_cell(app: Dashboard, pilot) -> None:
    await choose(app, pilot, "tuned")
    await pilot.press("space", "down", "X")
    await pilot.pause()


@pytest.mark.parametrize(
    ("key", "wanted", "stop"),
    [
        ("enter", [("cancel", "tuned@head=random@seed=0")], ""),
        ("a", [], "stop"),
        ("escape", [], ""),
    ],
)
async def test_x_on_a_running_cell_offers_to_stop_it_or_the_run(live, store, key, wanted, stop):
    app = app_of(live, store)
    async with app.run_test(size=(100, 30)) as pilot:
        await on_a_running_cell(app, pilot)
        assert "Stop tuned@head=random@seed=0?" in text_of(app)
        assert "⏎ stop this cell   a stop the run   esc back" in text_of(app)
        await pilot.press(key)
        await pilot.pause()
    assert asked(live) == wanted
    assert live.stop_requested() == stop


async def test_x_on_a_cell_that_was_asked_to_stop_offers_to_kill_it(live, store):
    append(live, CellCancelled(time=1100, cell=5, request="r", by="me"))
    app = app_of(live, store, Config({"question.other": "w"}))
    async with app.run_test(size=(100, 30)) as pilot:
        await on_a_running_cell(app, pilot)
        assert "Kill tuned@head=random@seed=0?" in text_of(app)
        assert "w stop the run" in text_of(app)
        await pilot.press("enter")
        await pilot.pause()
    assert asked(live) == [("kill", "tuned@head=random@seed=0")]
