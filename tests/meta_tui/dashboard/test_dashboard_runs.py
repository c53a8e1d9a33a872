"""Screen 4: the runs of a store, drawn as committed; opened, compared, filtered from there."""

from dataclasses import replace

import pytest
from test_dashboard_grids import SIZE, agrees, grid

from engine.planning.run_request import Request
from engine.rundir import events
from engine.rundir.run_folder import RunFolder
from engine.store import Store
from meta_tui.dashboard import launch
from meta_tui.dashboard.app import Dashboard
from meta_tui.dashboard.screens.compare_runs import CompareScreen
from meta_tui.dashboard.screens.results import ResultsScreen
from meta_tui.dashboard.screens.run import RunScreen
from meta_tui.dashboard.screens.runs import RunsScreen
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.widgets.line_view import Lines

FILE = "version: 1\nname: ladder\nstages:\n  low: {uses: dataset}\n  tuned: {uses: finetune}\n"


@pytest.fixture
def history(live, tmp_path, middle_events) -> RunFolder:
    """The live run, and after it one that failed and one that is done, each asked otherwise."""
    options = {"8c4b": {"overrides": ("lr=0.2",), "seed": 3}, "9d5c": {"seed": 3}}
    for place, (name, asked) in enumerate(options.items()):
        folder = RunFolder(tmp_path / "store" / "runs" / f"2025010{place + 2}T000000-{name}")
        folder.path.mkdir()
        began = replace(middle_events[0], time=1000.0 + 20 * place, run=name)
        done = [
            replace(event, time=1000.0 + 20 * place)
            for event in middle_events[1:7]
            if not isinstance(event, events.CellStarted)
        ]
        end = events.RunEnded(time=1019.0 + 20 * place, code=1 - place, seconds=19.0)
        told = [began, *done, end]
        folder.events.write_text("".join(events.encode(event) + "\n" for event in told))
        folder.request.write_bytes(Request(tmp_path / "x.yaml", tmp_path, **asked).encode())
        edited = FILE.replace("finetune", "linear_probe") if place else FILE
        folder.pipeline.write_text(edited)
    return live


def dashboard(folder, store, first: str = "runs") -> Dashboard:
    return Dashboard(Source(folder, store, now=lambda: 1103.0), timers=False, first=first)


async def shown(app: Dashboard, pilot, *keys: str) -> str:
    await pilot.pause()
    await pilot.press(*keys)
    await app.workers.wait_for_complete()
    app.poll()
    await pilot.pause()
    return grid(app)


def without(path, drawn: str) -> str:
    """The screen without the paths of this machine."""
    kept = [row for row in drawn.split("\n") if "pytest-" not in row and str(path)[:30] not in row]
    return "\n".join(kept)


async def test_the_runs_are_drawn_as_committed(history, store, tmp_path):
    app = dashboard(history, store)
    async with app.run_test(size=SIZE) as pilot:
        drawn = without(tmp_path, await shown(app, pilot))
        agrees(drawn, "runs")


async def test_4_shows_the_runs_and_the_cursor_is_on_the_run_of_the_other_screens(history, store):
    app = dashboard(history, store, first="")
    async with app.run_test(size=(120, 40)) as pilot:
        drawn = await shown(app, pilot, "4")
        assert isinstance(app.screen, RunsScreen)
        assert "3 runs · 1 live" in drawn
        assert "lr 0.2" not in drawn.split("╭─ run ─")[1]


async def test_enter_shows_the_run_under_the_cursor_in_place(history, store):
    app = dashboard(history, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(app, pilot, "down", "enter")
        assert app.source.folder.id == "9d5c"
        assert isinstance(app.screen, RunScreen)
        assert "9d5c" in await shown(app, pilot, "4")
        assert isinstance(app.screen, RunsScreen)


async def test_two_marks_compare_the_older_with_the_newer(history, store):
    app = dashboard(history, store)
    async with app.run_test(size=(120, 40)) as pilot:
        drawn = await shown(app, pilot, *["down", "c", "down", "c"])
        assert isinstance(app.screen, CompareScreen)
        assert "8c4b against 9d5c" in drawn
        for part in ("no lr", "edited tuned", "low/accuracy", "+  tuned: {uses: linear_probe}"):
            assert part in drawn
        await shown(app, pilot, "escape")
        assert isinstance(app.screen, RunsScreen)


async def test_curves_of_both_runs_lie_over_each_other(history, store):
    other = RunFolder(history.path.parent / "20250103T000000-9d5c")
    (other.path / "metrics").mkdir()
    other.metrics(2).write_bytes(history.metrics(2).read_bytes())
    app = dashboard(history, store)
    async with app.run_test(size=(120, 40)) as pilot:
        drawn = await shown(app, pilot, *["c", "down", "c"])
        for part in ("curves by run", "run=7f3a", "run=9d5c", "backbone@seed=0"):
            assert part in drawn


async def test_a_mark_is_taken_again(history, store):
    app = dashboard(history, store)
    async with app.run_test(size=(120, 40)) as pilot:
        assert "│ * ▶" in await shown(app, pilot, "c")
        assert "*" not in await shown(app, pilot, "c")


async def test_words_leave_runs_out_until_escape(history, store):
    app = dashboard(history, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(app, pilot, *["slash", "f", "a", "i", "l", "e", "d", "enter"])
        rows = app.screen.query_one("#runs", Lines).rows
        assert len(rows) == 1
        await shown(app, pilot, "escape")
        assert len(app.screen.query_one("#runs", Lines).rows) == 3


async def test_a_run_that_ends_leaves_the_list_shown(history, store):
    app = dashboard(history, store)
    async with app.run_test(size=(120, 40)) as pilot:
        done = events.CellFinished(time=1104, cell=11, key=f"{11:064x}", seconds=1.0)
        end = events.RunEnded(time=1104, code=0, seconds=104.0)
        await shown(app, pilot)
        with history.events.open("a", encoding="utf-8") as file:
            file.write("".join(events.encode(event) + "\n" for event in (done, end)))
        await shown(app, pilot)
        assert isinstance(app.screen, RunsScreen)
        await shown(app, pilot, "2")
        assert isinstance(app.screen, ResultsScreen)


async def test_an_empty_store_says_how_to_begin_and_offers_nothing_else(tmp_path):
    source = launch.latest(tmp_path / "none", Store(tmp_path / "none", readonly=True))
    app = Dashboard(source, timers=False, first="runs")
    async with app.run_test(size=(80, 24)) as pilot:
        drawn = await shown(app, pilot, "1", "r", "enter", "c")
        assert isinstance(app.screen, RunsScreen)
        assert "no runs yet" in drawn
        assert "meta run FILE" in drawn
    assert not (tmp_path / "none").exists()
