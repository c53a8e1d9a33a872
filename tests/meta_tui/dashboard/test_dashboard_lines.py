"""A pane of lines is painted where it changed, and looks as if all of it had been painted."""

import random

import pytest
from textual.app import App, ComposeResult

from meta_tui.dashboard.widgets.line_view import Lines
from meta_tui.render.text.spans import Line, Span


class Painted(Lines):
    """Counts the rows that it draws."""

    drawn = 0

    def render_line(self, y):
        self.drawn += 1
        return super().render_line(y)


class Shown(App[None]):
    CSS = """
    Lines { border: round red; background: black; }
    Lines:focus { background: green; }
    .lines--cursor { background: blue; }
    """

    def compose(self) -> ComposeResult:
        yield Painted(id="pane")


def rows(count: int, salt: int = 0) -> list[Line]:
    return [(Span(f"row {at} of {salt:04}", "good" if at % 3 else "bad"),) for at in range(count)]


def painted(app):
    """Every line of the screen, with its styles."""
    return [list(strip) for strip in app.screen._compositor.render_strips()]


async def test_what_did_not_change_is_not_drawn_again():
    app = Shown()
    async with app.run_test(size=(40, 20)) as pilot:
        pane = app.query_one(Painted)
        pane.show(rows(15))
        await pilot.pause()
        pane.drawn = 0
        pane.show(rows(15))
        await pilot.pause()
        assert pane.drawn == 0
        told = rows(15)
        told[4] = (Span("row 4 of 9999", "good"),)
        pane.show(told)
        await pilot.pause()
        assert pane.drawn == 1
        pane.show(told, 7)
        await pilot.pause()
        pane.show(told, 8)
        await pilot.pause()
        assert pane.drawn == 1 + 1 + 2
        pane.entitle("stages", "told")
        await pilot.pause()
        pane.drawn = 0
        pane.entitle("stages", "told")
        await pilot.pause()
        assert pane.drawn == 0


@pytest.mark.parametrize("seed", range(8))
async def test_after_any_changes_it_looks_as_when_it_is_drawn_anew(seed):
    draw = random.Random(seed)
    app = Shown()
    async with app.run_test(size=(40, 12)) as pilot:
        pane = app.query_one(Painted)
        for _ in range(12):
            told = rows(draw.choice([5, 9, 30, 30]), salt=1)
            for _ in range(draw.randrange(4)):
                told[draw.randrange(len(told))] = (Span(f"row x of {draw.randrange(9999):04}"),)
            pane.show(told, draw.choice([None, draw.randrange(len(told))]))
            if draw.random() < 0.4:
                pane.scroll_to(y=draw.randrange(30), animate=False)
            if draw.random() < 0.2:
                app.screen.set_focus(pane if not pane.has_focus else None)
            await pilot.pause()
            found = painted(app)
            pane.refresh()
            await pilot.pause()
            assert found == painted(app)


async def test_rows_are_drawn_on_what_the_pane_is_drawn_on():
    app = Shown()
    async with app.run_test(size=(40, 12)) as pilot:
        pane = app.query_one(Painted)
        pane.show(rows(3))
        for focused in (None, pane, None):
            app.screen.set_focus(focused)
            await pilot.pause()
            grounds = {segment.style.bgcolor.name for segment in pane.render_line(0)}
            assert grounds == {"#008000" if focused else "#000000"}
