"""Results of a run's cells as a screen needs them: tables, scores, published curves.

Reads the store and changes nothing. A result that is not there any more is told, not raised.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.library.artifacts import Gallery, Scores, Table
from engine.store import Damaged, Miss, Result, Store
from meta_tui.model.curves import Curves, published
from meta_tui.model.run_reducer import CellView, RunView
from pipelines.core import reading
from pipelines.core.errors import MetaError
from pipelines.core.text import safe_text

_UNREADABLE = (
    MetaError, OSError, ValueError, KeyError, TypeError, AttributeError, IndexError,
    OverflowError,
)  # fmt: skip
"""What reading a result raises where its bytes are not what they should be."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A result that cannot be shown, and why."""

    reason: str
    damaged: bool = False
    """Its bytes are not those that were published."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of a cell.

    Attributes:
        file: name for it, with its place in the gallery: `000-fits.png`.
        caption: safe to show.
        size: pixels across and down.
        path: where its bytes lie in the store.
        png: the bytes.
    """

    file: str
    caption: str
    size: tuple[int, int]
    path: Path
    png: bytes = field(repr=False)


def tables(view: RunView, store: Store) -> Iterator[tuple[CellView, Table | Missing]]:
    """The tables of the run's `compare` cells that have a result, in the order of the file."""
    for cell in view.cells:
        if cell.key and cell.type == "compare" and cell.state.over:
            found = artifact(cell, store)
            if isinstance(found, Table | Missing):
                yield cell, found


def result(cell: CellView, store: Store) -> Result | Missing:
    """The result of a cell; one of which an object is damaged too, for what is whole of it."""
    if not cell.key:
        return Missing(f"{cell.name} has no result in this run: it is {cell.state.value}")
    found = store.result(cell.key)
    if isinstance(found, Result):
        return found
    if found.damaged and (told := store.manifest(cell.key)) is not None:
        return told
    return _lost(cell, found.reason, damaged=found.damaged)


def damage(cell: CellView, store: Store) -> Missing | None:
    """What is damaged of a cell's result, as far as sizes and times tell."""
    found = store.result(cell.key) if cell.key else None
    if isinstance(found, Miss) and found.damaged:
        return _lost(cell, found.reason, damaged=True)
    return None


def artifact(cell: CellView, store: Store) -> Table | Scores | Missing | None:
    """What of a cell's result can be shown as text: its table, else its scores, else None."""
    found = result(cell, store)
    if isinstance(found, Missing):
        return found
    kinds: tuple[type[Table] | type[Scores], ...] = (Table, Scores)
    for kind in kinds:
        for output in found.outputs.values():
            if output.type == kind.__name__:
                try:
                    return kind.read(store.files(output))
                except _UNREADABLE as error:
                    return _unreadable(cell, found, error)
    return None


def has_pictures(cell: CellView, store: Store) -> bool:
    """Whether a cell's result holds a gallery; reads its description, not the pictures."""
    found = result(cell, store)
    return isinstance(found, Result) and any(
        output.type == Gallery.__name__ for output in found.outputs.values()
    )


def pictures(cell: CellView, store: Store) -> tuple[Shown, ...] | Missing:
    """The pictures of a cell's galleries, in order; none where it has no gallery."""
    found = result(cell, store)
    if isinstance(found, Missing):
        return found
    shown: list[Shown] = []
    for output in found.outputs.values():
        if output.type == Gallery.__name__:
            try:
                files = store.files(output)
                gallery = Gallery.read(files)
            except _UNREADABLE as error:
                return _unreadable(cell, found, error)
            for name, item in zip(gallery.names, gallery.pictures, strict=True):
                caption = safe_text(item.caption, limit=1000)
                shown.append(Shown(name, caption, item.size, files[name], item.png))
    return tuple(shown)


def curves(cell: CellView, store: Store) -> Curves | Missing:
    """The published curves of a finished or cached cell; empty where it reported none."""
    found = result(cell, store)
    if isinstance(found, Missing):
        return found
    if found.curves is None:
        return {}
    try:
        return published(reading.decoded(store.read_object(found.curves.sha256)))
    except _UNREADABLE as error:
        return _unreadable(cell, found, error)


def curves_or_none(cell: CellView, store: Store) -> Curves:
    """As `curves`; empty too where they cannot be read, for who shows other things of the cell."""
    found = curves(cell, store)
    return {} if isinstance(found, Missing) else found


def _unreadable(cell: CellView, found: Result, error: Exception) -> Missing:
    """Why something of a result is not shown, in the words of `meta plan` and `meta run`."""
    if isinstance(error, Damaged):
        return _lost(cell, found.damage(error.digest, error.reason), damaged=True)
    return Missing(f"{cell.name}: {safe_text(str(error))}")


def _lost(cell: CellView, why: str, *, damaged: bool) -> Missing:
    told = f"{cell.name}: {safe_text(why, limit=500)}; `meta run` computes it again"
    return Missing(told, damaged=damaged)
