"""Every screen in every state of a run, as text, compared with what is committed.

The usual size shows all states; a wide one, in which layouts differ, the state that shows most.
One dashboard for each state and size walks by keys through all screens; what it shows lies in one
file, `grids/matrix/STATE-SIZE.txt`. `META_UPDATE_GRIDS=1` writes them anew: look at the difference.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_dashboard_grids import GRIDS, grid
from world import STATES, World, world

from meta_tui.dashboard.app import Dashboard

SIZES = {"80x24": (80, 24), "200x60": (200, 60)}
WIDE = ("running",)
"""States that are drawn at all sizes."""
WALK = {
    "run": "1", "graph": "d", "results": "d 2", "gallery": "3 right", "runs": "4",
    "compare": "c down c", "detail": "escape 1 enter down enter", "problems": "5",
}  # fmt: skip
"""Screens, and the keys that lead from each to the next."""
HELP_OVER = {
    "empty": ("problems",), "running": ("run", "compare"), "failed": ("detail",),
    "finished": ("results", "gallery"), "thousand": ("runs",),
}  # fmt: skip
"""Where help is asked for: it tells the keys of the screen under it, whatever the run does."""


@pytest.fixture
def here(request: pytest.FixtureRequest) -> Iterator[World]:
    """The world of a state, in a folder whose path is as long on every machine: it is shown."""
    place = Path(tempfile.mkdtemp(prefix="w", dir="/tmp"))
    found = world(place, request.param)
    live = found.folder.hold() if request.param in {"empty", "running", "thousand"} else None
    with contextlib.chdir(place):
        yield found
    if live is not None:
        os.close(live)
    shutil.rmtree(place)


async def settled(app: Dashboard, pilot) -> str:
    """What is shown when nothing is left to read."""
    shown = ""
    for _ in range(20):
        await app.workers.wait_for_complete()
        app.poll()
        await pilot.pause()
        before, shown = shown, grid(app)
        if shown == before:
            return shown
    raise AssertionError("the screen does not come to rest")


async def walked(here: World, size: tuple[int, int]) -> dict[str, str]:
    """Each screen by its name."""
    app = Dashboard(here.source(), timers=False)
    found = {}
    async with app.run_test(size=size) as pilot:
        for name, keys in WALK.items():
            await pilot.press(*keys.split())
            found[name] = await settled(app, pilot)
            if name in HELP_OVER[here.state]:
                await pilot.press("question_mark")
                found[f"help over {name}"] = await settled(app, pilot)
                await pilot.press("escape")
    own = here.folder.disk.root.parent.name
    return {name: shown.replace(own, "w" * len(own)) for name, shown in found.items()}


def written(shown: dict[str, str]) -> str:
    return "".join(f"=== {name}\n{text}" for name, text in shown.items())


def read(text: str) -> dict[str, str]:
    parts = (part.partition("\n") for part in text.split("=== ")[1:])
    return {name: shown for name, _, shown in parts}


@pytest.mark.parametrize(
    ("here", "size"),
    [*((state, "80x24") for state in STATES), *((state, "200x60") for state in WIDE)],
    indirect=["here"],
)
async def test_every_screen_is_drawn_as_committed(here, size):
    shown = await walked(here, SIZES[size])
    path = GRIDS / "matrix" / f"{here.state}-{size}.txt"
    if os.environ.get("META_UPDATE_GRIDS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(written(shown), encoding="utf-8")
    committed = read(path.read_text(encoding="utf-8"))
    assert list(shown) == list(committed)
    for name, drawn in shown.items():
        assert drawn == committed[name], name
