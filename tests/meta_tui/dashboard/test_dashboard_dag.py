"""The graph on the Run screen: where it is shown, what keys do in it, what follows its cursor."""

import os

import pytest
from test_dashboard_grids import GRAPH_SIZE, agrees, drawn
from test_dashboard_keys import app_of, append, text_of

from engine.rundir import events
from engine.rundir.events import CellInfo
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.widgets.curves_view import CurvesPane
from meta_tui.dashboard.widgets.log_view import LogPane
from meta_tui.dashboard.widgets.stages_view import StageList
from meta_tui.render.graph.items import Item

VIEWS = {"dag": "d", "dag_cells": "k enter down d"}


@pytest.mark.parametrize("view", VIEWS)
async def test_the_graph_is_drawn_as_committed(live, store, view):
    agrees(await drawn(Source(live, store, now=lambda: 1103.0), VIEWS[view]), view)


async def test_the_graph_with_room_around_it_is_drawn_as_committed(live, store):
    source = Source(live, store, now=lambda: 1103.0)
    agrees(await drawn(source, VIEWS["dag_cells"], GRAPH_SIZE), "dag_cells-wide")


async def test_the_graph_of_a_run_that_is_over_is_drawn_as_committed(finished, store):
    agrees(await drawn(Source(finished, store, now=lambda: 1103.0), "1 d"), "dag_over")


async def test_d_shows_the_graph_alone_and_escape_and_d_bring_the_panes_back(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        stages = app.screen.query_one(StageList)
        assert "┏" not in text_of(app)
        for back in ("escape", "d"):
            await pilot.press("d")
            await pilot.pause()
            assert "┏━" in text_of(app)
            assert "curves" not in text_of(app)
            assert app.focused is stages
            await pilot.press(back)
            await pilot.pause()
            assert "┏" not in text_of(app)
            assert "curves" in text_of(app)


async def test_a_pane_that_was_alone_gives_way_to_the_graph(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("tab", "z", "d")
        await pilot.pause()
        assert "┏━" in text_of(app)
        await pilot.press("z")
        await pilot.pause()
        assert not app.screen.query_one(StageList).whole
        assert "curves" in text_of(app)


async def test_hjkl_and_arrows_go_from_box_to_box(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        stages = app.screen.query_one(StageList)
        for key, stage in (
            ("j", "result"), ("k", "tuned"), ("up", "backbone"), ("h", "high"), ("left", "high"),
            ("l", "backbone"), ("k", "low"), ("k", "low"), ("down", "backbone"),
        ):  # fmt: skip
            await pilot.press(key)
            assert (key, stages.item) == (key, Item(stage))


async def test_curves_and_log_follow_the_box_and_the_cell_under_the_cursor(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("k", "enter", "down")
        await pilot.pause()
        assert app.screen.query_one(StageList).item == Item("backbone", 2)
        assert "backbone@seed=0" in text_of(app)
        await pilot.press("down", "down", "j")
        await pilot.pause()
        assert app.screen.query_one(StageList).item == Item("tuned")
        assert "log tuned@head=random@seed=0" in text_of(app)
        assert app.screen.query_one(CurvesPane).rows
        assert app.screen.query_one(LogPane).lines


async def test_escape_in_the_graph_first_closes_a_box_then_brings_the_panes_back(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("k", "d", "enter", "down", "escape")
        await pilot.pause()
        stages = app.screen.query_one(StageList)
        assert stages.item == Item("backbone")
        assert stages.whole
        await pilot.press("escape")
        assert not stages.whole


async def test_enter_on_what_has_no_cells_asks_for_more_of_it(live, store):
    app = app_of(live, store)
    asked = []
    async with app.run_test(size=(120, 40)) as pilot:
        stages = app.screen.query_one(StageList)
        kept = stages.post_message
        stages.post_message = lambda message: asked.append(message) or kept(message)
        await pilot.press("g", "enter", "escape", "j", "enter", "down", "enter")
        entered = [it.item for it in asked if isinstance(it, StageList.Entered)]
        assert entered == [Item("low"), Item("backbone", 2)]


async def test_a_click_chooses_a_box_and_a_second_one_opens_it(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        stages = app.screen.query_one(StageList)
        x, y, *_ = stages.places[Item("backbone")]
        await pilot.click("#stages", offset=(x + 4, y + 2))
        assert stages.item == Item("backbone")
        assert not stages.following
        await pilot.click("#stages", offset=(x + 4, y + 2), times=2)
        assert Item("backbone", 3) in stages.places


async def test_the_cursor_is_scrolled_to_in_a_graph_that_is_higher_than_the_screen(make_run, store):
    cells = tuple(
        CellInfo(f"s{at}", f"s{at}", "t", {}, (at - 1,) if at else ()) for at in range(30)
    )
    folder = make_run([
        events.RunStarted(time=1, run="r", name="n", cells=cells, pid=1, host="h", device="cpu")
    ])  # fmt: skip
    app = app_of(folder, store)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("d", "G")
        await pilot.pause()
        assert "s29" in text_of(app)
        await pilot.press("g")
        await pilot.pause()
        assert "s29" not in text_of(app)
        assert "s0 " in text_of(app)


async def test_a_window_that_grows_and_shrinks_changes_between_list_and_graph(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "┏" not in text_of(app)
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert "┏━" in text_of(app)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "┏" not in text_of(app)


async def test_the_time_left_of_a_run_that_just_began_comes_from_the_run_before(
    make_run, store, tmp_path
):
    cells = (CellInfo("a", "a", "t", {}, ()), CellInfo("b", "b", "t", {}, (0,)))

    def began(run: str, time: float) -> events.RunStarted:
        return events.RunStarted(
            time=time, run=run, name="ladder", cells=cells, pid=1, host="h", device="cpu"
        )

    before = tmp_path / "store" / "runs" / "20240101T000000-aaaa"
    before.mkdir(parents=True)
    told = [
        began("aaaa", 1.0),
        events.CellFinished(time=2, cell=0, key="ab" * 32, seconds=100.0),
        events.CellFinished(time=2, cell=1, key="ab" * 32, seconds=50.0),
    ]
    text = "".join(events.encode(event) + "\n" for event in told)
    (before / "events.jsonl").write_text(text, encoding="utf-8")
    folder = make_run([
        began("7f3a", 1000.0),
        events.CellStarted(time=1000.0, cell=0, key="ab" * 32, worker=0, why=""),
    ])  # fmt: skip
    descriptor = folder.hold()
    app = app_of(folder, store, now=1010.0)
    async with app.run_test(size=(120, 40)) as pilot:
        app.poll()
        await pilot.pause()
        assert "ETA 2:20" in text_of(app)
        append(folder, events.CellFinished(time=1030, cell=0, key="ab" * 32, seconds=30.0))
        app.source.now = lambda: 1030.0
        app.poll()
        await pilot.pause()
        assert "ETA 0:50" in text_of(app)
    os.close(descriptor)


async def test_the_heading_tells_what_the_device_does(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert text_of(app).split("\n")[0].rstrip().endswith("1 failed · cpu")
        app.source.usage = Busy()
        app.poll()
        await pilot.pause()
        assert text_of(app).split("\n")[0].rstrip().endswith("1 failed · cpu 187%")
    assert app.source.usage.closed


class Busy:
    """A device that is looked at, and let go at the end."""

    text = "cpu 187%"
    closed = False

    def poll(self, view, *, alive) -> bool:
        return alive and view.host == "box"

    def close(self) -> None:
        self.closed = True
