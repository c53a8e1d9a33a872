"""Filtering, sorting and grouping the rows and columns of a table.

Filtering hides rows but changes no number: p values stay corrected for all rows of the table.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from math import isfinite
from typing import Literal, NamedTuple

from engine.library.artifacts import Contrast, Interval, Row, Table
from engine.library.comparison.metric_ref import Measure
from meta_tui.model.table_notes import marks

_Differences = Mapping[tuple[str, str], Contrast]
Kind = Literal["stage", "axis", "chosen", "mark", "mean", "bar", "difference", "p", "verdict"]
NAMES: tuple[Kind, ...] = ("stage", "axis", "chosen", "mark")
"""Text columns that identify and annotate rows; all others are numeric."""
STAGE = "stage"
"""Value of `Order.group` that groups rows by stage."""


class Column(NamedTuple):
    """One column: its kind, and its axis or metric."""

    kind: Kind
    name: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """Sort order, grouping and filter of a table.

    Attributes:
        sort: column to sort by; None keeps the order of the pipeline.
        falling: whether the largest comes first.
        group: axis to group by, `stage`, or empty.
        words: filter on rows; see `fits`.
        differing: whether to show only columns in which rows differ.
    """

    sort: Column | None = None
    falling: bool = True
    group: str = ""
    words: str = ""
    differing: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Rows under one heading; empty heading if rows are not grouped."""

    heading: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A filtered, sorted and grouped table, ready to render or export."""

    table: Table
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    order: Order
    same: tuple[str, ...]
    """Columns omitted because all rows have the same value."""
    differences: _Differences
    """(row label, metric) -> difference to the baseline."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """All visible rows, in order."""
        return tuple(row for group in self.groups for row in group.rows)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The visible metrics."""
        return tuple(column.name for column in self.columns if column.kind == "mean")

    def contrast(self, row: Row, metric: str) -> Contrast | None:
        """Return the difference of a row to the baseline."""
        return self.differences.get((row.label, metric))


def arranged(table: Table, order: Order) -> Sheet:
    """Filter, sort and group the rows of a table."""
    rows = [row for row in table.rows if fits(row, order.words, table.rows)]
    differences: dict[tuple[str, str], Contrast] = {}
    for contrast in table.contrasts:
        if contrast.right == table.baseline:
            differences.setdefault((contrast.left, contrast.metric), contrast)
    compared = {metric for _, metric in differences}
    columns, same = _columns(table, rows, compared, differing=order.differing)
    if order.sort is not None:
        rows = _sorted(rows, order.sort, differences, falling=order.falling)
    return Sheet(table, columns, _grouped(rows, order.group), order, same, differences)


def axes(table: Table) -> list[str]:
    """Return the axes of all rows, in order of appearance."""
    return list(dict.fromkeys(axis for row in table.rows for axis in row.axes))


def choices(row: Row) -> str:
    """Return what `select` chose for a row: `lr=0.03`."""
    return ", ".join(f"{axis}={label}" for axis, label in row.chosen.items())


def falls(metric: str) -> bool:
    """Return whether lower is better for a metric."""
    measure = Measure.parse(metric)
    return measure is not None and measure.falls


def fits(row: Row, words: str, rows: Sequence[Row]) -> bool:
    """Return whether a row matches every word: part of its name, `axis=label`, or `!word`.

    A label matches as a prefix unless some row has exactly that label: `lr=0.0` matches `lr=0.03`,
    but not if there is a row with `lr=0.0`.
    """
    return all(_has(row, word, rows) for word in words.split())


def _has(row: Row, word: str, rows: Sequence[Row]) -> bool:
    if word.startswith("!"):
        return len(word) == 1 or not _has(row, word[1:], rows)
    axis, equals, label = word.partition("=")
    if equals and any(axis in _traits(other) for other in rows):
        exact = any(_traits(other).get(axis) == label for other in rows)
        own = _traits(row).get(axis)
        return own is not None and (own == label if exact else own.startswith(label))
    return word.casefold() in row.label.casefold()


def _traits(row: Row) -> dict[str, str]:
    return {STAGE: row.stage, **row.chosen, **row.axes}


def _columns(
    table: Table, rows: Sequence[Row], compared: Set[str], *, differing: bool
) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    columns = [Column("stage")]
    same: list[str] = []
    for axis in axes(table):
        labels = {row.axes.get(axis) for row in rows}
        if differing and len(labels) == 1:
            same += [f"{axis}={label}" for label in labels if label is not None]
        else:
            columns.append(Column("axis", axis))
    if any(row.chosen for row in rows):
        columns.append(Column("chosen"))
    if any(marks(table.rows)):
        columns.append(Column("mark"))
    for metric in table.metrics:
        if differing and len(rows) > 1 and _alike(rows, metric):
            same.append(metric)
            continue
        columns += [Column("mean", metric), Column("bar", metric)]
        if metric in compared:
            columns += [Column(kind, metric) for kind in ("difference", "p", "verdict")]
    return tuple(columns), tuple(same)


def _alike(rows: Sequence[Row], metric: str) -> bool:
    intervals = [row.values.get(metric) for row in rows]
    return len({interval and (interval.mean, interval.low) for interval in intervals}) == 1


def _sorted(
    rows: Sequence[Row], column: Column, differences: _Differences, *, falling: bool
) -> list[Row]:
    """Sort stably by a column; rows without a value come last in both directions."""
    key = _key(column, differences)
    known = [(row, value) for row in rows if (value := key(row)) is not None]
    unknown = [row for row in rows if key(row) is None]
    ordered = sorted(known, key=lambda pair: pair[1], reverse=falling)
    return [*(row for row, _ in ordered), *unknown]


Key = tuple[int, float, str]
"""Sort key: numbers before text."""


def _key(column: Column, differences: _Differences) -> Callable[[Row], Key | None]:
    def of(row: Row) -> Key | None:
        if column.kind == "stage":
            return 1, 0.0, row.stage
        if column.kind in ("axis", "chosen", "mark"):
            return _of_label(row, column)
        if column.kind in ("mean", "bar"):
            return _number(_mean(row.values.get(column.name)))
        contrast = differences.get((row.label, column.name))
        if contrast is None:
            return None
        if column.kind == "verdict":
            return 1, 0.0, contrast.verdict
        return _number(contrast.p if column.kind == "p" else contrast.difference.mean)

    return of


def _of_label(row: Row, column: Column) -> Key | None:
    """Return the key of a text column; an axis with numeric values sorts by them."""
    if column.kind == "axis" and column.name in row.numbers:
        return _number(row.numbers[column.name])
    label = row.axes.get(column.name) if column.kind == "axis" else choices(row)
    return _natural(label or None)


def _mean(interval: Interval | None) -> float | None:
    return None if interval is None else interval.mean


def _number(value: float | None) -> Key | None:
    return None if value is None else (0, value, "")


def _natural(label: str | None) -> Key | None:
    """Return the key of a label; labels that are numbers sort as numbers: 5, 10, 100."""
    if label is None:
        return None
    try:
        value = float(label)
    except ValueError:
        return 1, 0.0, label
    return (0, value, "") if isfinite(value) else (1, 0.0, label)


def _grouped(rows: Sequence[Row], axis: str) -> tuple[Group, ...]:
    if not axis:
        return (Group("", tuple(rows)),)
    lots: dict[str | None, list[Row]] = {}
    for row in rows:
        label = row.stage if axis == STAGE else row.axes.get(axis)
        lots.setdefault(label, []).append(row)
    return tuple(
        Group(f"no {axis}" if label is None else f"{axis}={label}", tuple(lot))
        for label, lot in lots.items()
    )
