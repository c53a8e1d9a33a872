"""The detail of a cell: opened from screen 1, left again, drawn as committed at three sizes."""

import asyncio
import json

import pytest
from test_dashboard_grids import SIZES, agrees, grid

from engine import events
from engine.request import Request
from engine.runs import RunFolder
from meta_tui.dashboard.app import Dashboard
from meta_tui.dashboard.screens.run import RunScreen
from meta_tui.dashboard.screens.stage import StageScreen
from meta_tui.dashboard.source import Source
from meta_tui.dashboard.widgets.log import LogPane

FILE = """\
version: 1
name: ladder
seeds: 3
stages:
  low: {uses: dataset, with: {name: digits, task: low, classes: [0, 1, 2]}}
  high: {uses: dataset, with: {name: digits, task: high, classes: [5, 6, 7]}}
  backbone: {uses: pretrain, from: {data: low}, with: {net: {kind: conv4}, steps: 200}}
  tuned:
    uses: finetune
    from: {model: backbone, data: high}
    matrix: {head: [random, zero]}
    with: {lr: 0.2, steps: 150, optimizer: {kind: sgd, momentum: 0.9}}
  result: {uses: compare, from: {scores: tuned}, with: {show: [high/accuracy]}}
"""


@pytest.fixture
def told(live, tmp_path) -> RunFolder:
    """The live run, with what it was asked for, and a cell that was saved twice."""
    live.pipeline.write_text(FILE, encoding="utf-8")
    live.request.write_bytes(Request(file=tmp_path / "a.yaml", store=tmp_path / "store").encode())
    with live.events.open("a", encoding="utf-8") as file:
        for step in (40, 80):
            event = events.CellCheckpointed(time=1080.0 + step / 10, cell=5, step=step)
            file.write(events.encode(event) + "\n")
    return live


async def shown(app: Dashboard, pilot, *keys: str) -> str:
    await pilot.pause()
    await pilot.press(*keys)
    await app.workers.wait_for_complete()
    app.poll()
    await pilot.pause()
    return grid(app)


def dashboard(folder, store) -> Dashboard:
    return Dashboard(Source(folder, store, now=lambda: 1103.0), timers=False)


@pytest.mark.parametrize("size", SIZES)
async def test_a_cells_detail_is_drawn_as_committed(told, store, size):
    app = dashboard(told, store)
    async with app.run_test(size=SIZES[size]) as pilot:
        drawn = await shown(app, pilot, *["G", "k", "enter", "down", "enter"])
        agrees(drawn, f"detail-{size}")


async def test_enter_opens_a_cell_and_escape_goes_back_to_it(told, store):
    app = dashboard(told, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(app, pilot, "g", "enter")
        assert isinstance(app.screen, StageScreen)
        await shown(app, pilot, "escape")
        assert isinstance(app.screen, RunScreen)


async def test_1_leaves_the_detail(told, store):
    app = dashboard(told, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(app, pilot, "g", "enter", "1")
        assert isinstance(app.screen, RunScreen)


async def test_sideways_are_the_other_cells_of_the_stage_and_no_more(told, store):
    app = dashboard(told, store)
    async with app.run_test(size=(120, 40)) as pilot:
        first = await shown(app, pilot, *["G", "k", "enter", "down", "enter"])
        assert "tuned 1/6" in first
        assert "tuned 2/6" in await shown(app, pilot, "right")
        assert "tuned 6/6" in await shown(app, pilot, *["right"] * 9)
        assert "tuned 1/6" in await shown(app, pilot, *["left"] * 9)


async def test_the_log_of_screen_1_goes_on_after_another_cells_detail(told, store):
    app = dashboard(told, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(app, pilot, *["G", "k", "enter", "down"])
        before = list(app.screen.query_one(LogPane).lines)
        await shown(app, pilot, "enter", "right", "left")
        with told.log(5).open("a") as file:
            file.write("one more\n")
        assert "one more" in await shown(app, pilot)
        await shown(app, pilot, "escape")
        assert list(app.screen.query_one(LogPane).lines) == [*before, "one more"]


async def test_a_run_that_kept_no_request_shows_what_the_result_recorded(live, store):
    app = dashboard(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        drawn = await shown(app, pilot, "g", "enter")
        assert "the run's own pipeline cannot be read" in drawn
        assert "artifacts" in drawn


async def test_a_request_that_is_no_request_is_told(told, store):
    told.request.write_text(json.dumps({"file": 3}))
    app = dashboard(told, store)
    async with app.run_test(size=(120, 40)) as pilot:
        assert "cannot be read" in await shown(app, pilot, "g", "enter")


async def test_news_that_come_while_a_screen_is_made_wait_for_its_panes(told, store):
    app = dashboard(told, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        made = app.push_screen(StageScreen(app.source, 5))
        for _ in range(20):  # As a timer may tick at any point of its making.
            app._redraw()
            app.poll()
            await asyncio.sleep(0)
        await made
        await pilot.pause()
        app.poll()
        assert isinstance(app.screen, StageScreen)
        assert "finetune" in grid(app)
