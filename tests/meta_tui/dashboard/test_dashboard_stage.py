"""The detail of a cell: opened from screen 1, left again, drawn as committed."""

import asyncio
import json

import pytest
from test_dashboard_grids import GRAPH_SIZE, SIZE, agrees, grid

from engine.planning.load import load
from engine.planning.run_request import Request
from engine.rundir import cell_settings, events
from engine.rundir.run_folder import RunFolder
from meta_tui.dashboard.app import Dashboard
from meta_tui.dashboard.screens.cell import StageScreen
from meta_tui.dashboard.screens.run import RunScreen
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.widgets.log_view import LogPane
from meta_tui.readers.cell_details import stored
from meta_tui.readers.results import Missing

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
    request = Request(file=tmp_path / "a.yaml", store=tmp_path / "store")
    live.request.write_bytes(request.encode())
    live.given.write_bytes(cell_settings.encode(load(request, frozen=FILE)))
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


@pytest.mark.parametrize(("size", "name"), [(SIZE, "detail"), (GRAPH_SIZE, "detail-wide")])
async def test_a_cells_detail_is_drawn_as_committed(told, store, size, name):
    app = dashboard(told, store)
    async with app.run_test(size=size) as pilot:
        agrees(await shown(app, pilot, *["G", "k", "enter", "down", "enter"]), name)


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


async def test_a_run_that_stored_no_parameters_shows_what_the_result_recorded(live, store):
    app = dashboard(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        drawn = await shown(app, pilot, "g", "enter")
        assert "defaults are not known: this run" in drawn
        assert "artifacts" in drawn


DAMAGED = (
    b"", b"[]", b"{}", b"[" * 100_000, b"\xff", b'{"version": 2, "settings": [], "cells": {}}',
    b'{"version": 1, "settings": [], "cells": {"low": [0, []]}}',
    b'{"version": 1, "settings": [[["a", "b", "", 3, 4]]], "cells": {}}',
    b'{"version": 1, "settings": [[["a", 3, "", false]]], "cells": {}}',
    b'{"version": 1, "settings": [[]], "cells": {"low": [0, [["data", -1]]]}}',
)  # fmt: skip


async def test_parameters_that_were_damaged_are_told(told, store):
    for data in DAMAGED:
        told.given.write_bytes(data)
        why = stored(told)
        assert isinstance(why, Missing), data[:60]
        assert "defaults are not known: cells" in why.reason
    app = dashboard(told, store)
    async with app.run_test(size=(120, 40)) as pilot:
        assert "defaults are not known: cells" in await shown(app, pilot, "g", "enter")


async def test_looking_at_a_run_runs_no_code_that_its_folder_names(told, store, tmp_path):
    code = tmp_path / "store" / "objects" / "e.py"
    code.write_text(f'open({str(tmp_path / "ran")!r}, "w").write("x")\n')
    data = json.loads(told.request.read_bytes())
    told.request.write_text(json.dumps({**data, "stage_files": [str(code)]}))
    app = dashboard(told, store)
    async with app.run_test(size=(120, 40)) as pilot:
        assert "(default 0.01)" in await shown(app, pilot, *["G", "k", "enter", "down", "enter"])
        for key in ("escape", "2", "3", "4", "5", "1", "question_mark", "escape"):
            await shown(app, pilot, key)
    assert not (tmp_path / "ran").exists()


async def test_r_names_the_code_that_it_would_run_and_code_in_a_store_is_refused(
    told, store, tmp_path
):
    told.request.write_bytes(
        Request(
            file=tmp_path / "a.yaml",
            store=store.root,
            stage_files=(store.root / "objects" / "e.py",),
        ).encode()
    )
    told.events.write_text(
        told.events.read_text()
        + events.encode(events.RunEnded(time=1104, code=0, seconds=4))
        + "\n"
    )
    app = dashboard(told, store)
    async with app.run_test(size=(160, 40)) as pilot:
        drawn = await shown(app, pilot, "r")
        assert "It runs the code of" in drawn
        assert "e.py" in drawn
        assert "a.yaml" in drawn
        assert "where no code does" in await shown(app, pilot, "enter")


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
