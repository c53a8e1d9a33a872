"""Screen 2 by its keys: baseline, order, groups, filter, views, tables, and files."""

import asyncio
import json
import threading

import pytest
from test_dashboard_grids import GRAPH_SIZE, SIZE, agrees, grid

from engine.library.artifacts import Interval, Row, Scores, Table
from engine.library.comparison.rebase import against
from engine.rundir import events
from engine.rundir.events import CellInfo, RunEnded, RunStarted
from engine.store import Output, Result
from meta_tui.dashboard.app import Dashboard
from meta_tui.dashboard.screens.export import ExportScreen
from meta_tui.dashboard.screens.results import ResultsScreen
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.widgets.prompt import Ask
from meta_tui.dashboard.widgets.table_view import SheetHead, SheetRows

A, FORGOTTEN = "high/accuracy", "low/forgetting"
SEEDS = 6
HEADS, RATES = ("zero", "random"), ("0.1", "0.03")


def publish(store, cell, artifact):
    with store.scratch() as folder:
        artifact.write(folder)
        files = {path.name: store.put(path) for path in folder.iterdir()}
    output = Output(type(artifact).__name__, artifact.format, files)
    store.publish(f"{cell:064x}", Result(outputs={"out": output}))


def interval(centre: float, wobble: int) -> Interval:
    values = {str(seed): centre + 0.002 * (seed * wobble % 5) for seed in range(SEEDS)}
    mean = sum(values.values()) / SEEDS
    return Interval(mean, mean - 0.005, mean + 0.005, SEEDS, values)


def row(place: int, stage: str, **axes: str) -> Row:
    values = {
        A: interval(0.7 + 0.03 * place, place + 1), FORGOTTEN: interval(0.1 * place, place + 2),
    }  # fmt: skip
    label = "".join([stage, *(f"@{axis}={value}" for axis, value in axes.items())])
    return Row(label, stage, axes, values, seeds=tuple(map(str, range(SEEDS))))


TUNED = [(head, rate) for head in HEADS for rate in RATES]
ROWS = (
    row(0, "probe"),
    *(row(at + 1, "tuned", head=head, lr=rate) for at, (head, rate) in enumerate(TUNED)),
)


@pytest.fixture
def several(make_run, store):
    """A run that is over: a table of five rows, one of one row, and cells that have curves."""
    learned = [
        CellInfo(f"tuned@head=zero@seed={seed}", "tuned", "finetune",
                 {"head": "zero", "seed": str(seed)}, ())
        for seed in range(2)
    ]  # fmt: skip
    cells = (*learned, CellInfo("all", "all", "compare", {}, (0, 1)),
             CellInfo("few", "few", "compare", {}, ()))  # fmt: skip
    for at in range(2):
        curve = ((0, 0.1), (5, 0.5 + at / 10), (10, 0.9))
        publish(store, at, Scores({A: 0.9}, curves={A: curve}))
    publish(store, 2, Table((A, FORGOTTEN), ROWS, spans="± seeds (n=6)", notes=("scenario: task",)))
    publish(store, 3, Table((A,), ROWS[:1], notes=tuple(f"note {n} of 30" for n in range(30))))
    told = [
        RunStarted(time=0.0, run="7f3a", name="ladder", cells=cells, pid=7, host="b", device="cpu")
    ]
    told += [
        events.CellFinished(time=1.0, cell=at, key=f"{at:064x}", seconds=1.0)
        for at in range(len(cells))
    ]
    folder = make_run([*told, RunEnded(time=2.0, code=0, seconds=2.0)])
    return Source(folder, store, now=lambda: 3.0)


async def shown_after(source, *keys: str, size=(120, 40)) -> str:
    return (await walked(source, keys, size=size))[0]


async def walked(source, *walk: tuple[str, ...], size=(120, 40)) -> list[str]:
    """What screen 2 shows after each of several times that keys are pressed."""
    app, found = Dashboard(source, timers=False), []
    async with app.run_test(size=size) as pilot:
        await pilot.press("2")
        for keys in walk:
            await pilot.press(*keys)
            await app.workers.wait_for_complete()
            await pilot.pause()
            assert isinstance(app.screen, ResultsScreen)
            found.append(grid(app))
    return found


def rows_of(shown: str) -> list[str]:
    """The lines of the table's rows, without the frame."""
    table = shown.partition("─ row ")[0]
    lines = [line for line in table.split("\n") if line.startswith(("│ probe ", "│ tuned "))]
    return [line.strip("│ ") for line in lines]


VIEWS = {
    "compared": "j b", "sorted": "o a", "bars": "j b p", "frontier": "p p", "learned": "p p right",
    "filtered": "slash h e a d = z enter minus", "scrolled": "right right right right",
}  # fmt: skip


@pytest.mark.parametrize("view", VIEWS)
async def test_the_views_of_a_table_are_drawn_as_committed(several, view):
    keys = VIEWS[view].replace("=", "equals_sign").split()
    agrees(await shown_after(several, *keys, size=SIZE), f"results-{view}")


async def test_a_comparison_with_room_for_its_verdicts_is_drawn_as_committed(several):
    agrees(await shown_after(several, "j", "b", size=GRAPH_SIZE), "results-compared-wide")


async def test_b_compares_with_the_marked_row_and_says_that_it_was_chosen_here(several):
    before, shown, after = await walked(several, (), ("j", "b"), ("b",), size=(170, 50))
    assert "Δ baseline" not in before
    assert "baseline tuned@head=zero@lr=0.1 (chosen here)" in shown
    assert "was chosen while reading, not in the pipeline" in shown
    rows = rows_of(shown)
    assert "baseline" in rows[1]
    assert "-0.030" in rows[0]
    assert "*  <0.001  distinguishable at 5 %" in rows[0]
    assert "Δ baseline" not in after


async def test_o_sorts_by_the_marked_column_and_arrows_mark_another(several):
    best, worst, by_rate = map(rows_of, await walked(several, ("o",), ("o",), ("h", "o")))
    assert [line.split()[0] for line in best] == ["tuned"] * 4 + ["probe"]
    assert worst[0].startswith("probe")
    assert [line.split()[2] for line in by_rate[:4]] == ["0.03", "0.03", "0.1", "0.1"]


async def test_words_filter_while_they_are_typed_and_escape_shows_all_rows(several):
    app = Dashboard(several, timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "slash", *"zero")
        await pilot.pause()
        assert len(rows_of(grid(app))) == 2
        assert "/zero: 2 of 5 rows" in grid(app)
        # Letters that are keys elsewhere are words here.
        assert "zero" in app.screen.query_one(Ask).value
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.focused, SheetRows)
        assert len(rows_of(grid(app))) == 2
        await pilot.press("escape")
        await pilot.pause()
        assert len(rows_of(grid(app))) == 5
        assert not app.screen.query_one(Ask).display


async def test_a_filter_that_no_row_has_leaves_a_table_without_rows(several):
    shown = await shown_after(several, "slash", "x", "q", "enter")
    assert rows_of(shown) == []
    assert "no row" in shown


async def test_tab_shows_the_next_table_and_each_keeps_what_was_asked_of_it(several):
    app = Dashboard(several, timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "slash", *"zero", "enter", "tab")
        await pilot.pause()
        assert "few  2/2" in grid(app)
        assert len(rows_of(grid(app))) == 1
        assert not app.screen.query_one(Ask).display
        await pilot.press("shift+tab")
        await pilot.pause()
        assert "all  1/2" in grid(app)
        assert len(rows_of(grid(app))) == 2
        assert app.screen.query_one(Ask).value == "zero"


async def test_what_is_known_of_the_marked_row_follows_the_cursor_and_enter_gives_it_room(several):
    shown, more, alone = await walked(several, ("j", "j"), ("enter",), ("z",), size=(80, 24))
    assert "│ tuned@head=zero@lr=0.03 " in shown
    assert "seed 0 0.760" in shown
    assert len(more.partition("─ row ")[2]) > len(shown.partition("─ row ")[2])
    assert "─ row ─" not in alone


async def test_curves_of_the_cells_are_read_when_a_plot_is_looked_at(several):
    shown = await shown_after(several, "p", "p", "left")
    assert "plot 2/2" in shown
    assert f"{A} over step" in shown
    assert "tuned@head=zero" in shown


async def test_a_click_on_a_head_sorts_by_it_and_one_on_a_row_marks_it(several):
    app = Dashboard(several, timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2")
        await pilot.pause()
        line = grid(app).split("\n")[3]
        at = line.index("mean") - line.index("method")
        await pilot.click(SheetHead, offset=(at, 1))
        await pilot.pause()
        assert "▼" in grid(app).split("\n")[3]
        assert rows_of(grid(app))[0].startswith("tuned")
        await pilot.click(SheetRows, offset=(3, 4))
        await pilot.pause()
        assert "│ probe  " in grid(app).partition("─ row ")[2]


async def test_the_cursor_goes_on_from_the_last_row_through_the_notes(several):
    app = Dashboard(several, timers=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2", "tab")
        await pilot.pause()
        assert "note 29 of 30" not in grid(app)
        await pilot.press("pagedown", "pagedown", "pagedown", *["j"] * 5)
        await pilot.pause()
        assert "note 29 of 30" in grid(app)
        await pilot.press("g", *["k"] * 40)
        await pilot.pause()
        assert len(rows_of(grid(app))) == 1


async def test_e_writes_the_table_as_it_is_shown_under_a_new_name(several, tmp_path, monkeypatch):
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    app = Dashboard(several, timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        for key, name in (
            ("1", "all.csv"), ("1", "all-2.csv"), ("2", "all.md"), ("3", "all.tex"),
            ("4", "all.json"),
        ):  # fmt: skip
            expected = f"ladder-7f3a-{name}"
            await pilot.press("2", "e")
            await pilot.pause()
            assert isinstance(app.screen, ExportScreen)
            await pilot.press(key)
            await pilot.pause()
            assert expected in grid(app)
            assert (place / expected).read_text()
            await pilot.press("x")
            await pilot.pause()
            assert isinstance(app.screen, ResultsScreen)


async def test_what_is_written_has_the_rows_the_order_and_the_baseline_that_were_chosen(
    several, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    await shown_after(
        several, "o", "slash", *"zero", "enter", "b", "e", "down", "down", "down", "enter", "x"
    )
    found = json.loads((tmp_path / "ladder-7f3a-all.json").read_text())
    labels = [item["label"] for item in found["rows"]]
    assert labels == ["tuned@head=zero@lr=0.03", "tuned@head=zero@lr=0.1"]
    assert found["baseline"] == "tuned@head=zero@lr=0.03"
    assert {pair["left"] for pair in found["contrasts"]} == {"tuned@head=zero@lr=0.1"}


async def test_a_folder_that_cannot_be_written_is_told_and_the_dashboard_lives(
    several, tmp_path, monkeypatch
):
    place = tmp_path / "gone"
    place.mkdir()
    monkeypatch.chdir(place)
    app = Dashboard(several, timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "e")
        place.rmdir()
        await pilot.press("1")
        await pilot.pause()
        assert "cannot write" in grid(app)
        await pilot.press("x")
        assert isinstance(app.screen, ResultsScreen)


async def test_a_run_without_tables_takes_every_key(live, store):
    keys = [
        "b",
        "o",
        "a",
        "minus",
        "p",
        "slash",
        "tab",
        "left",
        "right",
        "e",
        "enter",
        "escape",
        "z",
        "j",
        "G",
    ]
    shown = await shown_after(Source(live, store, now=lambda: 1103.0), *keys)
    assert "no table yet" in shown


async def test_the_screen_is_painted_while_differences_are_worked_out_and_keys_wait(
    several, monkeypatch
):
    app = Dashboard(several, timers=False)
    begun, go_on = threading.Event(), threading.Event()

    def slow(table, label):
        begun.set()
        assert go_on.wait(20)
        return against(table, label)

    monkeypatch.setattr("meta_tui.model.table_cursor.against", slow)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "j")
        typed = asyncio.create_task(pilot.press("b", "o"))
        await asyncio.to_thread(begun.wait, 20)
        seen = ""
        while "comparing with tuned@head=zero@lr=0.1" not in seen:
            await asyncio.sleep(0.02)
            seen = grid(app)
        assert "Δ baseline" not in seen
        go_on.set()
        await typed
        await pilot.pause()
        shown = grid(app)
        assert "baseline tuned@head=zero@lr=0.1 (chosen here)" in shown
        assert [line.split()[0] for line in rows_of(shown)] == ["tuned"] * 4 + ["probe"]
