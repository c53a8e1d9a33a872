"""All that is known of one cell, as lines: what it was given, why it ran, what it made. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from engine.rundir.cell_settings import Given, Setting
from meta_tui.model.run_reducer import CellView, RunView
from meta_tui.readers.cell_details import CellDoc, Made
from meta_tui.render.runs.selection_header import cell_details
from meta_tui.render.text.columns import beside, stacked
from meta_tui.render.text.numbers import duration, metric
from meta_tui.render.text.spans import Line, Span, Style, fit, line, wrap
from meta_tui.render.text.symbols import UNICODE, Signs, state_span
from pipelines.core.text import width

_KEY, _WIDEST_NAME, _CHANGED = 12, 28, "*"
_KILO = 1000
_TWO_COLUMNS, _GAP = 100, 3
"""From so many columns on, parameters stand at the left of the rest."""


def celldetail(
    view: RunView,
    cell: CellView,
    doc: CellDoc,
    happened: Sequence[tuple[float, str]],
    now: float,
    columns: int,
    signs: Signs = UNICODE,
) -> list[Line]:
    """The lines of a cell's detail."""
    head = cell_details(view, cell, now, columns, signs)
    if cell.key:
        head.append(line(Span(f"key {cell.key}"[:columns], "dim")))
    aside = columns >= _TWO_COLUMNS
    room = (columns - _GAP) // 2 if aside else columns
    given = _part("parameters", _parameters(doc, room))
    scores = [(name, metric(value)) for name, value in cell.scores.items()]
    parts = [
        _part("inputs", _inputs(view, doc.given, room, signs)),
        _part("artifacts", _artifacts(doc, room)),
        _part("scores", _pairs(scores, room)),
        _part("what happened", _happened(view, happened, room)),
        _part("made by", _pairs(list(doc.origin.items()), room)),
    ]
    rest = stacked([part for part in parts if part])
    blocks = [block for block in (given, rest) if block]
    return [*head, (), *(beside(blocks, columns, 1) if aside else stacked(blocks))]


def _part(title: str, rows: Iterable[Line]) -> list[Line]:
    """A part with its title; nothing where it has no rows."""
    kept = list(rows)
    return [line(Span(title, "strong")), *kept] if kept else []


def _parameters(doc: CellDoc, columns: int) -> Iterator[Line]:
    size = _size(item.name for item in doc.settings)
    # What a person chose stands first; within, the order is that of the stage type.
    for item in sorted(doc.settings, key=lambda item: (not item.changed, item.default != "")):
        yield from _setting(item, size, columns)
    if any(item.changed for item in doc.settings):
        yield line(Span(f"  {_CHANGED} another value than the default", "dim"))
    if doc.note:
        yield from (line(Span(f"  {part}", "warn")) for part in wrap(doc.note, columns - 2))


def _setting(item: Setting, size: int, columns: int) -> Iterator[Line]:
    sign = _CHANGED if item.changed else " "
    default = f"  (default {item.default})" if item.changed else ""
    given = item.changed or not item.default
    style: Style = "accent" if item.changed else "" if given else "dim"
    head = Span(f"{sign} {fit(item.name, size)}  ", style)
    room = max(20, columns - width(head.text))
    first, *rest = wrap(item.value + default, room) or [""]
    yield line(head, Span(first, style))
    yield from (line(Span(" " * width(head.text) + part, style)) for part in rest)


def _inputs(view: RunView, given: Sequence[Given], columns: int, signs: Signs) -> Iterator[Line]:
    size = _size(item.port for item in given)
    for item in given:
        cell = view.cells[item.cell]
        key = f"  {cell.key[:_KEY]}" if cell.key else ""
        port = f"{fit(item.port, size)}  " if size else ""
        room = columns - width(port) - len(key) - 4
        name = fit(cell.name, min(width(cell.name), max(8, room)))
        sign = state_span(cell.state, signs, word=False)
        yield line(f"  {port}", sign, f" {name}", Span(key, "dim"))


def _artifacts(doc: CellDoc, columns: int) -> Iterator[Line]:
    if doc.missing:
        yield from (line(Span(f"  {part}", "dim")) for part in wrap(doc.missing, columns - 2))
    size = _size(f"{item.port} {item.type}" for item in doc.made)
    for item in doc.made:
        head = f"  {fit(f'{item.port} {item.type}', size)}  "
        room = max(20, columns - width(head))
        first, *rest = wrap(_files(item), room) or [""]
        yield line(head, first)
        yield from (line(" " * width(head) + part) for part in rest)


def _files(item: Made) -> str:
    told = [f"{name} {file_size(count)}" for name, count in item.files]
    return f"{', '.join(told)}; content {item.digest[:_KEY]}"


def file_size(count: float) -> str:
    """`359 B`, `116 kB`, `2.4 MB`."""
    for unit in ("B", "kB", "MB"):
        if count < _KILO:
            return f"{count:.0f} {unit}" if unit != "MB" else f"{count:.1f} MB"
        count /= _KILO
    return f"{count:.2f} GB"


def _happened(view: RunView, happened: Sequence[tuple[float, str]], columns: int) -> Iterator[Line]:
    for time, words in happened:
        clock = f"  {duration(time - (view.started or time)):>7}  "
        first, *rest = wrap(words, max(20, columns - len(clock))) or [""]
        yield line(Span(clock, "dim"), first)
        yield from (line(" " * len(clock) + part) for part in rest)


def _pairs(pairs: Sequence[tuple[str, str]], columns: int) -> Iterator[Line]:
    size = _size(name for name, _ in pairs)
    for name, value in pairs:
        head = f"  {fit(name, size)}  "
        first, *rest = wrap(value, max(20, columns - width(head))) or [""]
        yield line(Span(head, "dim"), first)
        yield from (line(" " * width(head) + part) for part in rest)


def _size(names: Iterable[str]) -> int:
    return min(_WIDEST_NAME, max(map(width, names), default=0))
