"""What stands in the box of a stage: sign, name and count, its state or progress, and its cells."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from meta_tui.model.run_reducer import CellView, State
from meta_tui.model.stage_summary import StageView
from meta_tui.render.runs.progress import bar
from meta_tui.render.text.numbers import seconds_short
from meta_tui.render.text.spans import Line, Span, fit, line, right
from meta_tui.render.text.symbols import STYLES, Signs, state_span
from pipelines.core.text import width

_BAR, _TIME = 4, 4
_LEAST, _MOST, _MOST_OPENED = 15, 24, 36
_MOST_CELLS = 12
_TOLD = 18
"""Columns beside the name of a cell: marker, sign, state and time."""
_MARKS, _FRAME = 5, 2
"""Columns or rows that a frame takes; a blank stands on either side of what is in it."""


def sizes(
    stages: Sequence[StageView], opened: Collection[str], *, tall: bool, roomy: bool = True
) -> list[tuple[int, int]]:
    """Columns and rows of the box of each stage; they change only as boxes are opened.

    A roomy one is as wide as the names of its cells when it is opened.
    """
    longest = max((width(stage.name) + len(_full_count(stage)) for stage in stages), default=0)
    inner = min(_MOST, max(_LEAST, longest + 2))
    found: list[tuple[int, int]] = []
    for stage in stages:
        columns, rows = inner, 1 + tall
        if stage.name in opened:
            rows += min(_MOST_CELLS, len(stage.cells)) + (len(stage.cells) > _MOST_CELLS)
            longest = max(width(cell_name(cell)) for cell in stage.cells)
            columns = max(inner, min(_MOST_OPENED, longest + _TOLD)) if roomy else inner
        found.append((columns + _FRAME + 2, rows + _FRAME))
    return found


@dataclass(frozen=True, slots=True)
class Boxes:
    """How boxes are drawn.

    Attributes:
        opened: stages whose cells are listed.
        tall: with a second line for the state, the time and the progress.
        now: seconds since the epoch.
        signs: characters to draw with.
    """

    opened: Collection[str]
    tall: bool
    now: float
    signs: Signs

    def head(self, stage: StageView, columns: int) -> list[Line]:
        """The one or two lines for the stage as a whole."""
        signs, state, count = self.signs, stage.state, _count(stage)
        told = f"{stage.fraction:.0%}" if state is State.RUNNING and not self.tall else ""
        tail = " ".join(filter(None, [told, count]))
        if width(stage.name) + len(tail) + 3 > columns:
            tail = count  # A name says more than a share of what the count tells too.
        room = columns - 2 - (len(tail) + 1 if tail else 0)
        first = line(
            state_span(state, signs, word=False),
            Span(f" {fit(stage.name, room)}", "strong"),
            Span(f" {tail}" if tail else "", STYLES[state]),
        )
        if not self.tall:
            return [first]
        word = _progress(stage.fraction, signs) if state is State.RUNNING else _word(stage)
        spent = stage.spent(self.now)
        time = seconds_short(spent) if spent > 0 else ""
        second = fit(word, columns - len(time)) + time
        return [first, line(Span(second, STYLES[state]))]

    def cells(
        self, stage: StageView, columns: int, selected: int | None
    ) -> list[tuple[CellView, Line]]:
        """Its cells with a line for each: all, or as many as a box has room for."""
        place = next((at for at, c in enumerate(stage.cells) if c.ordinal == selected), 0)
        first = min(max(0, place - _MOST_CELLS // 2), max(0, len(stage.cells) - _MOST_CELLS))
        shown = stage.cells[first : first + _MOST_CELLS]
        return [
            (cell, self._cell(cell, columns, marked=cell.ordinal == selected)) for cell in shown
        ]

    def more(self, stage: StageView, shown: Sequence[CellView]) -> Line:
        """Which of its cells are shown, where not all are; else nothing."""
        if len(shown) == len(stage.cells):
            return ()
        first = stage.cells.index(shown[0]) + 1
        told = f"{first}-{first + len(shown) - 1} of {len(stage.cells)}"
        return line(Span(f"  {told}", "dim"))

    def _cell(self, cell: CellView, columns: int, *, marked: bool) -> Line:
        signs = self.signs
        told = "diverged" if cell.diverged else cell.state.value
        if cell.state is State.RUNNING and cell.fraction is not None:
            told = f"{cell.fraction:.0%}"
        spent = cell.spent(self.now) if cell.state is State.RUNNING else cell.seconds
        time = f" {right(seconds_short(spent), _TIME)}" if spent > 0 else ""
        room = columns - _MARKS - len(told)
        named, time = _fitting(cell, time, room)
        told += time
        name = fit(named, room - len(time))
        return line(
            Span(f"{signs.closed} " if marked else "  ", "accent"),
            state_span(cell.state, signs, word=False),
            Span(f" {name} ", "strong" if marked else ""),
            Span(told, STYLES[cell.state]),
        )


def cell_name(cell: CellView) -> str:
    """The cell's axes, which tell it from the others of its stage."""
    return "@".join(f"{axis}={label}" for axis, label in cell.axes.items()) or cell.name


def _fitting(cell: CellView, time: str, columns: int) -> tuple[str, str]:
    """Name and time of a cell, or what of them fits: first the time goes, then the axes' names."""
    named = cell_name(cell)
    if width(named) + len(time) <= columns:
        return named, time
    if width(named) <= columns:
        return named, ""
    labels = ",".join(cell.axes.values()) or named
    return labels, time if width(labels) + len(time) <= columns else ""


def _word(stage: StageView) -> str:
    return "diverged" if any(cell.diverged for cell in stage.cells) else stage.word


def _progress(fraction: float, signs: Signs) -> str:
    return f"{bar(fraction, _BAR, signs)} {fraction:>4.0%}"


def _full_count(stage: StageView) -> str:
    size = len(stage.cells)
    return f" {size}/{size}" if size > 1 else ""


def _count(stage: StageView) -> str:
    return f"{stage.done}/{len(stage.cells)}" if len(stage.cells) > 1 else ""
