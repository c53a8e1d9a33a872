"""The dashboard as text, at three sizes, compared with what is committed beside this file.

`META_UPDATE_GRIDS=1 pytest tests/meta_tui/dashboard` writes the files anew: look at the difference.
"""

import os
from pathlib import Path

import pytest

from meta_tui.dashboard.app import Dashboard
from meta_tui.dashboard.source import Source

GRIDS = Path(__file__).parent / "grids"
SIZES = {"narrow": (80, 24), "normal": (120, 40), "wide": (170, 50)}
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


async def drawn(source: Source, size: tuple[int, int], keys: str = "") -> str:
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


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", VIEWS)
async def test_a_live_run_is_drawn_as_committed(live, store, size, view):
    source = Source(live, store, now=lambda: 1103.0)
    agrees(await drawn(source, SIZES[size], VIEWS[view]), f"{view}-{size}")


@pytest.mark.parametrize("size", SIZES)
async def test_the_table_of_a_run_that_is_over_is_drawn_as_committed(finished, store, size):
    source = Source(finished, store, now=lambda: 1103.0)
    agrees(await drawn(source, SIZES[size], "2"), f"table-{size}")


@pytest.mark.parametrize("size", [(59, 40), (120, 17), (20, 5)])
async def test_a_screen_that_is_too_small_says_so_in_one_line(live, store, size):
    shown = await drawn(Source(live, store, now=lambda: 1103.0), size)
    assert shown.split() == ["too", "small:", "make", "the", "terminal", "60x18"] or size == (20, 5)
    assert "too small" in shown


async def test_the_smallest_screen_that_is_promised_shows_stages_curves_and_log(live, store):
    shown = await drawn(Source(live, store, now=lambda: 1103.0), (60, 18))
    for part in ("stages", "curves", "log tuned@head=random@seed=0", "▸ tuned", "q leave"):
        assert part in shown
