"""A run of very many stages: a table with a line for each, which tells more than its graph."""

from collections.abc import Collection, Sequence

from meta_tui.model.run_reducer import CellView, State
from meta_tui.model.stage_summary import StageView
from meta_tui.render.graph.boxes import cell_name
from meta_tui.render.graph.items import Item, Rect, Sheet
from meta_tui.render.text.numbers import seconds_short
from meta_tui.render.text.spans import Line, Span, crop, fit, line, right
from meta_tui.render.text.symbols import STYLES, UNICODE, Signs, state_span
from pipelines.core.text import width

_WORD, _SHARE, _COUNT, _TIME = 12, 5, 9, 9
_MOST = 32


def dagtable(
    stages: Sequence[StageView],
    opened: Collection[str],
    now: float,
    columns: int,
    signs: Signs = UNICODE,
) -> Sheet:
    """State, name, type, progress, cells, time and inputs of each stage; cells of opened ones."""
    name = _widest([stage.name for stage in stages], "stage")
    kind = _widest([stage.type for stage in stages], "type")
    head = f"{fit('state', _WORD)} {fit('stage', name)} {fit('type', kind)} "
    head += f"{right('part', _SHARE)} {right('cells', _COUNT)} {right('time', _TIME)}  needs"
    rows = [crop(line(Span(head, "dim")), columns)]
    places: dict[Item, Rect] = {}
    for stage in stages:
        places[Item(stage.name)] = Rect(0, len(rows), columns, 1)
        rows.append(crop(_stage(stage, now, name, kind, signs), columns))
        for cell in stage.cells if stage.name in opened else ():
            places[Item(stage.name, cell.ordinal)] = Rect(0, len(rows), columns, 1)
            rows.append(crop(_cell(cell, now, name + kind + 1, signs), columns))
    return Sheet(rows, places)


def _widest(texts: Sequence[str], head: str) -> int:
    return min(_MOST, max(map(width, [head, *texts])))


def _stage(stage: StageView, now: float, name: int, kind: int, signs: Signs) -> Line:
    state, spent = stage.state, stage.spent(now)
    share = f"{stage.fraction:.0%}" if state is State.RUNNING else ""
    return line(
        _word(state, signs, stage.word),
        Span(f" {fit(stage.name, name)}", "strong"),
        f" {fit(stage.type, kind)} {right(share, _SHARE)}",
        f" {right(f'{stage.done}/{len(stage.cells)}', _COUNT)}",
        f" {right(seconds_short(spent) if spent else '', _TIME)}",
        Span(f"  {', '.join(stage.needs)}", "dim"),
    )


def _cell(cell: CellView, now: float, name: int, signs: Signs) -> Line:
    spent = cell.spent(now) if cell.state is State.RUNNING else cell.seconds
    running = cell.state is State.RUNNING and cell.fraction is not None
    return line(
        _word(cell.state, signs, cell.state.value),
        f" {fit(f'  {cell_name(cell)}', name)}",
        f" {right(f'{cell.fraction:.0%}' if running else '', _SHARE)} {' ' * _COUNT}",
        f" {right(seconds_short(spent) if spent else '', _TIME)}",
    )


def _word(state: State, signs: Signs, word: str) -> Span:
    sign = state_span(state, signs, word=False).text
    return Span(fit(f"{sign} {word}", _WORD), STYLES[state])
