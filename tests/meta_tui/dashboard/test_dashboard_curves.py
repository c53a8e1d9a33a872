"""The curves of the Run screen: what keys and clicks change in how they are shown."""

import pytest

from engine.rundir import events
from engine.rundir.events import MetricBatch
from meta_tui.dashboard.app import Dashboard
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.widgets.curves_view import CurvesPane
from meta_tui.render.charts.chart_grid import chartgrid
from meta_tui.render.text.numbers import ABSENT
from meta_tui.render.text.spans import plain

SIZE = (120, 40)


def app_of(folder, store) -> Dashboard:
    return Dashboard(Source(folder, store, now=lambda: 1103.0), timers=False)


def pane_of(app: Dashboard) -> CurvesPane:
    return app.screen.query_one(CurvesPane)


def text_of(app: Dashboard) -> str:
    return plain(pane_of(app).rows)


def told(app: Dashboard) -> str:
    return str(pane_of(app).border_subtitle)


async def pressed(app: Dashboard, pilot, keys: str) -> str:
    """Keys go to the curves; what the pane then shows."""
    pane_of(app).focus()
    await pilot.press(*keys.split())
    await pilot.pause()
    return text_of(app)


async def test_n_and_p_choose_a_metric_and_enter_shows_it_alone(live, store):
    app = app_of(live, store)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        assert "▸ loss" in text_of(app)
        assert "  accuracy" in text_of(app)
        assert told(app) == "1/2"
        assert "▸ accuracy" in await pressed(app, pilot, "n")
        assert told(app) == "2/2"
        alone = await pressed(app, pilot, "enter")
        assert "loss" not in alone
        assert "▸ loss" in await pressed(app, pilot, "p")
        shown = await pressed(app, pilot, "escape")
        assert "accuracy" in shown


async def test_the_cursor_tells_the_values_at_its_step_until_escape(live, store):
    app = app_of(live, store)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        shown = await pressed(app, pilot, "left")
        # The second curve ends at step 60.
        assert f"loss  at 93: 0.225 {ABSENT}" in shown
        assert f"accuracy  at 93: 0.788 {ABSENT}" in shown
        shown = await pressed(app, pilot, "shift+left shift+left shift+left")
        assert "at 93" not in shown
        assert ABSENT not in "".join(row for row in shown.split("\n") if "at " in row)
        assert "last 0.22" in await pressed(app, pilot, "escape")


async def test_zoom_and_pan_show_other_steps_and_0_shows_all(live, store):
    app = app_of(live, store)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        first = text_of(app)
        zoomed = await pressed(app, pilot, "plus")
        assert zoomed != first
        assert told(app) == "1/2 · zoom 47.."
        await pressed(app, pilot, "left_square_bracket")
        assert told(app) == "1/2 · zoom 35.5..81.5"
        await pressed(app, pilot, "minus")
        assert await pressed(app, pilot, "0") == first


async def test_a_zoom_at_the_end_goes_on_with_what_comes(live, store):
    app = app_of(live, store)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        await pressed(app, pilot, "plus")
        batch = MetricBatch("train", 120, 150, 40.0, (120,), {"loss": (0.125,)})
        with live.metrics(5).open("a") as file:
            file.write(events.encode_batch(batch) + "\n")
        app.poll()
        await pilot.pause()
        assert "120" in text_of(app)


async def test_s_smooths_and_says_so_and_comes_back(live, store):
    app = app_of(live, store)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        first = text_of(app)
        seen = []
        for _ in range(3):
            assert await pressed(app, pilot, "s") != first
            seen.append(told(app))
        assert seen == [f"1/2 · EMA {weight}, raw dim" for weight in (0.6, 0.9, 0.97)]
        assert await pressed(app, pilot, "s") == first


async def test_x_shows_time_and_forgets_the_zoom_of_the_steps(live, store):
    app = app_of(live, store)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        await pressed(app, pilot, "plus left")
        shown = await pressed(app, pilot, "x")
        assert told(app) == "1/2 · by time"
        assert "0:27" in shown
        assert "at 0:27: 0.225" in await pressed(app, pilot, "left")


async def test_y_is_logarithmic_from_any_pane(live, store):
    app = app_of(live, store)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("y")
        await pilot.pause()
        assert "loss (log)" in text_of(app)
        assert "log-y" in told(app)


async def test_curves_of_a_cached_cell_have_no_times_and_say_so(live, store):
    app = app_of(live, store)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("g", "x")
        await pilot.pause()
        assert "loss  0.500  not finite at step 2; no times recorded" in text_of(app)
        assert told(app) == "no times recorded"


async def test_a_click_chooses_a_chart_and_puts_the_cursor_there(live, store):
    app = app_of(live, store)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        pane = pane_of(app)
        row = next(at for at, line in enumerate(pane.rows) if "  accuracy" in plain([line]))
        await pilot.click("#curves", offset=(12, row + 4))
        await pilot.pause()
        shown = text_of(app)
        assert "▸ accuracy  at " in shown
        assert pane.look.cursor is not None


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_the_pane_never_shows_more_than_it_holds(live, store, size):
    app = app_of(live, store)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        for keys in ("n", "y s", "x left", "plus plus", "enter", "z", "z"):
            await pressed(app, pilot, keys)
            region = pane_of(app).scrollable_content_region
            assert len(pane_of(app).rows) <= max(region.height, 5)
            assert all(len(row) <= region.width for row in text_of(app).split("\n"))


async def test_zoom_and_cursor_end_with_the_stage_and_the_scale_stays(live, store):
    app = app_of(live, store)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        await pressed(app, pilot, "y plus left")
        app.screen.query_one("#stages").focus()
        await pilot.press("up")
        await pilot.pause()
        look = pane_of(app).look
        assert (look.log_y, look.cursor, look.window[0]) == (True, None, float("-inf"))


async def test_escape_leaves_the_cursor_then_the_zoom_then_the_pane_alone(live, store):
    app = app_of(live, store)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        await pressed(app, pilot, "z plus left")
        seen = []
        for _ in range(3):
            await pressed(app, pilot, "escape")
            look = pane_of(app).look
            seen.append((look.cursor, look.window[0] > 0, app.screen.has_class("zoomed")))
        assert seen == [(None, True, True), (None, False, True), (None, False, False)]


@pytest.mark.parametrize("pane", ["#curves", "#log"])
async def test_z_gives_a_pane_the_whole_screen_and_takes_it_back(live, store, pane):
    app = app_of(live, store)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        before = [app.screen.query_one(name).size for name in ("#stages", "#curves", "#log")]
        app.screen.query_one(pane).focus()
        await pilot.press("z")
        await pilot.pause()
        alone = app.screen.query_one(pane).outer_size
        assert (alone.width, alone.height) == (SIZE[0], SIZE[1] - 2)
        await pilot.press("z")
        await pilot.pause()
        after = [app.screen.query_one(name).size for name in ("#stages", "#curves", "#log")]
        assert after == before


async def test_charts_are_drawn_again_only_when_a_curve_or_the_look_changes(
    live, store, monkeypatch
):
    drawn = []

    def counted(*parts, **named):
        drawn.append(parts)
        return chartgrid(*parts, **named)

    monkeypatch.setattr("meta_tui.dashboard.widgets.curves_view.chartgrid", counted)
    app = app_of(live, store)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        before, count = text_of(app), len(drawn)
        assert count
        app.screen.redraw()
        app.poll()
        await pilot.pause()
        assert len(drawn) == count
        batch = MetricBatch("train", 94, 150, 30.0, (94,), {"loss": (9.0,)})
        with live.metrics(5).open("a") as file:
            file.write(events.encode_batch(batch) + "\n")
        app.poll()
        await pilot.pause()
        assert len(drawn) == count + 1
        assert text_of(app) != before
        for key in ("y", "n", "s", "left", "z"):
            count = len(drawn)
            await pressed(app, pilot, key)
            assert len(drawn) > count
