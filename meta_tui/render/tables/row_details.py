"""What is known of one row of a table: its value at each seed, and all its differences."""

from engine.library.artifacts import Contrast, Interval, Row
from meta_tui.model.table_notes import kinded
from meta_tui.model.table_view import Sheet, choices
from meta_tui.render.tables.contrasts import difference, real, short
from meta_tui.render.tables.table import cell_text
from meta_tui.render.text.numbers import chance, metric
from meta_tui.render.text.spans import Line, Span, Style, line, wrap
from pipelines.core.text import numbered, safe_text

_MOST_SEEDS = 40


def rowdetail(sheet: Sheet, row: Row, columns: int) -> list[Line]:
    """The row's name, a paragraph for each metric, its other differences, its notes."""
    chosen = f"  [{choices(row)}]" if row.chosen else ""
    lines = [line(Span(part, "strong")) for part in wrap(safe_text(row.label + chosen), columns)]
    for name in sheet.table.metrics:
        if name in row.values:
            told = f"{name} {_value(row.values[name])}"
            lines += [line(part) for part in wrap(safe_text(told), columns)]
            own = sheet.contrast(row, name)
            lines += _difference(own, columns) if own else []
    for pair in sheet.table.contrasts:
        # Those to the baseline are told with the row that is compared with it.
        if pair.right != sheet.table.baseline and row.label in (pair.left, pair.right):
            lines += _difference(pair, columns, named=True)
    for note in row.notes:
        lines += [line(Span(part, "dim")) for part in wrap(safe_text(note), columns)]
    return lines


def _value(interval: Interval) -> str:
    """`0.880 ± 0.021 (5 seeds): seed 0 0.860, 1 0.910`.

    Of classes also `(28 classes; over 600 draws of these ± 0.004, as papers print it)`.
    """
    told = f"{cell_text(interval, (interval.over, interval.n))} ({kinded(interval)}"
    if interval.of_draws is not None:
        half = metric(interval.of_draws)
        told += f"; over {numbered(interval.draws, 'draws')} of these ± {half}, as papers print it"
    told += ")"
    if interval.dropped:
        told += f", {interval.dropped} diverged or missing"
    if len(interval.values) < 2:  # noqa: PLR2004 (a lone value is told already)
        return told
    seeds = list(interval.values.items())
    shown = ", ".join(f"{seed} {metric(value)}" for seed, value in seeds[:_MOST_SEEDS])
    left = f" and {len(seeds) - _MOST_SEEDS} more" if len(seeds) > _MOST_SEEDS else ""
    return f"{told}: seed {shown}{left}"


def _difference(pair: Contrast, columns: int, *, named: bool = False) -> list[Line]:
    """`  - probe: +0.100 ± 0.020 (5 seeds), p=0.003 by Holm: distinguishable at 5 %`."""
    head = f"{pair.metric}: {pair.left} - {pair.right}" if named else f"- {pair.right}"
    p = chance(pair.p)
    told = f"  {head}: {difference(pair)} ({kinded(pair.difference)})"
    if p:
        told += f", p{'' if p.startswith('<') else '='}{p} by Holm"
    told += f": {short(pair)}"
    if pair.difference.dropped:
        what = "learners" if pair.difference.over == "learners" else "pairs"
        told += f" ({numbered(pair.difference.dropped, what)} dropped)"
    style: Style = "accent" if real(pair) else "dim"
    parts = wrap(safe_text(told), columns - 2, "  ")
    return [line(Span(f"  {part}", style)) for part in parts]
