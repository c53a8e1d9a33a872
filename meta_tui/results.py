"""Results of a run's cells as a screen needs them: tables, scores, published curves.

Reads the store and changes nothing. A result that is not there any more is told, not raised.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.artifacts import Gallery, Scores, Table
from engine.store import Result, Store
from meta_tui.curves import Curves, published
from meta_tui.view import CellView, RunView
from pipelines import reading
from pipelines.errors import MetaError
from pipelines.text import safe_text


@dataclass(frozen=True, slots=True)
class Missing:
    """A result that cannot be shown, and why."""

    reason: str


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
    """The result of a cell."""
    if not cell.key:
        return Missing(f"{cell.name} has no result in this run: it is {cell.state.value}")
    found = store.result(cell.key)
    if isinstance(found, Result):
        return found
    return Missing(f"{cell.name}: {found.reason}; `meta run` computes it again")


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
                except (MetaError, OSError, ValueError, KeyError, TypeError) as error:
                    return Missing(f"{cell.name}: {safe_text(str(error))}")
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
            except (MetaError, OSError, ValueError, KeyError, TypeError) as error:
                return Missing(f"{cell.name}: {safe_text(str(error))}")
            for name, item in zip(gallery.names, gallery.pictures, strict=True):
                caption = safe_text(item.caption, limit=1000)
                shown.append(Shown(name, caption, item.size, files[name], item.png))
    return tuple(shown)


def curves(cell: CellView, store: Store) -> Curves:
    """The published curves of a finished or cached cell; empty where it reported none."""
    found = result(cell, store)
    if isinstance(found, Missing) or found.curves is None:
        return {}
    try:
        data = reading.decoded(store.read_object(found.curves.sha256))
    except (MetaError, OSError, ValueError):
        return {}  # The curves are an ornament of the result: the numbers are shown without them.
    return published(data)
