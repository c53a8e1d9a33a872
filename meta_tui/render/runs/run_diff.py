"""Two runs beside each other, as lines: options, files, numbers. Pure."""

from collections.abc import Iterable, Iterator

from meta_tui.model.run_reducer import RunView
from meta_tui.readers.run_diff import Number, RunDiff
from meta_tui.render.runs.progress import counts
from meta_tui.render.text.numbers import ABSENT, duration, metric, signed
from meta_tui.render.text.spans import Line, Span, Style, fit, line, right, wrap
from pipelines.core.text import width

_FIGURE, _NARROW_FIGURE, _WIDEST, _LEAST = 10, 8, 44, 14
_ROOM = 48
"""Columns from which on figures stand apart."""


def rundiff(diff: RunDiff, columns: int) -> list[Line]:
    """The lines of a comparison; `a` is the older run."""
    asked = diff.asked or ("the same",)
    return [
        *_run("a", diff.old, columns),
        *_run("b", diff.new, columns),
        *_part("asked otherwise in b", _wrapped(asked, columns)),
        *_part("file", (row for text in diff.edits for row in _edit(text, columns))),
        *_part("numbers", _numbers(diff, columns)),
    ]


def _run(name: str, view: RunView, columns: int) -> Iterator[Line]:
    told = f"{view.name} {view.run}: {counts(view)}, {duration(view.elapsed(view.latest))}"
    first, *rest = wrap(told, columns - 3) or [""]
    yield line(Span(f"{name}  ", "accent"), first)
    yield from (line(f"   {part}") for part in rest)


def _part(title: str, rows: Iterable[Line]) -> list[Line]:
    kept = list(rows)
    return [(), line(Span(title, "strong")), *kept] if kept else []


def _wrapped(texts: Iterable[str], columns: int) -> Iterator[Line]:
    for text in texts:
        yield from (line(f"  {part}") for part in wrap(text, columns - 2))


def _edit(text: str, columns: int) -> Iterator[Line]:
    """A line of the file; where it is too long, one that differs goes on below."""
    styles: dict[str, Style] = {"+": "good", "-": "bad"}
    if text[:1] not in styles:
        yield line(Span(fit(f"  {text}", columns).rstrip(), "dim"))
        return
    indent = 3 + len(text[1:]) - len(text[1:].lstrip())
    first, *rest = wrap(text[1:], max(_LEAST, columns - indent), "  ") or [""]
    yield line(Span(f"  {text[:1]}{' ' * (indent - 3)}{first}", styles[text[:1]]))
    yield from (line(Span(" " * indent + part, styles[text[:1]])) for part in rest)


def _numbers(diff: RunDiff, columns: int) -> Iterator[Line]:
    """A block for each row, those that differ first: its metrics in both runs, the difference."""
    figure = _FIGURE if columns >= _ROOM else _NARROW_FIGURE
    size = max((width(item.metric) for item in diff.numbers), default=0) + 2
    size = max(_LEAST, min(_WIDEST, size, columns - 2 - 3 * figure))
    if diff.numbers:
        heads = "".join(right(text, figure) for text in ("a", "b", "b - a"))
        yield line(Span("  " + " " * size + heads, "dim"))
    rows: dict[str, list[Number]] = {}
    for item in diff.numbers:
        rows.setdefault(item.row, []).append(item)
    for row in sorted(rows, key=lambda row: all(item.old == item.new for item in rows[row])):
        yield line(Span(f"  {fit(row, min(width(row), columns - 2))}"))
        yield from (_number(item, size, figure) for item in rows[row])


def _number(item: Number, size: int, figure: int) -> Line:
    old, new = (ABSENT if each is None else metric(each) for each in (item.old, item.new))
    between = ""
    if item.old is not None and item.new is not None:
        between = "=" if item.old == item.new else signed(item.new - item.old)
    head = f"    {fit(item.metric, size - 2)}{right(old, figure)}{right(new, figure)}"
    return line(head, Span(right(between, figure), "dim" if between == "=" else "accent"))
