"""The list of stages: one line each with sign, state, counts and time; cells below an opened one.

At its left rails tell what reads whose results, where there is room for them. A wide list has a
bar for what runs; a narrow one its percentage; the narrowest leaves out the time, and the word of
a state where there is a count beside its sign.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from meta_tui.model.run_reducer import CellView, State
from meta_tui.model.stage_summary import StageView
from meta_tui.render.graph.char_grid import ascii_lines
from meta_tui.render.graph.items import Item
from meta_tui.render.graph.rails import Rail, rails
from meta_tui.render.runs.progress import bar
from meta_tui.render.text.numbers import seconds_short
from meta_tui.render.text.spans import Line, Span, crop, fit, line, right
from meta_tui.render.text.symbols import STYLES, UNICODE, Signs, state_span
from pipelines.core.text import width

_BAR = 6
_ROOM_FOR_BAR, _ROOM_FOR_TIME = 40, 30
_RAILS = 2
"""Rails may take one in so many columns."""
_MARKS = 3
"""Columns between the rails and the name of a stage."""
_WORD = 8
"""Columns of the longest word for a state, `diverged`."""


MOST_STAGES = 60
"""Of more than so many a table tells more than rails or a graph."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Columns right of the names, the same in every line."""

    columns: int
    state: int
    count: int
    time: int
    signs: Signs
    rails: int
    """Columns of the rails, the sign of a stage included."""

    def name(self, taken: int, *, counted: bool) -> int:
        """What is left for a name beside so many columns and the rails."""
        taken += self.rails
        tail = [self.state, self.count if counted else 0, self.time]
        return max(4, self.columns - taken - sum(size + 1 for size in tail if size))

    def tail(self, state: str, count: str | None, time: str) -> str:
        """State, count and time, each at the right of its columns."""
        parts = [(state, self.state), (count, self.count), (time, self.time)]
        return "".join(f" {right(text, size)}" for text, size in parts if size and text is not None)


def items(stages: Sequence[StageView], opened: Collection[str]) -> list[Item]:
    """The lines of the list, in order."""
    found: list[Item] = []
    for stage in stages:
        found.append(Item(stage.name))
        if stage.name in opened:
            found += [Item(stage.name, cell.ordinal) for cell in stage.cells]
    return found


def stagelist(
    stages: Sequence[StageView],
    opened: Collection[str],
    now: float,
    columns: int,
    signs: Signs = UNICODE,
) -> list[Line]:
    """A line for each of `items`, of at most so many columns."""
    beside, layout = _fitting(stages, now, columns, signs)
    lines: list[Line] = []
    for stage, rail in zip(stages, beside, strict=True):
        lines.append(_stage(stage, now, layout, rail, opened=stage.name in opened))
        if stage.name in opened:
            lines += [_cell(cell, now, layout, rail) for cell in stage.cells]
    return [crop(row, columns) for row in lines]


def _fitting(
    stages: Sequence[StageView], now: float, columns: int, signs: Signs
) -> tuple[list[Rail], _Layout]:
    """The rails of each stage, and the columns right of them.

    Where names do not fit, times go first, then words beside counts, then the rails but for the
    signs.
    """
    bare = [Rail("", "", " ")] * len(stages)
    longest = max((width(stage.name) for stage in stages), default=0)
    tried = (
        (beside, _layout(stages, now, columns, signs, len(beside[0].below), detail))
        for beside, details in ((_rails(stages, columns, signs), (2, 1, 0)), (bare, (2, 1)))
        for detail in details
        if beside
    )
    fits = (each for each in tried if each[1].name(_MARKS, counted=True) >= longest)
    return next(fits, (bare, _layout(stages, now, columns, signs, 1, 1)))


def _rails(stages: Sequence[StageView], columns: int, signs: Signs) -> list[Rail]:
    found = rails(stages) if len(stages) <= MOST_STAGES else []
    if not found or len(found[0].below) > columns // _RAILS:
        return []
    if signs.braille:
        return found
    return [Rail(*map(ascii_lines, (rail.before, rail.after, rail.below))) for rail in found]


def _layout(
    stages: Sequence[StageView], now: float, columns: int, signs: Signs, size: int, detail: int
) -> _Layout:
    """With `detail` 2 there are states, counts and times, with 1 no times, with 0 states alone."""
    if columns < _ROOM_FOR_TIME or detail == 0:
        return _Layout(columns, _WORD, 0, 0, signs, size)
    count = max((len(_count(stage)) for stage in stages), default=0)
    time = max((len(_time(stage.spent(now))) for stage in stages), default=0)
    state = _BAR + 5 if columns >= _ROOM_FOR_BAR else _WORD
    state = max(state, *(len(stage.word) for stage in stages), 0)
    return _Layout(columns, state, count, time if detail > 1 else 0, signs, size)


def _stage(stage: StageView, now: float, layout: _Layout, rail: Rail, *, opened: bool) -> Line:
    signs = layout.signs
    mark = " " if len(stage.cells) < 2 else signs.opened if opened else signs.closed  # noqa: PLR2004
    state = stage.state
    told = _progress(stage.fraction, layout) if state is State.RUNNING else stage.word
    if not layout.count and (count := _count(stage)):
        both = f"{told.strip()} {count}"
        told = both if state is State.RUNNING and len(both) <= layout.state else count
    return line(
        Span(rail.before, "dim"),
        state_span(state, signs, word=False),
        Span(rail.after, "dim"),
        Span(f" {mark} {fit(stage.name, layout.name(_MARKS, counted=True))}", "strong"),
        Span(layout.tail(told, _count(stage), _time(stage.spent(now))), STYLES[state]),
    )


def _cell(cell: CellView, now: float, layout: _Layout, rail: Rail) -> Line:
    room = layout.name(7, counted=False)
    spent = cell.spent(now) if cell.state is State.RUNNING else cell.seconds
    return line(
        Span(f"{rail.below}   {'├' if layout.signs.braille else '|'} ", "dim"),
        state_span(cell.state, layout.signs, word=False),
        Span(f" {fit(_name(cell, room), room)}"),
        Span(layout.tail(_state(cell, layout), None, _time(spent)), STYLES[cell.state]),
    )


def _count(stage: StageView) -> str:
    return f"{stage.done}/{len(stage.cells)}" if len(stage.cells) > 1 else ""


def _time(seconds: float) -> str:
    return seconds_short(seconds) if seconds > 0 else ""


def _name(cell: CellView, columns: int) -> str:
    """The cell's axes, or where there is no room for them only their labels."""
    named = "@".join(f"{axis}={label}" for axis, label in cell.axes.items())
    return (named or cell.name) if width(named) <= columns else ",".join(cell.axes.values())


def _state(cell: CellView, layout: _Layout) -> str:
    if cell.state is State.RUNNING and cell.fraction is not None:
        return _progress(cell.fraction, layout)
    return "diverged" if cell.diverged else cell.state.value


def _progress(fraction: float, layout: _Layout) -> str:
    drawn = f"{bar(fraction, _BAR, layout.signs)} " if layout.state >= _BAR + 5 else ""
    return f"{drawn}{fraction:>4.0%}"
