"""The list of stages: one line each with sign, counts and time; cells below an opened one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from meta_tui.render.numbers import duration, seconds_short
from meta_tui.render.progress import bar
from meta_tui.render.signs import STYLES, UNICODE, Signs, state_span
from meta_tui.render.spans import Line, Span, crop, fit, line, right
from meta_tui.summary import StageView
from meta_tui.view import CellView, State
from pipelines.text import width

_BAR = 6
_TAIL, _SHORT_TAIL = 17, 12
"""Columns right of a name: state, bar or time; in a narrow list there is no bar."""
_NARROW = 34


@dataclass(frozen=True, slots=True)
class Item:
    """What one line of the list stands for; `cell` None means the whole stage."""

    stage: str
    cell: int | None = None


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
    lines: list[Line] = []
    for stage in stages:
        lines.append(_stage(stage, columns, opened=stage.name in opened, signs=signs))
        if stage.name in opened:
            lines += [_cell(cell, now, columns, signs) for cell in stage.cells]
    return [crop(row, columns) for row in lines]


def _stage(stage: StageView, columns: int, *, opened: bool, signs: Signs) -> Line:
    mark = " " if len(stage.cells) < 2 else signs.opened if opened else signs.closed  # noqa: PLR2004
    count = f" {stage.over}/{len(stage.cells)}" if len(stage.cells) > 1 else ""
    state = stage.state
    size = _TAIL if columns >= _NARROW else _SHORT_TAIL
    tail = right(f"{state.value}{count}", size)
    if state is State.RUNNING:
        tail = right(f"{_bar(stage.fraction, columns, signs)}{count}", size)
    return line(
        Span(f"{mark} "),
        state_span(state, signs, word=False),
        Span(f" {fit(stage.name, columns - size - 5)} ", "strong"),
        Span(tail, STYLES[state]),
    )


def _cell(cell: CellView, now: float, columns: int, signs: Signs) -> Line:
    size = _TAIL if columns >= _NARROW else _SHORT_TAIL
    return line(
        Span("  ├ " if signs.braille else "  | ", "dim"),
        state_span(cell.state, signs, word=False),
        Span(f" {fit(_name(cell, columns - size - 7), columns - size - 7)} "),
        Span(right(_cell_tail(cell, now, columns, signs), size), STYLES[cell.state]),
    )


def _name(cell: CellView, columns: int) -> str:
    """The cell's axes, or where there is no room for them only their labels."""
    named = "@".join(f"{axis}={label}" for axis, label in cell.axes.items())
    return (named or cell.name) if width(named) <= columns else "@".join(cell.axes.values())


def _cell_tail(cell: CellView, now: float, columns: int, signs: Signs) -> str:
    if cell.state is State.RUNNING:
        if cell.fraction is not None:
            return _bar(cell.fraction, columns, signs)
        return duration(cell.spent(now))
    if cell.state is State.DONE:
        return f"{'diverged' if cell.diverged else 'done'} {seconds_short(cell.seconds)}"
    return str(cell.state.value)


def _bar(fraction: float, columns: int, signs: Signs) -> str:
    drawn = f"{bar(fraction, _BAR, signs)} " if columns >= _NARROW else ""
    return f"{drawn}{fraction:>4.0%}"
