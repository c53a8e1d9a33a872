"""A comparison as text: means with half-widths and n, bars, contrasts with verdicts, notes.

What is not known is said: `n/a` where a metric does not apply, a dash where all runs of a row were
lost, `(n=1)` and "n=1, no interval" where there is nothing to span. What an interval spans, seeds
or what one learner was judged on, is told under the table, and beside a value where it is another.
"""

from collections.abc import Sequence

from engine.library.artifacts import Interval, Row, Table
from meta_tui.model.table_notes import column, common, counted, remarks
from meta_tui.render.charts.plot_data import MATRIX
from meta_tui.render.charts.xy_plot import plane
from meta_tui.render.tables.contrasts import contrasts
from meta_tui.render.tables.intervals import interval_bar, ruler, scale
from meta_tui.render.tables.matrix import matrix
from meta_tui.render.tables.row_labels import rowlabels
from meta_tui.render.text.numbers import ABSENT, metric, spread
from meta_tui.render.text.spans import Line, Span, crop, fit, line, plain, right, wrap
from meta_tui.render.text.symbols import UNICODE, Signs
from pipelines.core.text import safe_text, width

_GAP = 2
_LABEL_LEAST, _LABEL_MOST = 16, 48
_BAR = 24


def table(shown: Table, columns: int, signs: Signs = UNICODE) -> list[Line]:
    """The whole table in at most so many columns: rows, contrasts, plot, notes."""
    lines = _rows(shown, columns, signs)
    if shown.contrasts:
        lines += [(), *contrasts(shown.contrasts, columns)]
    if shown.plot:
        of_tasks = shown.plot.get("kind") == MATRIX
        drawn = matrix(shown, columns, signs) if of_tasks else plane(shown.plot, columns, signs)
        lines += [(), *drawn]
    told = remarks(shown)
    if told:
        lines.append(())
    for remark in told:
        lines += [line(Span(part, "dim")) for part in wrap(safe_text(remark), columns)]
    return [crop(row, columns) for row in lines]


def text(shown: Table, columns: int, signs: Signs = UNICODE) -> str:
    """The table as bare text."""
    return plain(table(shown, columns, signs))


def cell_text(interval: Interval | None, usual: tuple[str, int]) -> str:
    """`0.880 ± 0.021`, and `(n=4)` or `(600 tasks)` where the rest of the column has it else."""
    if interval is None:
        return "n/a"
    if interval.mean is None:
        return ABSENT
    shown = metric(interval.mean) + spread(interval)
    beside = counted(interval, usual)
    return f"{shown} ({beside})" if beside else shown


def _rows(shown: Table, columns: int, signs: Signs) -> list[Line]:
    usual = {name: common(column(shown.rows, name)) for name in shown.metrics}
    head, labels = rowlabels(shown)
    cells = {
        name: [cell_text(row.values.get(name), usual[name]) for row in shown.rows]
        for name in shown.metrics
    }
    widths = _widths(cells, split=False)
    wanted = max(width(label) for label in (head, *labels))
    room = columns - max(_LABEL_LEAST, min(wanted, _LABEL_MOST))
    split = sum(widths.values()) + _GAP * len(widths) > room
    if split:
        widths = _widths(cells, split=True)
    groups = _groups(widths, room)
    lines: list[Line] = []
    for group in groups:
        used = sum(widths[name] + _GAP for name in group)
        label_width = max(_LABEL_LEAST, min(wanted, columns - used))
        bars = bool(group) and len(groups) == 1 and columns - used - label_width >= _BAR + _GAP
        lines += [()] if lines else []
        lines += _heads(group, widths, fit(head, label_width), split=split)
        if bars:
            lines[-1] = (*lines[-1], Span(_scale(shown), "dim"))
        for index, row in enumerate(shown.rows):
            texts = [right(cells[name][index], widths[name]) for name in group]
            spans = [Span(fit(labels[index], label_width)), Span(_columns(texts))]
            bar = _bar(shown, row, signs) if bars else ()
            lines.append((*spans, *bar))
    return lines


def _heads(group: Sequence[str], widths: dict[str, int], label: str, *, split: bool) -> list[Line]:
    """The names of the metrics, in one line or in two."""
    parts = [_parts(name) if split else ("", safe_text(name)) for name in group]
    tasks, names = (
        [right(part[place], widths[name]) for part, name in zip(parts, group, strict=True)]
        for place in (0, 1)
    )
    lines = [line(Span(" " * width(label) + _columns(tasks), "strong"))] if split else []
    return [*lines, line(Span(label + _columns(names), "strong"))]


def _widths(cells: dict[str, list[str]], *, split: bool) -> dict[str, int]:
    """Columns that each metric needs: for its values and its name, or the parts of its name."""
    return {
        name: max(
            width(text) for text in (*(_parts(name) if split else (safe_text(name),)), *texts)
        )
        for name, texts in cells.items()
    }


def _parts(metric_name: str) -> tuple[str, str]:
    """`high/` and `accuracy`: a head of two lines, where one would be too wide."""
    task, slash, rest = safe_text(metric_name).rpartition("/")
    return task + slash, rest


def _columns(texts: Sequence[str]) -> str:
    return "".join(" " * _GAP + text for text in texts)


def _scale(shown: Table) -> str:
    """The ends of the scale over the bars, which show the first metric, and its name."""
    ends = scale([row.values.get(shown.metrics[0]) for row in shown.rows])
    return " " * _GAP + ruler(*ends, _BAR, _parts(shown.metrics[0])[1]) if ends else ""


def _bar(shown: Table, row: Row, signs: Signs) -> Line:
    first = shown.metrics[0]
    ends = scale([other.values.get(first) for other in shown.rows])
    if ends is None:
        return ()
    return (Span(" " * _GAP), *interval_bar(row.values.get(first), *ends, _BAR, signs))


def _groups(widths: dict[str, int], room: int) -> list[list[str]]:
    """Metrics side by side as far as there is room; the rest goes into further blocks below."""
    groups: list[list[str]] = [[]]
    used = 0
    for name, size in widths.items():
        if groups[-1] and used + size + _GAP > room:
            groups.append([])
            used = 0
        groups[-1].append(name)
        used += size + _GAP
    return groups
