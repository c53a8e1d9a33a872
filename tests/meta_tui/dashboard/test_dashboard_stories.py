"""What people do, told by their keys, and what they then see."""

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from test_dashboard_app import chosen
from test_dashboard_matrix import settled
from world import FAULTS, NOW, World, text_of, world

from meta_tui.dashboard.app import Dashboard
from meta_tui.model.run_reducer import State


@pytest.fixture
def here(request: pytest.FixtureRequest) -> Iterator[World]:
    """The world of a state, in a folder of its own that is the working directory."""
    place = Path(tempfile.mkdtemp(prefix="w", dir="/tmp"))
    found = world(place, request.param)
    with chdir(place):
        yield found
    shutil.rmtree(place)


class Person:
    """Types keys, and reads what is then on the screen."""

    def __init__(self, app: Dashboard, pilot) -> None:
        self.app, self.pilot = app, pilot

    async def types(self, keys: str) -> str:
        await self.pilot.press(*keys.split())
        return await settled(self.app, self.pilot)

    async def writes(self, words: str) -> str:
        await self.pilot.press(*words)
        return await settled(self.app, self.pilot)


def heading(shown: str) -> str:
    return shown.split("\n", maxsplit=1)[0]


@pytest.mark.parametrize("here", ["failed"], indirect=True)
async def test_a_failed_cell_is_found_its_log_read_and_its_detail_opened(here):
    app = Dashboard(here.source(), timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        person = Person(app, pilot)
        assert "✗ failed 17/19" in heading(await person.types("1"))
        shown = await person.types("F")
        assert "▸" not in shown.split("random,0")[0].split("\n")[-1]
        assert "loss is not finite at step 75: lower `lr` (0.2), or clip" in shown
        assert "log tuned@head=random@seed=0" in shown
        assert "StageError" in shown
        shown = await person.types("ampersand")
        shown = await person.writes("loss =")
        assert "& loss =: 1 of 11" in shown
        assert "step 70, loss" not in shown
        assert "loss = step(batch)" in shown
        await person.types("enter")
        shown = await person.types("escape shift+tab shift+tab enter")
        assert "tuned 1/6" in shown
        assert "none: it failed" in shown
        assert "failed: loss is not finite at step 75" in shown
        assert "saved at step 60" in shown
        shown = await person.types("escape")
        assert "▾ tuned" in shown
        # It is the only one that failed: the next is it again.
        assert "log tuned@head=random@seed=0" in await person.types("G F")


@pytest.mark.parametrize("here", ["finished"], indirect=True)
async def test_a_table_is_compared_sorted_grouped_filtered_and_written(here):
    app = Dashboard(here.source(), timers=False)
    async with app.run_test(size=(160, 40)) as pilot:
        person = Person(app, pilot)
        # A run that is over opens on its table.
        assert "╭─ result ─" in await person.types("b")
        shown = await person.types("o")
        assert "baseline probe (chosen here)" in shown
        rows = [row for row in shown.split("\n") if "0.887 ± 0.013" in row or "0.797 ±" in row]
        assert "zero" in rows[0]
        assert "+0.090" in rows[0]
        assert "baseline" in rows[1]
        assert "stage=tuned  2 rows" in await person.types("a")
        shown = await person.types("slash")
        shown = await person.writes("tuned")
        assert "/tuned: 2 of 3 rows" in shown
        shown = await person.types("enter minus")
        assert "same in all" in shown or "all differ" in shown
        for key, name in (("1", "csv"), ("4", "json")):
            await person.types("e")
            shown = await person.types(key)
            assert "wrote" in shown
            await person.types("x")
            assert (Path.cwd() / f"ladder-7f3a-result.{name}").exists()
    with Path("ladder-7f3a-result.csv").open(newline="") as file:
        written = list(csv.reader(line for line in file if not line.startswith("#")))
    assert any("zero" in cell for row in written for cell in row)
    assert not any("probe" in row[0] for row in written[1:])
    told = json.loads(Path("ladder-7f3a-result.json").read_text())
    assert told["baseline"] == "probe"
    assert [row["label"] for row in told["rows"]] == ["tuned@head=zero", "tuned@head=random"]


@pytest.mark.parametrize("here", ["finished"], indirect=True)
async def test_pictures_are_scrubbed_zoomed_and_opened(here, monkeypatch):
    opened = Path.cwd() / "opened"
    program = Path.cwd() / "bin" / "xdg-open"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$1" >> {opened}.new && mv {opened}.new {opened}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("sys.platform", "linux")
    app = Dashboard(here.source(), timers=False)
    async with app.run_test(size=(100, 30)) as pilot:
        person = Person(app, pilot)
        assert "1/4  000-epoch-1.png" in await person.types("3")
        shown = await person.types("right right")
        assert "3/4  002-epoch-40.png" in shown
        assert "after epoch 40 of 60" in shown
        assert "galleries" in shown
        assert "galleries" not in await person.types("z")
        shown = await person.types("enter")
        assert "opened " in shown
        for _ in range(200):
            if opened.exists():
                break
            await pilot.pause(0.05)
        path = Path(opened.read_text().strip())
        assert path.name == "002-epoch-40.png"
        assert path.read_bytes().startswith(b"\x89PNG")
        assert "opened " not in await person.types("right")
        assert "galleries" in await person.types("z")
        shutil.rmtree(path.parent)


@pytest.mark.parametrize("here", ["finished"], indirect=True)
async def test_without_a_desktop_a_picture_is_written_and_its_place_told(here, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("tempfile.tempdir", str(Path.cwd()))
    app = Dashboard(here.source(), timers=False)
    async with app.run_test(size=(160, 30)) as pilot:
        shown = await Person(app, pilot).types("3 enter")
        assert "no screen to open it on; it is written to" in shown
    assert len(list(Path.cwd().glob("meta-*/000-epoch-1.png"))) == 1


@pytest.mark.parametrize("here", ["failed"], indirect=True)
async def test_two_runs_are_marked_and_compared(here):
    app = Dashboard(here.source(), timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        person = Person(app, pilot)
        shown = await person.types("4")
        assert "2 runs" in heading(shown)
        assert "edited tuned" in shown
        assert "│ * ✗ failed   7f3a" in await person.types("c")
        shown = await person.types("down c")
        assert "1a2b against 7f3a" in heading(shown)
        assert "-    with: {lr: 0.1, steps: 150" in shown
        assert "+    with: {lr: 0.2, steps: 150" in shown
        assert "vae" in shown
        shown = await person.types("t")
        assert "stage 2/4" in shown
        assert "backbone@seed=0" in shown
        assert "2 runs" in heading(await person.types("escape"))
        assert "1a2b" in heading(await person.types("escape enter"))


@pytest.mark.parametrize("here", ["failed"], indirect=True)
async def test_a_bad_file_is_mended_and_the_screen_turns(here):
    source, clock = here.source(), [NOW]
    source.now = lambda: clock[0]
    app = Dashboard(source, timers=False, first="problems")
    async with app.run_test(size=(100, 30)) as pilot:
        person = Person(app, pilot)
        shown = await person.types("5")
        assert "3 faults" in heading(shown)
        assert "did you mean `linear_probe`?" in shown
        here.file.write_text(FAULTS["failed"].replace("linear_prob,", "linear_probe,"))
        clock[0] += 2
        assert "2 faults" in heading(await person.types("j"))
        here.file.write_text(text_of("failed"))
        clock[0] += 2
        shown = await person.types("j")
        assert "no faults: 8 stages, 19 cells" in heading(shown)
        assert "r starts it, as meta run ladder.yaml does" in shown


@pytest.mark.parametrize("here", ["thousand"], indirect=True)
async def test_among_a_thousand_cells_one_finds_the_way(here):
    live = here.folder.hold()
    app = Dashboard(here.source(), timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        person = Person(app, pilot)
        assert "459/1024" in heading(await person.types("1"))
        shown = await person.types("g G")
        assert "compare" in shown
        assert "waiting" in shown
        cells = app.source.view.cells
        failed = [cell.name for cell in cells if cell.state is State.FAILED]
        assert len(failed) == 4
        for name in [*failed, failed[0]]:
            assert f"─ log {name} ─" in await person.types("F")
        assert "─ tuned 51/960 ─" in await person.types("enter")
        shown = await person.types("escape escape")
        assert "▸ tuned" in shown
        shown = await person.types("d enter")
        assert "of 960" in shown
        shown = await person.types("d slash")
        shown = await person.writes("step 100")
        assert "/ step 100" in shown
    os.close(live)


@pytest.mark.parametrize("here", ["failed"], indirect=True)
async def test_the_log_is_filtered_from_the_palette_too(here):
    app = Dashboard(here.source(), timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        person = Person(app, pilot)
        await person.types("1 F colon")
        await chosen(app, pilot, "only log", "Only log lines with")
        await person.writes("step 70")
        assert "& step 70: 1 of 11" in await person.types("enter")
