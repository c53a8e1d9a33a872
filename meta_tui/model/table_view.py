"""A table as a reader wants it: which rows and columns, in what order, in what groups. Pure.

Filtering hides rows and changes no number: p values stay corrected for all rows of the table.
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
"""Columns that tell rows apart and what to know of them; the others are numbers."""
STAGE = "stage"
"""The group by the block of the file that a row is of."""


class Column(NamedTuple):
    """One column: what it shows, of which axis or metric."""

    kind: Kind
    name: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """What the reader asked for.

    Attributes:
        sort: column to sort by; as the pipeline has it where there is none.
        falling: largest first.
        group: axis to group by, `stage`, or empty.
        words: what a row must have; see `fits`.
        differing: only columns in which rows differ.
    """

    sort: Column | None = None
    falling: bool = True
    group: str = ""
    words: str = ""
    differing: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Rows under one heading, which is empty where nothing is grouped."""

    heading: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The table as it is to be drawn or written."""

    table: Table
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    order: Order
    same: tuple[str, ...]
    """What was left out because all rows have it alike."""
    differences: _Differences
    """(label of a row, metric) -> its difference to the baseline."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows that are shown, in order."""
        return tuple(row for group in self.groups for row in group.rows)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that are shown."""
        return tuple(column.name for column in self.columns if column.kind == "mean")

    def contrast(self, row: Row, metric: str) -> Contrast | None:
        """The difference of a row to the baseline."""
        return self.differences.get((row.label, metric))


def arranged(table: Table, order: Order) -> Sheet:
    """The rows that fit, sorted and grouped, under the columns that are wanted."""
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
    """The axes that rows have, in the order in which they come."""
    return list(dict.fromkeys(axis for row in table.rows for axis in row.axes))


def choices(row: Row) -> str:
    """What `select` chose for a row: `lr=0.03`."""
    return ", ".join(f"{axis}={label}" for axis, label in row.chosen.items())


def falls(metric: str) -> bool:
    """Small values of the metric are good."""
    measure = Measure.parse(metric)
    return measure is not None and measure.falls


def fits(row: Row, words: str, rows: Sequence[Row]) -> bool:
    """Whether a row has every word: part of its name, `axis=label`, or `!` and what it has not.

    A label may be cut short unless some row has it just so: `lr=0.0` is `lr=0.03` too, but not
    where there is a row with `lr=0.0`.
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
    found = [row.values.get(metric) for row in rows]
    return len({interval and (interval.mean, interval.low) for interval in found}) == 1


def _sorted(
    rows: Sequence[Row], column: Column, differences: _Differences, *, falling: bool
) -> list[Row]:
    """By the column; rows without a value last, whichever way it goes, and equal ones as before."""
    key = _key(column, differences)
    known = [(row, found) for row in rows if (found := key(row)) is not None]
    unknown = [row for row in rows if key(row) is None]
    ordered = sorted(known, key=lambda pair: pair[1], reverse=falling)
    return [*(row for row, _ in ordered), *unknown]


Key = tuple[int, float, str]
"""Numbers before words."""


def _key(column: Column, differences: _Differences) -> Callable[[Row], Key | None]:
    def of(row: Row) -> Key | None:
        if column.kind == "stage":
            return 1, 0.0, row.stage
        if column.kind in ("axis", "chosen", "mark"):
            return _of_label(row, column)
        if column.kind in ("mean", "bar"):
            return _number(_mean(row.values.get(column.name)))
        found = differences.get((row.label, column.name))
        if found is None:
            return None
        if column.kind == "verdict":
            return 1, 0.0, found.verdict
        return _number(found.p if column.kind == "p" else found.difference.mean)

    return of


def _of_label(row: Row, column: Column) -> Key | None:
    """By the value of an axis where it is a number, whatever its label is."""
    if column.kind == "axis" and column.name in row.numbers:
        return _number(row.numbers[column.name])
    label = row.axes.get(column.name) if column.kind == "axis" else choices(row)
    return _natural(label or None)


def _mean(interval: Interval | None) -> float | None:
    return None if interval is None else interval.mean


def _number(value: float | None) -> Key | None:
    return None if value is None else (0, value, "")


def _natural(label: str | None) -> Key | None:
    """A label that is a number is sorted as one: 5, 10, 100."""
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
