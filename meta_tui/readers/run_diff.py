"""Two runs beside each other: what they were asked, their files, numbers and curves."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from engine.library.artifacts import Table
from engine.rundir.run_folder import RunFolder
from engine.store import Store
from meta_tui.model.curves import Curves
from meta_tui.model.run_reducer import CellView, RunView, State
from meta_tui.readers.request_diff import differences
from meta_tui.readers.results import curves_or_none, tables
from meta_tui.readers.run_header import Entry, asked
from meta_tui.readers.run_reader import Feed
from pipelines.core.text import safe_text

_CONTEXT = 1
Overlaid = list[tuple[CellView, Curves]]


@dataclass(frozen=True, slots=True)
class Number:
    """A metric of one row, or of one cell, in both runs; None where a run has none."""

    row: str
    metric: str
    old: float | None
    new: float | None


@dataclass(frozen=True, slots=True)
class RunDiff:
    """The runs, the older first."""

    old: RunView
    new: RunView
    asked: tuple[str, ...]
    """What the newer one was asked otherwise."""
    edits: tuple[str, ...]
    """Lines of the files that differ, with a sign and a little around them."""
    numbers: tuple[Number, ...]
    learned: Mapping[str, Overlaid] = field(default_factory=dict)
    """Stage -> curves of one of its cells in each run, where any reports some."""


def compared(old: Entry, new: Entry, store: Store) -> RunDiff:
    """Read both runs. Takes as long as their journals are."""
    views = [_whole(entry.folder) for entry in (old, new)]
    both = asked(old), asked(new)
    told: tuple[str, ...] = ("what one of them was asked for is not there",)
    edits: tuple[str, ...] = ()
    if both[0] is not None and both[1] is not None:
        told = differences(both[0], both[1])
        edits = tuple(_edits(both[0][1], both[1][1]))
    sides = [_numbers(view, store) for view in views]
    numbers = [
        Number(row, metric, sides[0].get((row, metric)), sides[1].get((row, metric)))
        for row, metric in dict.fromkeys((*sides[0], *sides[1]))
    ]
    return RunDiff(
        views[0], views[1], told, edits, tuple(numbers), _learned(views, (old, new), store)
    )


def _learned(
    views: Sequence[RunView], entries: tuple[Entry, Entry], store: Store
) -> Mapping[str, Overlaid]:
    stages = dict.fromkeys(cell.stage for view in views for cell in view.cells)
    found: dict[str, Overlaid] = {}
    for stage in stages:
        overlaid = [
            (cell, _curves(cell, entry.folder, store))
            for cell, entry in zip(_pair(views, stage), entries, strict=True)
            if cell is not None
        ]
        if any(learned for _, learned in overlaid):
            found[stage] = overlaid
    return found


def _pair(views: Sequence[RunView], stage: str) -> list[CellView | None]:
    """The first cell of a stage that both runs began, else of each run its first.

    The cells get the run as their only axis, by which a legend then tells them apart.
    """
    sides = [
        {cell.name: cell for cell in view.cells if cell.stage == stage and cell.key}
        for view in views
    ]
    common = next((name for name in sides[0] if name in sides[1]), None)
    names = [common or next(iter(cells), None) for cells in sides]
    return [
        replace(cells[name], axes={"run": view.run}, ordinal=place) if name else None
        for place, (view, cells, name) in enumerate(zip(views, sides, names, strict=True))
    ]


def _whole(folder: RunFolder) -> RunView:
    feed = Feed(folder)
    feed.poll(float("inf"))
    return feed.view


def _edits(old: str, new: str) -> Iterator[str]:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=_CONTEXT)
    for text in list(lines)[2:]:
        yield safe_text("…" if text.startswith("@@") else text.expandtabs(4), limit=500)


def _numbers(view: RunView, store: Store) -> dict[tuple[str, str], float]:
    """The means of the run's tables by row and metric; without a table the scores of its cells."""
    found: dict[tuple[str, str], float] = {}
    for _, table in tables(view, store):
        if isinstance(table, Table):
            for row in table.rows:
                for metric, interval in row.values.items():
                    if interval.mean is not None:
                        found[safe_text(row.label), safe_text(metric)] = interval.mean
    if found:
        return found
    return {
        (cell.name, metric): value for cell in view.cells for metric, value in cell.scores.items()
    }


def _curves(cell: CellView, folder: RunFolder, store: Store) -> Curves:
    """What a cell learned: as it was published, else as it goes on."""
    published = curves_or_none(cell, store) if cell.state in {State.DONE, State.CACHED} else {}
    if published:
        return published
    feed = Feed(folder)
    feed.poll(float("inf"))
    own = next((item for item in feed.view.cells if item.name == cell.name), None)
    if own is None:
        return {}
    feed.poll_metrics(own.ordinal, float("inf"))
    return own.curves
