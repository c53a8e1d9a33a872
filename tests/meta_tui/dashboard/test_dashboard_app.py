"""Stopping, starting again, help and palette: what the whole dashboard does."""

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.binding import Binding
from textual.command import CommandPalette

from engine.rundir import events
from engine.rundir.run_folder import RunFolder
from meta_tui.config import Config
from meta_tui.dashboard.app import FAULT, Dashboard
from meta_tui.dashboard.screens.base import RunChosen
from meta_tui.dashboard.screens.confirm import AskScreen
from meta_tui.dashboard.screens.help import HelpScreen
from meta_tui.dashboard.screens.results import ResultsScreen
from meta_tui.dashboard.screens.run import RunScreen
from meta_tui.dashboard.state import keymap
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.widgets.line_view import Lines
from meta_tui.dashboard.widgets.stages_view import StageList
from meta_tui.render.graph.items import Item
from pipelines.core.errors import UsageError


def app_of(folder, store, config=None) -> Dashboard:
    source = Source(folder, store, now=lambda: 1103.0, config=config or Config())
    return Dashboard(source, timers=False)


def text_of(app: Dashboard) -> str:
    rows = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in rows)


def append(folder, *told) -> None:
    with folder.events.open("a", encoding="utf-8") as file:
        file.write("".join(events.encode(event) + "\n" for event in told))


async def settled(app: Dashboard, pilot) -> None:
    await app.workers.wait_for_complete()
    await pilot.pause()


async def until(app: Dashboard, pilot, wanted: Callable[[], bool]) -> None:
    """Let time go on, which only the palette needs: it searches a while after each letter."""
    for _ in range(500):
        await pilot.pause(0.02)
        if wanted():
            return
    raise AssertionError(text_of(app))


async def chosen(app: Dashboard, pilot, words: str, command: str) -> None:
    """Type into the palette, and take what it finds."""
    await pilot.press(*words)
    await until(app, pilot, lambda: command in text_of(app))
    await pilot.press("enter")
    await until(app, pilot, lambda: not CommandPalette.is_open(app))
    await pilot.pause()


@pytest.fixture
def another(tmp_path, middle_events) -> RunFolder:
    """A second run of the same store, that only began."""
    folder = RunFolder(tmp_path / "store" / "runs" / "20250102T000000-8c4b")
    folder.path.mkdir(parents=True)
    append(folder, replace(middle_events[0], time=1100.0, run="8c4b"))
    return folder


async def test_news_while_it_ends_needs_no_screen(live, store, middle_events):
    app = app_of(live, store)
    async with app.run_test(size=(100, 30)):
        pass
    append(live, replace(middle_events[-1], time=1104.0))
    app.tick()  # Its timer may come once more, when the screens are gone already.
    assert app.return_code is None


async def test_a_stop_asks_what_enter_then_does(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("X")
        await pilot.pause()
        assert "Stop run 7f3a?" in text_of(app)
        assert "2 running cells will save a checkpoint" in text_of(app)
        assert live.stop_requested() == ""
        await pilot.press("enter")
        await pilot.pause()
        assert live.stop_requested() == "stop"
        assert "stopping after a checkpoint" in text_of(app)


async def test_who_stopped_a_run_stays_when_the_run_has_ended(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("X", "enter")
        append(live, events.RunEnded(time=1104, code=130, seconds=104.0))
        app.poll()
        await pilot.pause()
        assert app.is_running
        assert "r again" in text_of(app)


async def test_a_no_stops_nothing(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(100, 30)) as pilot:
        for key in ("escape", "n", "q"):
            await pilot.press("X")
            assert isinstance(app.screen, AskScreen)
            await pilot.press(key)
            await pilot.pause()
            assert isinstance(app.screen, RunScreen)
    assert live.stop_requested() == ""


async def test_a_second_stop_asks_whether_to_kill(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("X", "enter", "X")
        await pilot.pause()
        assert "Kill run 7f3a?" in text_of(app)
        await pilot.press("enter")
        await pilot.pause()
    assert live.stop_requested() == "kill"


async def test_what_does_not_run_cannot_be_stopped(finished, store):
    app = app_of(finished, store)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("X")
        await pilot.pause()
        assert "is not running" in text_of(app)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, ResultsScreen)
    assert finished.stop_requested() == ""


async def test_r_on_a_live_run_says_when_it_may(live, store, monkeypatch):
    monkeypatch.setattr("engine.execution.launch.again", pytest.fail)
    app = app_of(live, store)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("r")
        await pilot.pause()
        assert "When it has ended, r starts it again: then 1 failed cell" in text_of(app)
        await pilot.press("enter")
        await settled(app, pilot)
        assert isinstance(app.screen, RunScreen)


async def test_r_starts_the_run_again_and_shows_the_new_one(finished, another, store, monkeypatch):
    asked = []

    def again(folder, _request):
        asked.append(folder)
        return another

    monkeypatch.setattr("engine.execution.launch.again", again)
    app = app_of(finished, store)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("1", "r")
        await pilot.pause()
        assert "12 of 12 cells are done" in text_of(app)
        assert asked == []
        await pilot.press("enter")
        await settled(app, pilot)
        assert asked == [finished]
        assert app.source.folder == another
        shown = text_of(app)
        assert "8c4b" in shown
        assert "7f3a" not in shown
        append(another, events.CellCached(time=1101, cell=0, key="ab" * 32))
        app.poll()
        await pilot.press("2")
        await pilot.pause()
        assert "8c4b" in text_of(app)
        await pilot.press("1")
        await pilot.pause()
        assert isinstance(app.screen, RunScreen)
        assert "1/12" in text_of(app)


@pytest.mark.parametrize(("key", "asked"), [("1", "runs"), ("4", "gallery")])
async def test_a_screen_asked_for_while_a_run_starts_is_shown_when_it_is_there(
    finished, another, store, monkeypatch, key, asked
):
    monkeypatch.setattr("engine.execution.launch.again", lambda *_: another)
    remove = Dashboard.remove_mode
    during = []

    async def remove_mode(self, mode):
        """As if keys came before each screen is taken away."""
        if self.source.folder == another:
            self.action_screen(asked)
            self.poll()
            during.append([self.check_action(name, ()) for name in ("retry", "stop", "help")])
        await remove(self, mode)

    monkeypatch.setattr(Dashboard, "remove_mode", remove_mode)
    app = app_of(finished, store)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press(key, "r", "enter")
        await settled(app, pilot)
        assert app.source.folder == another
        assert app.current_mode == asked
        assert during == [[False] * 3] * 6
        await pilot.press("1")
        await pilot.pause()
        assert isinstance(app.screen, RunScreen)
        assert "8c4b" in text_of(app)


async def test_two_runs_chosen_at_once_are_shown_one_after_the_other(finished, another, store):
    app = app_of(finished, store)
    async with app.run_test(size=(100, 30)) as pilot:
        app.post_message(RunChosen(another))
        app.post_message(RunChosen(finished))
        app.post_message(RunChosen(another))
        await pilot.pause()
        await settled(app, pilot)
        assert app.source.folder == another
        assert isinstance(app.screen, RunScreen)


async def test_a_run_that_is_being_started_is_not_started_twice(
    finished, another, store, monkeypatch
):
    begun, told = threading.Event(), []

    def again(folder, _request):
        told.append(folder)
        begun.wait(20)
        return another

    monkeypatch.setattr("engine.execution.launch.again", again)
    app = app_of(finished, store)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("r", "enter", "r")
        await pilot.pause()
        assert "A run is being started" in text_of(app)
        await pilot.press("enter")
        begun.set()
        await settled(app, pilot)
        assert told == [finished]
        assert app.source.folder == another


async def test_a_run_whose_runner_is_gone_can_be_started_again(
    middle_run, another, store, monkeypatch
):
    monkeypatch.setattr("engine.execution.launch.again", lambda *_: another)
    app = app_of(middle_run, store)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert "run 7f3a lost its runner; r goes on from its checkpoints" in text_of(app)
        await pilot.press("r", "y")
        await settled(app, pilot)
        assert app.source.folder == another


async def test_what_keeps_a_run_from_starting_is_told_and_nothing_is_lost(
    finished, store, monkeypatch
):
    def refuse(*_: object) -> RunFolder:
        raise UsageError("x.yaml:3:1: error: no stage `\x1b]52;c;aGk=\x07`\n    uses: nope")

    monkeypatch.setattr("engine.execution.launch.again", refuse)
    app = app_of(finished, store)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("r", "enter")
        await settled(app, pilot)
        shown = text_of(app)
        assert "The run did not start" in shown
        assert "    uses: nope" in shown
        assert "\x1b" not in shown
        await pilot.press("escape")
        await pilot.pause()
        assert app.source.folder == finished


async def test_a_run_without_its_request_says_so(finished, store):
    app = app_of(finished, store)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("r", "enter")
        await settled(app, pilot)
        assert "does not tell what it was asked for" in text_of(app)


async def test_the_end_of_a_run_closes_no_question(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("X")
        append(
            live,
            events.CellFinished(time=1110, cell=11, key=f"{11:064x}", seconds=1.0),
            events.RunEnded(time=1111, code=0, seconds=111.0),
        )
        app.poll()
        await pilot.pause()
        assert isinstance(app.screen, AskScreen)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, RunScreen)
    assert live.stop_requested() == ""


@pytest.mark.parametrize("size", [(60, 18), (170, 50)])
async def test_help_tells_every_command_of_pane_screen_and_app(live, store, size):
    app = app_of(live, store)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        chain = app.screen._modal_binding_chain
        wanted = {
            (app.get_key_display(binding), binding.description)
            for _, bindings in chain
            for _, binding in bindings
            if binding.id
        }
        await pilot.press("question_mark")
        await pilot.pause()
        pane = app.screen.query_one("#help", Lines)
        assert pane.size.height + 2 <= size[1]
        rows = ["".join(span.text for span in row) for row in pane.rows]
        missing = [(k, d) for k, d in wanted if not any(k in row and d in row for row in rows)]
        # A key of a pane hides the same key of the screen under it.
        hidden = {d for k, d in wanted if sum(key == k for key, _ in wanted) > 1}
        # No file was named, so that there are no faults to show; all else can be done.
        assert [told for told in missing if told[1] not in hidden] == [("5", "Errors in the file")]
        for _ in range(40):
            if "skipped" in text_of(app):
                break
            await pilot.press("pagedown")
        assert "skipped" in text_of(app)
        await pilot.press("escape")
        assert isinstance(app.screen, RunScreen)


async def test_help_shows_the_keys_that_a_person_chose_and_so_does_the_last_line(live, store):
    app = app_of(live, store, Config({"app.leave": "Q", "run.log_y": "f7"}))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "Q leave" in text_of(app)
        await pilot.press("question_mark")
        await pilot.pause()
        shown = text_of(app)
        assert "f7" in shown
        assert "Q     Leave" in shown
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("escape", "q")
        await pilot.pause()
        assert app.is_running
        await pilot.press("Q")
    assert not app.is_running


async def test_the_palette_goes_to_a_stage_by_a_part_of_its_name(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "colon")
        await pilot.pause()
        assert CommandPalette.is_open(app)
        await chosen(app, pilot, "go resu", "go to result")
        assert isinstance(app.screen, RunScreen)
        assert app.screen.query_one(StageList).item == Item("result")


async def test_the_palette_does_what_keys_do(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+p")
        await chosen(app, pilot, "stop asks", "Stop the run or cell (asks)")
        assert isinstance(app.screen, AskScreen)


async def test_a_hostile_stage_is_plain_text_in_the_palette(make_run, store):
    evil = "[@click=app.quit]x[/] [bold"
    cell = events.CellInfo(evil, evil, evil, {}, ())
    folder = make_run([
        events.RunStarted(
            time=1, run="r", name="n", cells=(cell,), pid=1, host="h", device="cpu"
        )
    ])  # fmt: skip
    app = app_of(folder, store)
    async with app.run_test(size=(120, 40)) as pilot:
        for typed in ("", "click"):
            await pilot.press("colon", *typed)
            await until(app, pilot, lambda: f"go to {evil}" in text_of(app))
            await pilot.press("escape")


async def test_a_click_chooses_a_pane(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.click("#curves")
        assert app.screen.focused.id == "curves"
        await pilot.click("#stages")
        assert app.screen.focused.id == "stages"


async def test_the_screen_is_laid_out_anew_when_the_terminal_changes(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        for size in ((60, 18), (30, 10), (200, 60), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            rows = text_of(app).split("\n")
            assert len(rows) == size[1]
            assert ("too small" in rows[0]) == (size == (30, 10))


async def test_a_deleted_folder_cannot_be_started_again_and_says_why(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        shutil.rmtree(live.path)
        app.source.now = lambda: 1110.0
        app.poll()
        await pilot.press("r", "enter")
        await settled(app, pilot)
        assert "does not tell what it was asked for" in text_of(app)


def test_every_command_has_a_name_of_its_own():
    """Two meanings of one name would be rebound together."""
    found: dict[str, set[str]] = {}
    for kind in [Dashboard, *keymap._kinds()]:
        for binding in Binding.make_bindings(vars(kind).get("BINDINGS", ())):
            assert binding.id, (kind.__name__, binding.key)
            found.setdefault(binding.id, set()).add(f"{kind.__name__}.{binding.action}")
    assert {name: kinds for name, kinds in found.items() if len(kinds) > 1} == {}


async def test_a_fault_of_the_dashboard_is_told_in_few_lines_that_steer_no_terminal(live, store):
    app = Dashboard(Source(live, store, now=lambda: 1103.0), timers=False)

    async def fail(secret):
        async with app.run_test(size=(80, 24)):
            raise ValueError(f"boom \x1b]52;c;Zm9v\x07 of {len(secret)}")

    try:
        await fail("a value of a variable")
    except ValueError:
        app._fatal_error()
    told = str(app._exit_renderables[0])
    assert told.endswith(FAULT)
    assert "in fail" in told
    assert "boom" in told
    assert "a value of a variable" not in told.replace('fail("a value of a variable")', "")
    assert "\x1b" not in told


async def test_the_last_line_tells_the_keys_of_the_pane_with_the_focus(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()

        async def keys(*pressed: str) -> str:
            await pilot.press(*pressed)
            await pilot.pause()
            return text_of(app).strip().split("\n")[-1]

        assert "enter cells" in await keys()
        curves = await keys("tab")
        assert "←→ values" in curves
        assert "+ zoom in" in curves
        assert "enter cells" not in curves
        log = await keys("tab")
        assert "/ search  & filter  f follow" in log
        assert "zoom in" not in log
        assert "z all panes" in await keys("z")
        assert "z all panes" not in await keys("z")
        graph = await keys("d")
        assert "d all panes" in graph
        assert "↑↓ choose" in graph
        assert "d graph" in await keys("d")


async def test_the_last_line_of_results_tells_what_keys_do_in_each_view(finished, store):
    app = app_of(finished, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2")
        for told in ("p bars, plot  b baseline", "p plot, table  b baseline", "p table, bars"):
            await pilot.pause()
            assert told in text_of(app)
            await pilot.press("p")
        await pilot.press("p", "p")
        await pilot.pause()
        assert "b baseline" not in text_of(app)
        assert "←→ plot" in text_of(app)
