"""Axes and how they flow along edges: labels, picks, and the natural join. Pure.

A stage has one cell for each row of the join of its single-valued inputs, times its own axes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.core.facts import as_number
from pipelines.core.text import shown
from pipelines.yaml.reader import Path
from pipelines.yaml.scalars import canonical, scalar

LABEL = re.compile(r"[A-Za-z0-9._+-]{1,40}")
Labels = Mapping[str, str]
"""Axis -> label."""
SEED = "seed"
_WHOLE = 2.0**63
"""Whole numbers in a file are smaller."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A named list of values, as it was declared."""

    name: str
    values: Mapping[str, Any]
    """Label -> value, in order."""
    stage: str
    """The stage that declares it."""
    places: Mapping[str, Path]
    """Label -> where its value stands in the file."""

    def label(self, text: str) -> str | None:
        """The label that a pick means: itself, or one with an equal number (`1` for `1.0`)."""
        if text in self.values:
            return text
        try:
            value = scalar(text)
        except ValueError:
            return None
        for label, given in self.values.items():
            if type(value) in (int, float) and type(given) in (int, float) and value == given:
                return label
        return None

    def same(self, other: "Axis") -> bool:
        """Whether both were declared with equal lists of values."""
        return self is other or _alike(self.values, other.values)


@dataclass(frozen=True, slots=True)
class Row:
    """One way to connect some ports: the axes it has, and a cell's output for each port."""

    axes: Labels
    wires: Mapping[str, Any]


class ClashError(ValueError):
    """Two axes cannot stand together, or values cannot be labelled; `label` says which."""

    def __init__(self, message: str, hint: str = "", at: str | int | None = None) -> None:
        super().__init__(message)
        self.message, self.hint, self.at = message, hint, at


def declared(name: str, raw: Any, stage: str, path: Path) -> Axis | list[ClashError]:
    """The axis of a list of values or a mapping of labels to values; or all that is wrong with it.

    It may be neither, or empty, or have values without labels that tell them apart.
    """
    if not isinstance(raw, list | dict):
        message = f"the axis `{name}` is a list or a mapping of labels, not {shown(raw)}"
        return [ClashError(message, f"write `{name}: [{shown(raw)}]`")]
    if not raw:
        hint = f"give it at least one, as `{name}: [...]`, or leave the axis out"
        return [ClashError(f"the axis `{name}` has no values", hint)]
    values: dict[str, Any] = {}
    places: dict[str, Path] = {}
    wrong: list[ClashError] = []
    items: Iterable[tuple[Any, Any]] = raw.items() if isinstance(raw, dict) else enumerate(raw)
    for at, value in items:
        try:
            label = str(at) if isinstance(raw, dict) else _label(name, value, at)
            _checked(name, label, at, values, value)
        except ClashError as clash:
            wrong.append(clash)
        else:
            values[label] = value
            places[label] = (*path, at)
    return wrong or Axis(name, values, stage, places)


def _checked(name: str, label: str, at: Any, known: Mapping[str, Any], value: Any) -> None:
    if not LABEL.fullmatch(label):
        hint = _labelled(name) if isinstance(at, int) else ""
        message = f"`{shown(label)}` cannot label a value: use A-Z a-z 0-9 . _ + -"
        raise ClashError(message, hint, at)
    if label in known:
        message = f"two values of the axis `{name}` are both named `{label}`"
        same = _alike(known[label], value)
        hint = "they are the same value: leave one of them out" if same else _labelled(name)
        raise ClashError(message, hint, at)


def _label(name: str, value: Any, at: int) -> str:
    if isinstance(value, dict) and isinstance(value.get("kind"), str):
        return str(value["kind"])
    if isinstance(value, dict | list):
        raise ClashError(f"this value of the axis `{name}` has no name", _labelled(name), at)
    if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE:
        return str(int(value))  # 1.0 is the number 1, and -0.0 is 0
    return canonical(value)


def _alike(one: Any, other: Any) -> bool:
    """Whether two values of a file are equal: 1 and 1.0 are, true and 1 are not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    return bool(one == other)


def labelled_numbers(labels: Labels, space: Mapping[str, Axis]) -> dict[str, float]:
    """Axis -> its value, where that is a number and its label is not the text of it.

    Args:
        labels: of a cell.
        space: the axes that it may have.
    """
    found = {}
    for name, label in labels.items():
        value = space[name].values.get(label) if name in space else None
        number = type(value) in (int, float)
        if number and as_number(label) != value:
            found[name] = float(value)  # type: ignore[arg-type]
    return found


def _labelled(name: str) -> str:
    return f"give labels: `{name}: {{first: ..., second: ...}}`"


def merged(spaces: Iterable[Mapping[str, Axis]]) -> dict[str, Axis]:
    """All axes of several spaces.

    Raises:
        ClashError: one name was declared in two places with different values.
    """
    found: dict[str, Axis] = {}
    for space in spaces:
        for name, axis in space.items():
            other = found.setdefault(name, axis)
            if not other.same(axis):
                raise ClashError(
                    f"the axis `{name}` of `{other.stage}` is {_values(other)}, "
                    f"that of `{axis.stage}` is {_values(axis)}",
                    "give both the same values, or one of them another name",
                    name,
                )
    return found


def _values(axis: Axis) -> str:
    return "[" + shown(", ".join(axis.values), 60) + "]"


Found = list[tuple[int, Row]]


class Index:
    """Rows, found by the labels of axes that they share with others. A missing axis agrees."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._groups: dict[tuple[str, ...], list[tuple[int, Row]]] = {}
        self._tables: dict[tuple[tuple[str, ...], ...], dict[tuple[str, ...], Found]] = {}
        for position, row in enumerate(rows):
            self._groups.setdefault(tuple(row.axes), []).append((position, row))

    def agreeing(self, axes: Labels) -> list[Row]:
        """The rows that have no other label on any axis of these, in order."""
        found: Found = []
        for names, rows in self._groups.items():
            shared = tuple(name for name in names if name in axes)
            table = self._tables.get((names, shared))
            if table is None:
                table = self._tables[names, shared] = {}
                for item in rows:
                    key = tuple(item[1].axes[name] for name in shared)
                    table.setdefault(key, []).append(item)
            found = found + table.get(tuple(axes[name] for name in shared), [])
        if len(self._groups) > 1:
            found.sort(key=lambda item: item[0])
        return [row for _, row in found]


def join(left: Sequence[Row], right: Sequence[Row], limit: int) -> list[Row]:
    """Every pair of rows that agree on the axes they share, in order; at most limit + 1 of them."""
    index = Index(right)
    found: list[Row] = []
    for row in left:
        for other in index.agreeing(row.axes):
            found.append(Row({**row.axes, **other.axes}, {**row.wires, **other.wires}))
            if len(found) > limit:
                return found
    return found


def crossed(rows: Sequence[Row], axes: Iterable[Axis], limit: int) -> list[Row]:
    """Every row with every combination of some axes that it does not have."""
    found = list(rows)
    for axis in axes:
        if len(found) * len(axis.values) > limit:
            return [*found, *found[:1] * (limit + 1)][: limit + 1]
        labels = [{axis.name: label} for label in axis.values]
        found = [Row({**row.axes, **label}, row.wires) for row in found for label in labels]
    return found


def lost(before: Iterable[Row], after: Iterable[Row]) -> dict[str, list[str]]:
    """Axis -> labels that some row had before and none has after."""
    had, have = _labels(before), _labels(after)
    gone = {name: [label for label in had[name] if label not in have.get(name, {})] for name in had}
    return {name: labels for name, labels in gone.items() if labels}


def _labels(rows: Iterable[Row]) -> dict[str, dict[str, None]]:
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        for name, label in row.axes.items():
            found.setdefault(name, {})[label] = None
    return found


def seed_last(axes: Labels) -> Labels:
    """The same labels in the order in which a cell's name shows them."""
    if SEED not in axes:
        return axes
    return {**{name: label for name, label in axes.items() if name != SEED}, SEED: axes[SEED]}
