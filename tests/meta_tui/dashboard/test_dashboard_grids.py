"""The dashboard as text, compared with what is committed beside this file.

One size shows each view; wider ones only what is laid out in another way there.

`META_UPDATE_GRIDS=1 pytest tests/meta_tui/dashboard` writes the files anew: look at the difference.
"""

import os
from pathlib import Path

import pytest

from meta_tui.dashboard.app import Dashboard
from meta_tui.dashboard.state.run_source import Source

GRIDS = Path(__file__).parent / "grids"
SIZE = (80, 24)
GRAPH_SIZE = (170, 50)
"""Stages are a list in `SIZE`, and a graph here."""
VIEWS = {
    "run": "",
    "cells": "up enter down",
    "log_y": "y",
    "results": "2",
    "help": "question_mark",
    "cursor": "tab s s plus left shift+left",
    "curves": "tab z y x n",
    "found": "slash s t e p space 2 enter n",
}


def grid(app: Dashboard) -> str:
    """What is on the screen, without colours."""
    rows = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in rows) + "\n"


async def drawn(source: Source, keys: str = "", size: tuple[int, int] = SIZE) -> str:
    app = Dashboard(source, timers=False)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.press(*keys.split())
        app.poll()
        await pilot.pause()
        return grid(app)


def agrees(shown: str, name: str) -> None:
    path = GRIDS / f"{name}.txt"
    if os.environ.get("META_UPDATE_GRIDS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("view", VIEWS)
async def test_a_live_run_is_drawn_as_committed(live, store, view):
    agrees(await drawn(Source(live, store, now=lambda: 1103.0), VIEWS[view]), view)


async def test_the_cells_of_a_live_run_are_drawn_as_committed_in_its_graph(live, store):
    source = Source(live, store, now=lambda: 1103.0)
    agrees(await drawn(source, VIEWS["cells"], GRAPH_SIZE), "cells-wide")


async def test_the_table_of_a_run_that_is_over_is_drawn_as_committed(finished, store):
    agrees(await drawn(Source(finished, store, now=lambda: 1103.0), "2"), "table")


async def test_a_screen_that_is_too_small_says_so_in_whole_words(live, store):
    app = Dashboard(Source(live, store, now=lambda: 1103.0), timers=False)
    async with app.run_test(size=(59, 40)) as pilot:
        for size in ((59, 40), (120, 17), (30, 8), (20, 5)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert " ".join(grid(app).split()) == "too small: make the terminal 60x18"


async def test_the_smallest_screen_that_is_promised_shows_stages_curves_and_log(live, store):
    shown = await drawn(Source(live, store, now=lambda: 1103.0), size=(60, 18))
    for part in ("stages", "curves", "log tuned@head=random@seed=0", "▸ tuned", "q leave"):
        assert part in shown
