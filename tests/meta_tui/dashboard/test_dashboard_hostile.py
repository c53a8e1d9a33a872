"""What no run should hold, on every screen: odd numbers, odd names, files that change or go."""

import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from test_dashboard_grids import grid
from test_dashboard_matrix import WALK
from world import NOW, START, World, began, cells_of, text_of, world

from engine.rundir import events
from engine.rundir.events import CellInfo, MetricBatch
from engine.rundir.run_folder import RunFolder
from engine.store import Store
from engine.store.location import adopt
from meta_tui.dashboard.app import Dashboard
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.widgets.log_view import LogPane
from pipelines.core.text import width

ON_RUN = ("run", "graph", "results", "gallery", "detail")
"""Screens whose heading tells of the run; the others have headings of their own."""


@pytest.fixture(scope="module")
def running() -> Iterator[World]:
    """A run in its middle, where anybody may look at it: who is root gives that up for a while."""
    place = Path(tempfile.mkdtemp(prefix="w", dir="/tmp"))
    place.chmod(0o755)
    found = world(place, "running")
    shutil.copytree(place / "store", place / "kept")
    with chdir(place):
        yield found
    shutil.rmtree(place)


def restored(here: World) -> int:
    """The store as it was; returns what holds the runner's lock."""
    store = here.folder.disk.root
    shutil.rmtree(store)
    shutil.copytree(store.parent / "kept", store)
    return here.folder.hold()


def delete(folder: RunFolder) -> None:
    shutil.rmtree(folder.path)


def halve(folder: RunFolder) -> None:
    whole = folder.events.read_bytes()
    folder.events.write_bytes(whole[: len(whole) // 2])


def replace_by_another(folder: RunFolder) -> None:
    folder.events.unlink()
    other = began(cells_of(text_of("running"))[:3], "9999", START)
    folder.events.write_text(events.encode(other) + "\n")


def put_a_folder_there(folder: RunFolder) -> None:
    folder.events.unlink()
    folder.events.mkdir()


def damage(folder: RunFolder) -> None:
    with folder.events.open("ab") as file:
        file.write(b'{"kind": "cell_finished", "cell": 99999, "time": 1}\n\xff\x00\n[]\n')
        file.write(b'{"kind": "cell_started", "time": "x", "cell": null}\n{"kind": "cell_fin')


def grow(folder: RunFolder) -> None:
    cells = cells_of(text_of("running"))
    tuned = [at for at, cell in enumerate(cells) if cell.stage == "tuned"]
    with folder.events.open("a") as file:
        for at in tuned:
            done = events.CellFinished(time=NOW, cell=at, key=f"{at:064x}", seconds=3.0)
            file.write(events.encode(done) + "\n")


def scramble_the_rest(folder: RunFolder) -> None:
    for path in (folder.path / "metrics").iterdir():
        odd = (
            b'\xff\n{"loop": 1}\n[1]\n{"loop": "t", "step": 1, "total": 2, "seconds": 1e999}\n{"lo'
        )
        path.write_bytes(odd)
    for path in (folder.path / "logs").iterdir():
        path.write_bytes(b"\xff\x00\x1b]52;c;aGk=\x07 [red]x[/]\n" * 20 + b"half")


APPENDED = (damage, grow)
"""What only goes on at the end of a journal, and is read once."""
DEEDS: dict[Callable[[RunFolder], None], str] = {
    delete: "its folder was deleted; q leaves",
    halve: "its journal cannot be read on: it was cut, or is another one by now",
    replace_by_another: "its journal cannot be read on: it was cut, or is another one by now",
    put_a_folder_there: "its journal cannot be read on: it is no regular file",
    damage: "damaged lines",
    grow: "18/19",
    scramble_the_rest: "12/19",
}
"""What is done to a run, and what then stands over each of its screens."""


async def settled(app: Dashboard, pilot) -> str:
    for _ in range(2):
        await app.workers.wait_for_complete()
        app.poll()
        await pilot.pause()
    return grid(app)


def clean(shown: str) -> bool:
    """Nothing in it would reach the terminal as anything but a letter."""
    return all(letter.isprintable() or letter == "\n" for letter in shown)


DEED_ON: dict[str, Callable[[RunFolder], None]] = {
    "run": delete, "graph": halve, "results": put_a_folder_there, "gallery": replace_by_another,
    "runs": delete, "compare": halve, "detail": scramble_the_rest, "problems": delete,
}  # fmt: skip
"""On each screen another deed that can be undone."""


async def test_a_run_may_change_under_every_screen_and_each_says_what_became_of_it(running):
    held = restored(running)
    app = Dashboard(running.source(), timers=False)
    async with app.run_test(size=(100, 24)) as pilot:
        for name, keys in WALK.items():
            await pilot.press(*keys.split())
            DEED_ON[name](running.folder)
            await told(app, pilot, name, DEEDS[DEED_ON[name]])
            os.close(held)
            held = restored(running)
            later(app)
            whole = await settled(app, pilot)
            assert "cannot" not in whole, name
            assert "deleted" not in whole, name
        # And all of them can be looked at in the end.
        damage(running.folder)
        grow(running.folder)
        for name, keys in WALK.items():
            await pilot.press(*keys.split())
            await told(app, pilot, name, DEEDS[damage])
        assert app.is_running
    os.close(held)


@pytest.mark.slow
@pytest.mark.parametrize("deed", DEEDS)
async def test_each_deed_is_told_by_every_screen(running, deed):
    held = restored(running)
    app = Dashboard(running.source(), timers=False)
    async with app.run_test(size=(100, 24)) as pilot:
        for name, keys in WALK.items():
            await pilot.press(*keys.split())
            await settled(app, pilot)
            deed(running.folder)
            await told(app, pilot, name, DEEDS[deed])
            if deed not in APPENDED:
                os.close(held)
                held = restored(running)
                later(app)
                await settled(app, pilot)
                assert "cannot" not in grid(app)
                assert "deleted" not in grid(app)
        # And all of them can be looked at in the end.
        deed(running.folder)
        for name, keys in WALK.items():
            await pilot.press(*keys.split())
            await told(app, pilot, name, DEEDS[deed])
        assert app.is_running
    os.close(held)


async def told(app: Dashboard, pilot, name: str, wanted: str) -> None:
    """Poll a while later; the screen says what was done to its run."""
    later(app)
    shown = await settled(app, pilot)
    assert clean(shown), name
    if name in ON_RUN:
        assert wanted in shown.split("\n")[0], name


def later(app: Dashboard) -> None:
    now = app.source.now() + 3.0
    app.source.now = lambda: now


async def test_what_is_not_ours_to_read_is_told_on_every_screen_and_in_the_list(running):
    held = restored(running)
    source, clock = running.source(), [NOW]
    source.now = lambda: clock[0]
    app = Dashboard(source, timers=False)
    own = os.geteuid()
    try:
        async with app.run_test(size=(100, 24)) as pilot:
            # All that a screen imports is imported while that may still be read.
            for keys in WALK.values():
                await pilot.press(*keys.split())
            await settled(app, pilot)
            running.folder.path.chmod(0)
            if own == 0:
                os.seteuid(65534)
            clock[0] += 10
            for name, keys in WALK.items():
                await pilot.press(*keys.split())
                shown = await settled(app, pilot)
                if name in ON_RUN:
                    assert "cannot be read on: Permission denied" in shown.split("\n")[0], name
                if name == "runs":
                    row = next(row for row in shown.split("\n") if " 7f3a " in row)
                    assert "cannot be read: Permission" in row
                    assert "1a2b" in shown
            assert app.is_running
    finally:
        os.seteuid(own)
        running.folder.path.chmod(0o755)
        os.close(held)


async def test_every_screen_says_in_one_line_that_it_is_too_small_and_is_whole_again(running):
    held = restored(running)
    app = Dashboard(running.source(), timers=False)
    async with app.run_test(size=(100, 24)) as pilot:
        for name, keys in WALK.items():
            await pilot.press(*keys.split())
            before = await settled(app, pilot)
            for small in ((59, 24), (100, 17)):
                await pilot.resize_terminal(*small)
                await pilot.pause()
                assert grid(app).strip() == "too small: make the terminal 60x18", (name, small)
            await pilot.resize_terminal(100, 24)
            await pilot.pause()
            assert await settled(app, pilot) == before, name
    os.close(held)


ODD = {
    "markup": "[@click=app.quit]x[/] [bold",
    "wide": "深層学習の実験" * 3,
    "combining": "e\u0301a\u0308\u0323 nai\u0308ve",
    "rtl": "\u05e9\u05dc\u05d5\u05dd \u202e\u0645\u0631\u062d\u0628\u0627\u202c end",
    "long": "n" * 200,
    "empty": "",
    "control": "a\x1b]52;c;aGk=\x07b\r\nc\x9b31m",
}


ODD["all"] = "".join(ODD.values())


async def test_a_name_is_a_name_on_every_screen_whatever_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    adopt(tmp_path / "store")
    runs = [
        odd_run(tmp_path, f"2025010{at}T000000-7f3{at}", name)
        for at, name in enumerate(ODD.values())
    ]
    app = Dashboard(Source(runs[0], Store(tmp_path / "store"), now=lambda: NOW), timers=False)
    async with app.run_test(size=(80, 24)) as pilot:
        for at, run in enumerate(runs):
            columns = (80, 120)[at % 2]
            await pilot.resize_terminal(columns, (24, 40)[at % 2])
            await app.attach(run, "run")
            for keys in ("", "d", "d enter down enter", "escape 2", "4"):
                await pilot.press(*keys.split())
                shown = await settled(app, pilot)
                assert clean(shown)
                assert "\u202e" not in shown
                assert_aligned(shown, columns)
        # The list has the last of them under its cursor, and this one is compared with another.
        for keys in ("c down c", "escape escape 1 colon"):
            await pilot.press(*keys.split())
            assert clean(await settled(app, pilot))
        assert app.is_running


def odd_run(place: Path, folder: str, name: str) -> RunFolder:
    """A run in which everything has this name, with a failure and a note that hold it too."""
    cells = [CellInfo(f"{name}@{name}={at}", name, name, {name: f"{name}{at}"}, ()) for at in "ab"]
    cells.append(CellInfo(f"{name}2", f"{name}2", "compare", {}, (0, 1)))
    found = RunFolder(place / "store" / "runs" / folder)
    for part in ("metrics", "logs"):
        (found.path / part).mkdir(parents=True)
    told = [
        events.RunStarted(
            time=START, run=found.id, name=name, cells=tuple(cells), pid=1, host=name, device=name
        ),
        events.CellStarted(time=START, cell=0, key="0" * 64, worker=0, why=name),
        events.CellFailed(time=START + 1, cell=0, error=name, traceback=f"{name}\n{name}"),
        events.CellStarted(time=START, cell=1, key="1" * 64, worker=0, why=name),
        events.Note(time=START + 1, text=name, cell=1),
        events.CellSkipped(time=START + 2, cell=2, culprit=0),
        events.RunEnded(time=START + 3, code=1, seconds=3.0, reason=name),
    ]
    found.events.write_text("".join(events.encode(event) + "\n" for event in told))
    values = {f"{name}loss": (1.0, 0.5), name: (2.0, 3.0)}
    batch = MetricBatch(name, 2, 5, 1.0, (1, 2), values)
    found.metrics(1).write_text(events.encode_batch(batch) + "\n")
    found.log(1).write_text(f"{name}\n{name}")
    return found


def assert_aligned(shown: str, columns: int) -> None:
    """Every row that a frame begins is as wide as the screen and ends with the frame."""
    for row in shown.rstrip("\n").split("\n"):
        if row[:1] in set("│╭╰"):
            assert width(row) == columns, row
            assert row[-1] in set("│╮╯"), row


NUMBERS = {
    "nan": [math.nan] * 40,
    "infinite": [math.inf, -math.inf] * 20,
    "constant": [0.25] * 40,
    "point": [0.125],
    "huge": [1e308, -1e308] * 20,
    "tiny": [5e-324, 1e-320] * 20,
    "broken": [1.0] * 10 + [math.nan] * 20 + [3.0] * 10,
    "zero": [0.0] * 40,
}


async def test_numbers_of_every_kind_are_drawn_or_told(tmp_path):
    folder = numbers_run(tmp_path)
    app = Dashboard(Source(folder, Store(tmp_path / "store"), now=lambda: NOW), timers=False)
    seen = {}
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.press("tab", "z")
        await settled(app, pilot)
        for name in NUMBERS:
            await pilot.press("enter")
            seen[name] = grid(app)
            await pilot.press("y", "s", "plus", "left")
            assert_aligned(grid(app), 100)
            await pilot.press("y", "s", "s", "s", "0", "escape", "escape", "n")
        assert app.is_running
    assert "40 not finite from step 1" in seen["nan"]
    assert "40 not finite from step 1" in seen["infinite"]
    assert "0.250" in seen["constant"]
    assert "0.125" in seen["point"]
    assert "20 not finite from step 11" in seen["broken"]
    for name in ("constant", "point", "huge", "tiny", "broken", "zero"):
        assert any(0x2800 < ord(letter) < 0x2900 for letter in seen[name]), name


def numbers_run(place: Path) -> RunFolder:
    adopt(place / "store")
    folder = RunFolder(place / "store" / "runs" / "20250102T000000-7f3a")
    for part in ("metrics", "logs"):
        (folder.path / part).mkdir(parents=True)
    cell = CellInfo("a", "a", "finetune", {}, ())
    told = [
        events.RunStarted(
            time=START, run="7f3a", name="n", cells=(cell,), pid=1, host="h", device="cpu"
        ),
        events.CellStarted(time=START, cell=0, key="0" * 64, worker=0, why=""),
        events.CellFinished(time=START + 9, cell=0, key="0" * 64, seconds=9.0),
        events.RunEnded(time=START + 9, code=0, seconds=9.0),
    ]
    folder.events.write_text("".join(events.encode(event) + "\n" for event in told))
    batches = [
        MetricBatch(name, at, 40, at / 10, (at,), {name: (value,)})
        for name, values in NUMBERS.items()
        for at, value in enumerate(values, 1)
    ]
    folder.metrics(0).write_text("".join(events.encode_batch(each) + "\n" for each in batches))
    return folder


async def test_a_log_that_cannot_be_read_says_so_in_its_place(running):
    held = restored(running)
    app = Dashboard(running.source(), timers=False)
    log = running.folder.log(12)
    log.unlink()
    log.mkdir()
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.press("1", *"G", "k", "enter", "down")
        shown = await settled(app, pilot)
        assert "this log cannot be read: it is no regular file" in shown
        assert len(app.screen.query_one(LogPane).lines) == 1
    os.close(held)


async def test_a_marked_run_that_is_deleted_is_marked_no_more(running):
    held = restored(running)
    source, clock = running.source(), [NOW]
    source.now = lambda: clock[0]
    app = Dashboard(source, timers=False, first="runs")
    async with app.run_test(size=(100, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("c")
        assert "* ▶ running" in await settled(app, pilot)
        delete(running.folder)
        clock[0] += 10
        assert "7f3a" not in await settled(app, pilot)
        await pilot.press("c")
        shown = await settled(app, pilot)
        assert "* ✓ done" in shown
        assert "against" not in shown
    os.close(held)
