"""What keys do, what the disk does to it, and what hostile text may not do."""

import shutil
from itertools import pairwise

import pytest

from engine.rundir import events
from engine.rundir.events import CellInfo, MetricBatch
from meta_tui.dashboard.app import Dashboard
from meta_tui.dashboard.screens.help import HelpScreen
from meta_tui.dashboard.screens.results import ResultsScreen
from meta_tui.dashboard.screens.run import RunScreen
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.widgets.curves_view import CurvesPane
from meta_tui.dashboard.widgets.line_view import Lines
from meta_tui.dashboard.widgets.log_view import LogPane
from meta_tui.dashboard.widgets.stages_view import StageList
from meta_tui.render.graph.items import Item


def app_of(folder, store, now=1103.0) -> Dashboard:
    return Dashboard(Source(folder, store, now=lambda: now), timers=False)


def text_of(app: Dashboard) -> str:
    rows = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in rows)


def append(folder, *told) -> None:
    with folder.events.open("a", encoding="utf-8") as file:
        file.write("".join(events.encode(event) + "\n" for event in told))


async def test_q_leaves_and_asks_nobody_to_stop(live, store):
    app = app_of(live, store)
    async with app.run_test() as pilot:
        await pilot.press("q")
    assert not app.is_running
    assert live.stop_requested() == ""


async def test_ctrl_c_asks_to_stop_waits_for_the_end_and_a_second_one_kills(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert live.stop_requested() == "stop"
        assert "stopping after a checkpoint; ctrl+c again kills" in text_of(app)
        await pilot.press("ctrl+c")
        assert live.stop_requested() == "kill"
        app.poll()
        assert app.is_running
        append(live, events.RunEnded(time=1104, code=130, seconds=104.0))
        app.poll()
        await pilot.pause()
    assert app.source.view.code == 130


async def test_ctrl_c_on_a_run_that_is_over_leaves(finished, store):
    app = app_of(finished, store)
    async with app.run_test() as pilot:
        await pilot.press("ctrl+c")
        await pilot.pause()
    assert finished.stop_requested() == ""
    assert app.source.stops == 0


async def test_the_cursor_follows_what_runs_until_it_is_moved(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        stages = app.screen.query_one(StageList)
        assert stages.item == Item("tuned")
        await pilot.press("up", "enter", "down", "j")
        assert stages.item == Item("backbone", 3)
        append(live, events.CellStarted(time=1, cell=11, key="ab" * 32, worker=0, why="x"))
        app.poll()
        assert stages.item == Item("backbone", 3)
        await pilot.press("escape")
        assert stages.item == Item("backbone")
        await pilot.press("G")
        assert stages.item == Item("result")
        await pilot.press("g")
        assert stages.item == Item("low")
        await pilot.press("f")
        assert stages.item == Item("tuned")


async def test_a_failed_cell_shows_its_traceback_in_the_log(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("up")
        await pilot.pause()
        assert list(app.screen.query_one(LogPane).lines)[:2] == ["File x", "boom"]


async def test_new_log_lines_are_added_and_not_repeated(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        with live.log(5).open("a") as file:
            file.write("news\n")
        append(live, events.CellCheckpointed(time=1, cell=5, step=3))
        app.poll()
        await pilot.pause()
        lines = [line for line in app.screen.query_one(LogPane).lines if line]
        assert len(lines) == 31
        assert lines[-1] == "news"


async def test_new_points_of_the_selected_cell_are_drawn_at_the_next_poll(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("enter", "down")
        await pilot.pause()
        app.poll()
        assert "step 93/150" in text_of(app)
        batch = MetricBatch("train", 94, 150, 30.0, (94,), {"loss": (7.75,)})
        with live.metrics(5).open("a") as file:
            file.write(events.encode_batch(batch) + "\n")
        app.poll()
        await pilot.pause()
        assert "step 94/150" in text_of(app)
        assert "loss  7.750" in text_of(app)


async def test_screens_change_by_number_and_help_opens_and_closes(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2")
        assert isinstance(app.screen, ResultsScreen)
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("q")
        assert isinstance(app.screen, ResultsScreen)
        await pilot.press("1")
        assert isinstance(app.screen, RunScreen)


async def test_when_the_run_ends_its_table_is_shown(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        append(
            live,
            events.CellFinished(time=1110, cell=11, key=f"{11:064x}", seconds=1.0),
            events.RunEnded(time=1111, code=1, seconds=111.0),
        )
        app.poll()
        await pilot.pause()
        assert isinstance(app.screen, ResultsScreen)
        shown = text_of(app)
        assert "0.880 ± 0.021 (n=4)" in shown
        assert "✗ failed" in shown


async def test_a_run_that_is_over_opens_with_its_table_and_on_its_longest_stage(finished, store):
    app = app_of(finished, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, ResultsScreen)
        assert "^c stop" not in text_of(app)
        await pilot.press("1")
        await pilot.pause()
        assert app.screen.query_one(StageList).item == Item("tuned")


async def test_a_stage_of_one_cell_has_no_list_of_cells(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("g", "space")
        await pilot.pause()
        stages = app.screen.query_one(StageList)
        assert stages.item == Item("low")
        await pilot.press("down", "enter", "down")
        assert stages.item == Item("backbone", 2)


async def test_a_curve_keeps_its_colour_when_other_cells_end_and_begin(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        pane = app.screen.query_one(CurvesPane)

        def colours() -> dict[str, str]:
            found = [span for row in pane.rows for span in row]
            told = [(mark, name) for mark, name in pairwise(found) if mark.text == "━ "]
            return {name.text.strip(): mark.style for mark, name in told}

        before = colours()
        assert before == {"seed=0": "series0", "seed=1": "series1"}
        append(live, events.CellFinished(time=1104, cell=5, key=f"{5:064x}", seconds=33.0))
        append(live, events.CellStarted(time=1105, cell=8, key=f"{8:064x}", worker=0, why=""))
        line = events.encode_batch(MetricBatch("train", 1, 9, 0.1, (1,), {"loss": (1.0,)}))
        live.metrics(8).write_text(line + "\n")
        app.poll()
        app.poll()
        await pilot.pause()
        assert colours() == {"random, 0": "series0", "random, 1": "series1", "zero, 0": "series3"}


async def test_a_deleted_folder_is_told_and_the_dashboard_lives(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        shutil.rmtree(live.path)
        app.source.now = lambda: 1110.0
        app.poll()
        await pilot.press("down", "up", "2", "1", "ctrl+c")
        assert "its folder was deleted" in text_of(app) or not app.is_running


async def test_a_runner_that_is_gone_is_told(middle_run, store):
    app = app_of(middle_run, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "lost its runner" in text_of(app)
        assert "‖ tuned" in text_of(app)


@pytest.mark.parametrize("evil", [
    "[@click=app.quit]x[/]", "[bold red]x[/", "\x1b]52;c;aGk=\x07\x9b31m\x9d\u202eab\x00\x08",
])  # fmt: skip
async def test_hostile_names_and_logs_are_only_text(make_run, store, evil):
    cell = CellInfo(f"a{evil}", f"a{evil}", "compare", {f"x{evil}": f"y{evil}"}, ())
    folder = make_run([
        events.RunStarted(
            time=1, run=evil, name=evil, cells=(cell, cell), pid=1, host="h", device=evil
        ),
        events.CellStarted(time=1, cell=0, key=evil, worker=0, why=evil),
        events.Note(time=1, text=evil, cell=0),
        events.CellFailed(time=2, cell=0, error=evil, traceback=evil),
    ])  # fmt: skip
    batch = MetricBatch(evil, 1, 2, 1.0, (1, 2), {evil: (1.0, 2.0)})
    folder.metrics(0).write_text(events.encode_batch(batch) + "\n")
    folder.log(0).write_text(evil + "\n")
    app = app_of(folder, store)
    async with app.run_test(size=(120, 40)) as pilot:
        for keys in (("enter", "down"), ("2",), ("1", "y")):
            await pilot.press(*keys)
            await pilot.pause()
            shown = text_of(app)
            assert not [x for x in shown if not (x.isprintable() or x == "\n")]
        if evil.startswith("["):
            assert evil in shown
            assert f"log a{evil}" in shown
        await pilot.click("#curves", offset=(3, 1))
        await pilot.click("#log", offset=(3, 1))
        await pilot.click("#heading", offset=(8, 0))
        assert app.is_running


async def test_a_thousand_cells_are_a_few_widgets_and_little_work(make_run, store, work):
    cells = tuple(
        CellInfo(f"a@seed={i}", f"s{i % 50}", "t", {"seed": str(i)}, ()) for i in range(1000)
    )
    started = events.RunStarted(
        time=1, run="r", name="n", cells=cells, pid=1, host="h", device="cpu"
    )
    folder = make_run([started])
    app = app_of(folder, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("enter")
        assert len(list(app.screen.walk_children())) < 20
        append(folder, *(events.CellCached(time=2, cell=i, key="ab" * 32) for i in range(1000)))
        with work.counting():
            app.poll()
            await pilot.pause()
        assert work.steps < 500_000
        assert app.screen.query_one(Lines) is not None


def test_what_runs_moves_on_though_nobody_looks_at_its_curves(live, store):
    source = Source(live, store, now=lambda: 1103.0)
    source.poll()
    source.watched = (5,)
    for _ in range(3):
        source.poll()
    assert (source.view.cells[5].step, source.view.cells[6].step) == (93, 60)
    source.watched = ()
    assert not source.poll()
