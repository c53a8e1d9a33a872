"""The faults of a file: place and message, the source line with a caret, the hint. Pure."""

from collections.abc import Iterator

from meta_tui.readers.file_check import Checked
from meta_tui.render.text.spans import Line, Span, Style, crop, line, wrap
from pipelines.core.errors import Problem
from pipelines.core.text import safe_text

_INDENT = "    "


def faultlist(checked: Checked, file: str, columns: int) -> list[Line]:
    """What a check told, in so many columns."""
    rows: list[Line] = []
    if not checked.faults:
        command = Span(f"meta run {file}", "accent")
        start = line(Span("r", "accent"), " starts it, as ", command, " does")
        rows = [line(Span(told(checked), "good")), (), start]
    for problem in checked.problems:
        rows += [(), *_problem(problem, columns)] if rows else _problem(problem, columns)
    return rows


def told(checked: Checked) -> str:
    """`2 faults`, or `no faults: 3 stages, 12 cells`; warnings are counted."""
    warnings = len(checked.problems) - checked.faults
    more = f", {_count(warnings, 'warning')}" if warnings else ""
    if checked.faults:
        return f"{_count(checked.faults, 'fault')}{more}"
    stages, cells = _count(checked.stages, "stage"), _count(checked.cells, "cell")
    return f"no faults: {stages}, {cells}{more}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _problem(problem: Problem, columns: int) -> Iterator[Line]:
    style: Style = "bad" if problem.severity == "error" else "warn"
    text = safe_text(problem.render(), lines=True).splitlines()
    marked = bool(problem.mark and problem.mark.text)
    hints = [row for row in text[1:] if row.startswith(f"{_INDENT}hint: ")] if problem.hint else []
    # A message may have several lines; the source and its caret are the two before the hint.
    end = len(text) - len(hints)
    source = text[end - 2 : end] if marked else []
    for row in text[: end - len(source)]:
        yield from (line(Span(part, style)) for part in wrap(row, columns))
    if source:
        yield from _source(source[0], source[1], columns)
    for row in hints:
        yield from (line(Span(_INDENT + part, "dim")) for part in wrap(row, columns - len(_INDENT)))


def _source(row: str, caret: str, columns: int) -> Iterator[Line]:
    """The source line and the caret below it, moved aside together where the caret is far off."""
    start = len(caret) - len(caret.lstrip())
    if len(caret) > columns:
        cut = start - columns // 2
        row, caret = f"{_INDENT}…{row[cut + len(_INDENT) + 1 :]}", f"{_INDENT}{caret[cut + 4 :]}"
    yield crop(line(row), columns)
    yield crop(line(Span(caret, "accent")), columns)
