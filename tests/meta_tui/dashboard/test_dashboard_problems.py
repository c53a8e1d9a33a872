"""The faults of a file, drawn as committed and rechecked when the file is saved."""

from dataclasses import replace
from pathlib import Path

import pytest
from test_dashboard_grids import SIZE, agrees, grid

from engine.planning.run_request import Request
from engine.rundir import run_folder
from engine.store import Store
from meta_tui.dashboard import launch
from meta_tui.dashboard.app import Dashboard
from meta_tui.dashboard.screens.problems import ProblemsScreen
from meta_tui.dashboard.screens.run import RunScreen
from meta_tui.dashboard.screens.runs import RunsScreen
from meta_tui.readers.file_check import Checked
from meta_tui.render.runs.problem_list import faultlist
from meta_tui.render.text.spans import plain
from pipelines.core.errors import Mark, Problem

BAD = """\
version: 1
name: nights
stages:
  low: {uses: datset, with: {name: digits, task: low}}
  tuned: {uses: finetune, from: {model: low}, with: {stps: 3}}
"""
GOOD = """\
version: 1
name: nights
stages:
  low: {uses: dataset, with: {name: digits, task: low}}
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A bad file in the working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "nights.yaml"
    path.write_text(BAD, encoding="utf-8")
    return path


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def dashboard(file, clock) -> Dashboard:
    root = file.parent / ".meta"
    source = launch.latest(root, Store(root, readonly=True))
    source.now = clock
    source.asked = Request(file.relative_to(file.parent), root)
    return Dashboard(source, timers=False, first="problems")


async def shown(app: Dashboard, pilot, *keys: str) -> str:
    await pilot.pause()
    await pilot.press(*keys)
    app.poll()
    await app.workers.wait_for_complete()
    await pilot.pause()
    return grid(app)


async def test_faults_are_drawn_as_committed(file):
    app = dashboard(file, Clock())
    async with app.run_test(size=SIZE) as pilot:
        agrees(await shown(app, pilot), "problems")


async def test_a_file_is_checked_again_when_it_is_saved_and_at_most_once_a_second(file):
    clock = Clock()
    app = dashboard(file, clock)
    async with app.run_test(size=(100, 30)) as pilot:
        assert "there is no stage type `datset`" in await shown(app, pilot)
        file.write_text(GOOD, encoding="utf-8")
        clock.now += 0.5
        assert "datset" in await shown(app, pilot)
        clock.now += 0.6
        good = await shown(app, pilot)
        assert "no faults: 1 stage, 1 cell" in good
        assert "r starts it, as meta run nights.yaml does" in good
        file.unlink()
        clock.now += 1.1
        assert "cannot read nights.yaml" in await shown(app, pilot)


async def test_faults_and_runs_are_a_key_apart(file):
    app = dashboard(file, Clock())
    async with app.run_test(size=(100, 30)) as pilot:
        await shown(app, pilot, "4")
        assert isinstance(app.screen, RunsScreen)
        await shown(app, pilot, "5")
        assert isinstance(app.screen, ProblemsScreen)


async def test_r_starts_the_file_that_is_being_edited(file, monkeypatch):
    asked, begun = [], run_folder.create(file.parent / ".meta", b"", GOOD)
    monkeypatch.setattr(
        "engine.execution.launch.start", lambda request: asked.append(request) or begun
    )
    monkeypatch.setattr("engine.execution.launch.again", pytest.fail)
    app = dashboard(file, Clock())
    async with app.run_test(size=(100, 30)) as pilot:
        shown_before = await shown(app, pilot, "r")
        assert "Start nights.yaml?" in shown_before
        assert asked == []
        await shown(app, pilot, "enter")
        assert asked == [app.source.asked]
        assert app.source.folder == begun
        assert isinstance(app.screen, RunScreen)
        await shown(app, pilot, "5")
        assert isinstance(app.screen, ProblemsScreen)


async def test_r_on_a_file_with_faults_says_that_it_did_not_start(file):
    app = dashboard(file, Clock())
    async with app.run_test(size=(100, 30)) as pilot:
        told = await shown(app, pilot, "r", "enter")
        assert "The run did not start" in told
        assert "there is no stage type `datset`" in told
        await shown(app, pilot, "enter")
        assert isinstance(app.screen, ProblemsScreen)
    assert not (file.parent / ".meta").exists()


async def test_the_code_that_a_start_runs_is_named_before(file):
    app = dashboard(file, Clock())
    own = Path("mine\x1b[31m.py")
    app.source.asked = replace(app.source.asked, stage_files=(own,))
    async with app.run_test(size=(100, 30)) as pilot:
        told = await shown(app, pilot, "r")
        assert "It runs the code of mine" in told
        assert "\x1b" not in told


async def test_without_a_file_5_does_nothing(live, store):
    app = Dashboard(launch.latest(live.disk.root, store), timers=False, first="runs")
    async with app.run_test(size=(100, 30)) as pilot:
        await shown(app, pilot, "5")
        assert isinstance(app.screen, RunsScreen)


def test_the_caret_stays_below_what_it_marks_where_the_line_is_too_long():
    text = "x" * 70 + " wrong " + "y" * 30
    problem = Problem("no", Mark("a.yaml", 1, 72, text, 5), "mend it")
    drawn = plain(faultlist(Checked((problem,)), "a.yaml", 60)).split("\n")
    assert max(map(len, drawn)) <= 60
    at = drawn[1].index("wrong")
    assert drawn[2].index("^^^^^") == at
    assert drawn[3] == "    hint: mend it"


def test_warnings_of_a_file_without_faults_are_shown():
    found = Checked((Problem("nobody uses it", severity="warning"),), 2, 3)
    drawn = plain(faultlist(found, "a.yaml", 80))
    assert "no faults: 2 stages, 3 cells, 1 warning" in drawn
    assert "nobody uses it" in drawn
