"""Two runs beside each other, as lines: options, files, numbers. Pure."""

from collections.abc import Iterable, Iterator

from meta_tui.render.numbers import ABSENT, duration, metric, signed
from meta_tui.render.progress import counts
from meta_tui.render.spans import Line, Span, Style, fit, line, right, wrap
from meta_tui.rundiff import Number, RunDiff
from meta_tui.view import RunView
from pipelines.text import width

_FIGURE, _WIDEST, _LEAST = 10, 44, 16


def rundiff(diff: RunDiff, columns: int) -> list[Line]:
    """The lines of a comparison; `a` is the older run."""
    asked = diff.asked or ("the same",)
    return [
        *_run("a", diff.old, columns),
        *_run("b", diff.new, columns),
        *_part("asked otherwise in b", _wrapped(asked, columns)),
        *_part("file", (_edit(text) for text in diff.edits)),
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


def _edit(text: str) -> Line:
    styles: dict[str, Style] = {"+": "good", "-": "bad", "…": "dim"}
    return line(Span(f"  {text}", styles.get(text[:1], "")))


def _numbers(diff: RunDiff, columns: int) -> Iterator[Line]:
    """A block for each row: its metrics in both runs, and the difference."""
    size = max((width(item.metric) for item in diff.numbers), default=0)
    size = max(_LEAST, min(_WIDEST, size, columns - 2 - 3 * _FIGURE))
    heads = "".join(right(text, _FIGURE) for text in ("a", "b", "b - a"))
    if diff.numbers:
        yield line(Span("  " + " " * size + heads, "dim"))
    row = None
    for item in diff.numbers:
        if item.row != row:
            row = item.row
            yield line(Span(f"  {row}"))
        yield _number(item, size)


def _number(item: Number, size: int) -> Line:
    old, new = (ABSENT if each is None else metric(each) for each in (item.old, item.new))
    between = ""
    if item.old is not None and item.new is not None:
        between = "=" if item.old == item.new else signed(item.new - item.old)
    head = f"    {fit(item.metric, size - 2)}{right(old, _FIGURE)}{right(new, _FIGURE)}"
    return line(head, Span(right(between, _FIGURE), "dim" if between == "=" else "accent"))
