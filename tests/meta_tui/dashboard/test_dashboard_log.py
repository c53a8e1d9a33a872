"""The log of the Run screen: what is found, kept, followed and marked."""

from engine.rundir import events
from meta_tui.dashboard.app import Dashboard
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.widgets.log_view import LogPane
from meta_tui.dashboard.widgets.prompt import Ask

LINES = 30_000
LONG = [f"line {place} {'.' * 60}" for place in range(LINES)]
"""Longer than what is read of a log at once."""


def app_of(folder, store) -> Dashboard:
    return Dashboard(Source(folder, store, now=lambda: 1103.0), timers=False)


def shown(app: Dashboard) -> list[str]:
    """The rows of the log that are on the screen."""
    pane = app.screen.query_one(LogPane)
    region = pane.scrollable_content_region
    return [pane.render_line(row).text.rstrip() for row in range(region.height)]


def told(app: Dashboard) -> str:
    return str(app.screen.query_one(LogPane).border_subtitle)


async def poll(app: Dashboard, pilot, times: int = 1) -> None:
    for _ in range(times):
        app.poll()
        await pilot.pause()


async def read_all(app: Dashboard, pilot) -> None:
    """Poll until no log that is read has more."""
    for _ in range(100):
        if not app.source.feed.logs_behind:
            return
        await poll(app, pilot)
    raise AssertionError("a log is not read to its end")


def write(folder, text: str) -> None:
    """More of the log of the cell that is selected first."""
    with folder.log(5).open("a", encoding="utf-8") as file:
        file.write(text)


async def test_a_search_goes_to_the_first_line_found_while_it_is_typed_and_on_with_n(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("slash", *"STEP 1")
        await pilot.pause()
        assert told(app).startswith("/ STEP 1: not found")
        await pilot.press(*["backspace"] * 6, *"step 1")
        await pilot.pause()
        assert told(app).startswith("/ step 1: ")
        assert "/11" in told(app)
        await pilot.press("enter", "g", "n")
        await pilot.pause()
        first = told(app)
        await pilot.press("n", "N")
        await pilot.pause()
        assert told(app) == first
        for _ in range(11):
            await pilot.press("n")
        await pilot.pause()
        assert told(app) == first
        await pilot.press("escape")
        await pilot.pause()
        assert "step 1" not in told(app)


async def test_what_is_found_is_marked_and_on_the_screen(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("slash", *"step 3 ", "enter", "n")
        await pilot.pause()
        pane = app.screen.query_one(LogPane)
        top = pane.scroll_offset.y
        assert top <= 3 < top + pane.scrollable_content_region.height
        marked = [segment.text for segment in pane.render_line(3 - top) if segment.style.reverse]
        assert marked == ["step 3 "]
        assert told(app).startswith("/ step 3 : 1/1")


async def test_escape_while_typing_leaves_the_search_and_goes_back_to_where_it_began(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        pane = app.screen.query_one(LogPane)
        before = pane.scroll_offset.y
        assert before > 0
        await pilot.press("slash", *"step 0")
        await pilot.pause()
        assert pane.scroll_offset.y == 0
        await pilot.press("escape")
        await pilot.pause()
        assert pane.scroll_offset.y == before
        assert pane.has_focus
        assert not app.screen.query_one("#log-ask", Ask).display
        assert told(app) == "follow"


async def test_a_search_begins_with_the_log_on_the_screen_whatever_was_alone_on_it(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("tab", "z", "slash", *"step 3 ")
        await pilot.pause()
        assert app.screen.query_one(LogPane).outer_size.height > 5
        assert told(app).startswith("/ step 3 : 1/1")


async def test_a_filter_leaves_the_lines_that_have_the_words_and_new_ones_too(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.screen.query_one(LogPane).focus()
        await pilot.press("ampersand", *"step 2", "enter")
        await pilot.pause()
        assert [row.split()[2] for row in shown(app)[-3:]] == ["27", "28", "29"]
        assert told(app).startswith("& step 2: 11 of 30")
        write(live, "nothing\nstep 200\n")
        append(live)
        await poll(app, pilot)
        assert shown(app)[-1] == "step 200"
        assert told(app).startswith("& step 2: 12 of 32")
        await pilot.press("escape")
        await pilot.pause()
        assert len(app.screen.query_one(LogPane).text) == 32


def append(folder) -> None:
    """Something happens, so that the next poll shows what is new."""
    with folder.events.open("a", encoding="utf-8") as file:
        file.write(events.encode(events.CellCheckpointed(time=1, cell=5, step=3)) + "\n")


async def test_the_end_is_followed_until_somebody_scrolls_up_and_again_from_the_end(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        pane = app.screen.query_one(LogPane)
        pane.focus()
        write(live, "one\n")
        await poll(app, pilot)
        assert shown(app)[-1] == "one"
        await pilot.press("k")
        await pilot.pause()
        assert told(app) == "f follows"
        top = shown(app)[0]
        write(live, "two\n" * 50)
        await poll(app, pilot)
        assert shown(app)[0] == top
        await pilot.press("G")
        await pilot.pause()
        assert (shown(app)[-1], told(app)) == ("two", "follow")
        await pilot.press("f")
        write(live, "three\n")
        await poll(app, pilot)
        assert shown(app)[-1] == "two"
        await pilot.press("f")
        await pilot.pause()
        assert shown(app)[-1] == "three"


async def test_a_line_that_is_not_finished_is_shown_and_replaced(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        for text, expected in ((" 5%", " 5%"), ("\r 70%", " 70%"), ("\rdone\n", "done")):
            write(live, text)
            await poll(app, pilot)
            assert shown(app)[-1] == expected
        assert len(app.screen.query_one(LogPane).lines) == 31


async def test_a_failure_stands_at_the_end_of_a_long_log_and_once(live, store):
    live.log(4).write_text("".join(f"{line}\n" for line in LONG))
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        app.source.feed.clock = iter(range(10**6)).__next__
        await pilot.press("up")
        await pilot.pause()
        assert app.source.feed.logs_behind
        await read_all(app, pilot)
        lines = app.screen.query_one(LogPane).lines
        assert len(lines) == LINES + 2
        assert list(lines[-3:]) == [LONG[-1], "File x", "boom"]


async def test_a_long_log_of_a_run_that_is_over_is_read_to_its_end(finished, store):
    finished.log(5).write_text("".join(f"{line}\n" for line in LONG))
    app = app_of(finished, store)
    async with app.run_test(size=(120, 40)) as pilot:
        app.source.feed.clock = iter(range(10**6)).__next__
        await pilot.press("1")
        assert app.source.feed.logs_behind
        await read_all(app, pilot)
        assert list(app.screen.query_one(LogPane).lines) == LONG


async def test_keys_in_a_log_of_many_lines_are_little_work(live, store, work):
    write(live, "".join(f"12:00:00 step {place} loss 0.5\n" for place in range(LINES)))
    app = app_of(live, store)
    async with app.run_test(size=(120, 40)) as pilot:
        await read_all(app, pilot)
        pane = app.screen.query_one(LogPane)
        assert len(pane.lines) == LINES + 30
        pane.focus()
        await pilot.pause()
        for key in ("g", "G", "k", "slash", *"999", "enter", "n", "pageup"):
            with work.counting():
                await pilot.press(key)
            assert work.steps < 200_000, key


async def test_lines_of_the_history_that_do_not_fit_end_with_an_ellipsis(live, store):
    app = app_of(live, store)
    async with app.run_test(size=(60, 24)) as pilot:
        await pilot.press("g")
        await pilot.pause()
        pane = app.screen.query_one(LogPane)
        assert pane.of_run
        await poll(app, pilot)
        rows = [row for row in shown(app) if "…" in row]
        assert rows
        width = pane.scrollable_content_region.width
        assert all(len(row) <= width and row.endswith("…") for row in rows)
        assert pane.max_scroll_x == 0
