"""A block and what its inputs offer -> rows: the axes and wires of each of its cells."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.core.cells import Wire
from pipelines.core.text import listed, shown, suggestion
from pipelines.expansion.axes import (
    SEED,
    Axis,
    ClashError,
    Index,
    Row,
    crossed,
    join,
    lost,
    merged,
    seed_last,
)
from pipelines.expansion.port_inputs import Feed, fresh
from pipelines.expansion.values import Draft
from pipelines.schema.schema import CELLS
from pipelines.yaml.problem_report import Report
from pipelines.yaml.reader import Path
from pipelines.yaml.scalars import canonical


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for every block of a file."""

    seeds: int
    cells: int
    """Cells that may still be made."""
    most: int
    """Cells that a pipeline may have."""


@dataclass(slots=True)
class Expansion:
    """Makes the rows of one block."""

    draft: Draft
    feeds: Sequence[Feed]
    report: Report
    space: dict[str, Axis] = field(default_factory=dict)
    """The axes of the block, once its rows are made."""

    def rows(self, limits: Limits) -> list[Row] | None:
        """The cells' axes and wires: inputs joined, own axes and seed crossed, less `exclude`."""
        single = [feed for feed in self.feeds if not feed.port.many]
        inherited = self._inherited(single)
        if inherited is None:
            return None
        self.space = inherited
        rows = [Row({}, {})]
        for feed in single:
            rows = join(rows, feed.rows, limits.cells)
        if not rows:
            self._report_empty(single)
            return None
        own = self._own(limits)
        if own is None:
            return None
        if len(rows) <= limits.cells:
            self._warn_lost(single, rows)
        joined = len(rows)
        rows = crossed(rows, own, limits.cells)
        self.space.update({axis.name: axis for axis in own})
        if len(rows) > limits.cells:
            self._report_many(joined, own, limits)
            return None
        kept = self._kept(rows)
        if kept is None:
            return None
        return self._gathered([Row(seed_last(row.axes), row.wires) for row in kept])

    def _inherited(self, single: Sequence[Feed]) -> dict[str, Axis] | None:
        space: dict[str, Axis] = {}
        for feed in single:
            try:
                space = merged([space, feed.space])
            except ClashError as clash:
                self.report.error(feed.path, clash.message, clash.hint)
                return None
        return space

    def _own(self, limits: Limits) -> list[Axis] | None:
        """The axes that the block adds: its matrix, and the seed where it draws at random."""
        draft = self.draft
        path: Path = (*draft.path, "matrix")
        news = [
            fresh(draft.name, axis, self.space, (*path, name), self.report)
            for name, axis in draft.own.items()
        ]
        own = list(draft.own.values())
        seeds = draft.block.seeds
        if seeds is not None and (SEED in self.space or not draft.kind.draws):
            why = f"`{draft.kind.name}` draws nothing at random"
            if SEED in self.space:
                why = f"it inherits the axis `seed` from `{self.space[SEED].stage}`"
            path = (*draft.path, "seeds")
            self.report.error(path, f"`seeds` has no effect on `{draft.name}`: {why}", key=True)
            return None
        count = limits.seeds if seeds is None else seeds
        if draft.kind.draws and SEED not in self.space and count > 1:
            places: dict[str, Path] = {str(i): (*draft.path, "seeds") for i in range(count)}
            own.append(Axis(SEED, {str(i): i for i in range(count)}, draft.name, places))
        return own if all(news) else None

    def _kept(self, rows: list[Row]) -> list[Row] | None:
        """The rows that no entry of `exclude` matches."""
        entries: list[dict[str, str]] = []
        right = True
        for index, raw in enumerate(self.draft.block.exclude or ()):
            path: Path = (*self.draft.path, "exclude", index)
            entry = self._excluded(raw, path)
            right = right and entry is not None
            entries.append(entry or {})
        if not right:
            return None
        kept = [
            row for row in rows if not any(entry.items() <= row.axes.items() for entry in entries)
        ]
        if not kept:
            self.report.error((*self.draft.path, "exclude"), "`exclude` leaves no cell", key=True)
        return kept or None

    def _excluded(self, raw: Mapping[str, Any], path: Path) -> dict[str, str] | None:
        entry: dict[str, str] = {}
        if not raw:
            self.report.error(path, "an entry of `exclude` names at least one axis")
        for name, value in raw.items():
            axis = self.space.get(name)
            if axis is None:
                hint = suggestion(name, self.space, "its axes")
                message = f"`{self.draft.name}` has no axis `{shown(name)}`"
                self.report.error((*path, name), message, hint, key=True)
                continue
            label = None if isinstance(value, dict | list) else axis.label(canonical(value))
            if label is None:
                hint = suggestion(shown(value), axis.values, "its values")
                message = f"the axis `{name}` has no value `{shown(value)}`"
                self.report.error((*path, name), message, hint)
                continue
            entry[name] = label
        return entry if entry and len(entry) == len(raw) else None

    def _gathered(self, rows: list[Row]) -> list[Row] | None:
        """The rows with every many-valued port connected to all that agrees with their axes."""
        for feed in self.feeds:
            if not feed.port.many:
                continue
            if not self._agree(feed):
                return None
            index, port = Index(feed.rows), feed.port.name
            known: dict[tuple[str, ...], tuple[Wire, ...]] = {}
            joined: list[Row] = []
            for row in rows:
                key = tuple(row.axes.get(name, "") for name in feed.space)
                if key not in known:
                    found = index.agreeing(row.axes)
                    known[key] = tuple(wire for each in found for wire in each.wires[port])
                if not known[key]:
                    self._report_empty([feed])
                    return None
                joined.append(Row(row.axes, {**row.wires, port: known[key]}))
            rows = joined
        return rows

    def _agree(self, feed: Feed) -> bool:
        """Whether the axes that a many-valued port shares with the block are the same."""
        shared = [name for name in feed.space if name in self.space]
        spaces = [{name: space[name] for name in shared} for space in (self.space, feed.space)]
        try:
            merged(spaces)
        except ClashError as clash:
            self.report.error(feed.path, clash.message, clash.hint)
            return False
        return True

    def _report_many(self, joined: int, own: Sequence[Axis], limits: Limits) -> None:
        """Report more cells than may be, with how many there would be and of what.

        Of rows that its inputs join to, no more were made than tell that they are too many.
        """
        sizes = [*([joined] if joined > 1 else []), *(len(axis.values) for axis in own)]
        count, endless = math.prod(sizes), joined > limits.cells
        told = f"{'more than ' if endless else ''}{count:,} cells in `{self.draft.name}`"
        if len(sizes) > 1:
            told += f" ({' x '.join(f'{size:,}' for size in sizes)})"
        before = limits.most - limits.cells
        told += f" after {before:,} of other stages" if before else ""
        hint = "use fewer values or axes"
        if before + count <= CELLS and not endless:
            hint = f"`max_cells: {before + count}` or more, or fewer values or axes"
        message = f"{told}, the limit is {limits.most:,}"
        self.report.error(self.draft.path, message, hint, key=True)

    def _report_empty(self, feeds: Sequence[Feed]) -> None:
        inputs = listed(f"{feed.port.name}: {', '.join(feed.sources)}" for feed in feeds)
        message = (
            f"the axes of `{self.draft.name}` join to nothing: no combination is in all inputs"
        )
        path: Path = (*self.draft.path, "from")
        self.report.error(path, message, f"inputs: {inputs}; see their `exclude`s", key=True)

    def _warn_lost(self, single: Sequence[Feed], rows: list[Row]) -> None:
        if "lossy-join" in self.draft.block.allow:
            return
        for feed in single:
            for name, labels in lost(feed.rows, rows).items():
                message = (
                    f"`{self.draft.name}` leaves out {name}={', '.join(labels)} of "
                    f"{listed(feed.sources)}: its other inputs do not have it"
                )
                hint = "silence with `allow: [lossy-join]`"
                self.report.warn(feed.path, message, hint, key=True, code="lossy-join")
